package filestore

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

var errDied = errors.New("the process is dead")

// realDir is a directory for one case, removed at the end of the case rather than of the test.
func realDir(t *testing.T, use func(dir string)) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "case")
	require.NoError(t, err)
	use(filepath.Join(dir, "output"))
	require.NoError(t, os.RemoveAll(dir))
}

// operations counts those of a whole story on the real file system.
func operations(t *testing.T, seed uint64) (n int) {
	realDir(t, func(dir string) {
		disk := &faultFS{fs: vfs.OS{}}
		require.NoError(t, storyIn(t, disk, dir, &model{}, seed, ""))
		n = disk.ops
	})
	return n
}

// TestDeathAtEveryOperationOnTheRealDisk lets the process die at every operation of random runs, on the file system
// that there is: what was written stands, the operation at hand may have been done in part, and nothing is tidied up.
func TestDeathAtEveryOperationOnTheRealDisk(t *testing.T) {
	t.Parallel()
	all := newCuts(t, 1)
	all.seeds(sizes.Get().DeathRuns, func(t *testing.T, seed uint64) {
		ops := operations(t, seed)
		for at := 1; at <= ops; at++ {
			all.cut(t, seed, at, func(_ uint64, what string) {
				realDir(t, func(dir string) {
					disk, m := &faultFS{fs: vfs.OS{}}, &model{}
					disk.inject(simfs.Fault{At: at, Err: errDied, Sticky: true, Part: int(seed+uint64(at)*37) % 101})
					if err := storyIn(t, disk, dir, m, seed, what); err != nil {
						require.ErrorIs(t, err, errDied, what)
					}
					require.NoError(t, storyIn(t, &faultFS{fs: vfs.OS{}}, dir, m, seed+1, what))
				})
			})
		}
	})
}

// TestEveryOperationFailsOnceOnTheRealDisk: as on the simulated one, without the power cut afterwards.
func TestEveryOperationFailsOnceOnTheRealDisk(t *testing.T) {
	t.Parallel()
	all := newCuts(t, sizes.Get().FaultKinds)
	all.seeds(sizes.Get().DeathRuns, func(t *testing.T, seed uint64) {
		ops := operations(t, seed)
		for at := 1; at <= ops; at++ {
			all.cut(t, seed, at, func(image uint64, what string) {
				realDir(t, func(dir string) {
					fault := faults[(uint64(at)+image)%uint64(len(faults))]
					rng := rand.New(rand.NewPCG(seed, uint64(at)))
					disk, m := &faultFS{fs: vfs.OS{}}, &model{}
					disk.inject(simfs.Fault{At: at, Err: fault, Part: rng.IntN(101), Sticky: rng.IntN(3) == 0})
					if err := storyIn(t, disk, dir, m, seed, what); err != nil {
						require.ErrorIs(t, err, fault, what)
						require.NotErrorIs(t, err, state.ErrDamaged, what)
					}
					require.NoError(t, storyIn(t, &faultFS{fs: vfs.OS{}}, dir, m, seed+1, what))
				})
			})
		}
	})
}
