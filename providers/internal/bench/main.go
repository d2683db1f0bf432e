// Command bench measures what a chain costs and how well it uses limits, against a server on loopback:
//
//	go run ./providers/internal/bench
//
// Overhead: the same request through langchaingo's bare client and through a chain with guard and limits, in turns, medians.
// Saturation: how long a fixed number of calls takes against a server that refuses what goes beyond its limits, beside the least time
// that its limits allow, and beside fixed concurrency with exponential backoff.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	pairs := flag.Int("pairs", 2000, "pairs of requests for the overhead; 0: leave it out")
	calls := flag.Int("calls", 300, "calls for the saturation; 0: leave it out")
	flag.Parse()
	fmt.Printf("%s, %d cores, %s/%s\n", runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, run := range []func(context.Context) error{
		func(ctx context.Context) error { return overhead(ctx, *pairs) },
		func(ctx context.Context) error { return saturation(ctx, *calls) },
	} {
		if err := run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
