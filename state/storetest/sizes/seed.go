package sizes

import (
	"os"
	"strconv"
	"time"
)

// SeedVariable is the environment variable that gives the sampling tests the seed of an earlier run.
const SeedVariable = "DOGEAR_SEED"

// Seed returns the seed for a test that chooses at random: what DOGEAR_SEED says, else another one each time. The test
// names it in its failure messages, so that the same choices can be made again.
func Seed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv(SeedVariable), 10, 64); err == nil {
		return seed
	}
	return uint64(time.Now().UnixNano())
}
