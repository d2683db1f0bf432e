// Command bench measures what a durable item costs on SQLite, as a ratio taken in one run.
//
//	go run ./state/sqlitestore/internal/bench [-dir DIR] [-pairs N]
//
// The directory must be on a real disk: on a tmpfs a sync costs nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	dir := flag.String("dir", ".", "where the databases are written, in a folder of its own")
	pairs := flag.Int("pairs", 2000, "interleaved pairs behind each median")
	flag.Parse()
	if err := run(context.Background(), *dir, *pairs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, in string, pairs int) error {
	dir, err := os.MkdirTemp(in, ".bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left has a name that tells
	m, err := measure(ctx, dir, pairs)
	if err != nil {
		return err
	}
	item, insert := median(m.items), median(m.inserts)
	fmt.Printf("%-66s %12s %12s %7.2fx   aim 1.25x\n", "SQLite: a durable item | a bare INSERT of the same bytes",
		show(item), show(insert), float64(item)/float64(insert))
	return nil
}

func median(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[len(s)/2]
}

func show(d time.Duration) string { return d.Round(100 * time.Nanosecond).String() }
