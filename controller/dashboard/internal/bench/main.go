// Command bench measures what a dashboard costs a run that it watches, and how much it takes itself.
//
//	go run ./controller/dashboard/internal/bench [-dir DIR] [-items N] [-rate EVENTS] [-pairs N] [-window D] [-clients N]
//
// A run of many items is worked on in one process, at a steady rate of events and then as fast as it goes. A dashboard in
// a second process has event streams open, some of whose clients are slow and some dead. What the run does in a time is
// measured in interleaved pairs, with the streams and without, and medians are compared. The directory must be on a real
// disk: on a tmpfs a sync costs nothing.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if runChild() {
		return
	}
	b := bench{}
	flag.StringVar(&b.dir, "dir", ".", "where the journals are written, in a folder of its own")
	flag.IntVar(&b.items, "items", 100_000, "items of the run")
	flag.IntVar(&b.rate, "rate", 1000, "events a second of the steady run")
	flag.IntVar(&b.pairs, "pairs", 15, "interleaved pairs behind each median")
	flag.DurationVar(&b.window, "window", 1500*time.Millisecond, "how long each side of a pair is measured")
	flag.IntVar(&b.clients, "clients", 20, "event streams: of ten, one is dead and two are slow")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
