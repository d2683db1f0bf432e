// Command bench measures what durability costs, as ratios taken in one run.
//
//	go run ./workflow/internal/bench [-dir DIR] [-pairs N] [-items N]
//
// The same disk differs by a third from one second to the next, so everything that is compared is measured in
// interleaved pairs, and medians are shown. The directory must be on a real disk: on a tmpfs a sync costs nothing.
//
// What an item costs the processor does not depend on the machine's noise when instructions are counted: the difference
// of two fixed runs, divided by the items between them.
//
//	go build -o bench ./workflow/internal/bench
//	GODEBUG=asyncpreemptoff=1 valgrind --tool=callgrind ./bench -fixed 2000
//	GODEBUG=asyncpreemptoff=1 valgrind --tool=callgrind ./bench -fixed 6000
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if runChild() {
		return
	}
	dir := flag.String("dir", ".", "where the journals are written, in a folder of its own")
	pairs := flag.Int("pairs", 2000, "interleaved pairs behind each median")
	items := flag.Int("items", 100_000, "items of the large run")
	only := flag.String("only", "", "measure only what has this word in its name: item, call, group, growth, processor, resume, sqlite")
	fixed := flag.Int("fixed", 0, "run so many items without a disk, and do nothing else: for a profiler")
	flag.Parse()
	if *fixed > 0 {
		*only, *items = "processor", *fixed
	}
	if err := run(*dir, *only, *pairs, *items); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one invocation.
type bench struct {
	dir   string
	pairs int
	items int
}

func run(in, only string, pairs, items int) error {
	dir, err := os.MkdirTemp(in, ".bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left has a name that tells
	b := &bench{dir: dir, pairs: pairs, items: items}
	fmt.Printf("go run ./workflow/internal/bench -pairs %d -items %d\n%s\n\n", pairs, items, machine(dir))
	line("", "Dogear", "against", "ratio", "aim")
	for _, m := range []struct {
		name    string
		measure func() error
	}{
		{"item", b.durableItem}, {"call", b.itemWithCall}, {"group", b.groupCommit}, {"growth", b.growth}, {"sqlite", b.sqlite},
		{"processor", b.processor}, {"resume", b.resume},
	} {
		if !strings.Contains(m.name, only) {
			continue
		}
		if err := m.measure(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// row prints a row of the table; the ratio is how many times the time of the other.
func row(what string, dogear, against []time.Duration, aim string) {
	line(what, show(median(dogear)), show(median(against)), fmt.Sprintf("%.2fx", ratio(dogear, against)), aim)
}

func line(what, dogear, against, ratio, aim string) {
	fmt.Println(strings.TrimRight(fmt.Sprintf("%-72s %12s %12s %8s   %s", what, dogear, against, ratio, aim), " "))
}

func show(d time.Duration) string { return d.Round(100 * time.Nanosecond).String() }

func median(ds []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(ds))
	return s[len(s)/2]
}

func ratio(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }
