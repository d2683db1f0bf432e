// Command bench measures how well a chain uses a provider's limits, against a server on loopback that refuses what goes beyond
// them: how long a number of calls takes, beside the least time that the limits allow, and beside fixed concurrency with exponential
// backoff.
//
//	go run ./providers/internal/bench
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	calls := flag.Int("calls", 300, "how many calls")
	flag.Parse()
	fmt.Printf("%s, %d cores, %s/%s\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	if err := saturation(context.Background(), *calls); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
