package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// bench is one invocation.
type bench struct {
	dir     string
	items   int
	rate    int
	pairs   int
	window  time.Duration
	clients int
}

// settle is how long both sides of a pair run before they are measured.
const settle = 300 * time.Millisecond

func (b *bench) run() (err error) {
	fmt.Printf("go run ./controller/dashboard/internal/bench -items %d -rate %d -pairs %d -window %s -clients %d\n%d cores, %s/%s, %s, %s\n\n",
		b.items, b.rate, b.pairs, b.window, b.clients, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	dir, err := os.MkdirTemp(b.dir, ".bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left has a name that tells
	fill, _, err := start("writer", dir, strconv.Itoa(b.items), "fill", strconv.Itoa(b.items/10))
	if err != nil {
		return err
	}
	if err := fill.end(); err != nil {
		return err
	}
	board, addr, err := start("dashboard", dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.end()) }()
	for _, rate := range []int{b.rate, 0} {
		if err := b.pace(dir, board, addr, rate); err != nil {
			return err
		}
	}
	return nil
}

// pace measures a run at a rate of events; zero: as fast as it goes.
func (b *bench) pace(dir string, board *child, addr string, rate int) (err error) {
	what := fmt.Sprintf("at %d events/s", rate)
	if rate == 0 {
		what = "as fast as it goes"
	}
	w, _, err := start("writer", dir, strconv.Itoa(b.items), "rate", strconv.Itoa(rate))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end()) }()
	if err := untilWorking(w); err != nil {
		return err
	}
	if rate > 0 {
		if err := errors.Join(opening(addr, "just started"), history(addr)); err != nil {
			return err
		}
	}
	with, without, err := b.compare(w, board, addr)
	if err != nil {
		return err
	}
	tell(what, b.clients, with, without)
	streams, err := connect(addr, b.clients)
	if err != nil {
		return err
	}
	defer streams.close()
	<-time.After(2 * settle)
	if err := opening(addr, what+", streams"); err != nil {
		return err
	}
	now, err := used(board)
	if err != nil {
		return err
	}
	fmt.Printf("%-28s the dashboard takes %d MB, at most %d MB   (aim < 150 MB)\n\n", "", now.memory/1000, now.most/1000)
	return nil
}

// compare measures the run with streams and without in turns, until it has too few events left.
func (b *bench) compare(w, board *child, addr string) (with, without []measured, err error) {
	all := uint64(b.items) * eventsPerItem
	for i := range b.pairs {
		var last measured
		for side := range 2 {
			streams := 0
			if side == i%2 { // who begins takes turns
				streams = b.clients
			}
			if last, err = b.side(w, board, addr, streams); err != nil {
				return nil, nil, err
			}
			if streams == 0 {
				without = append(without, last)
			} else {
				with = append(with, last)
			}
		}
		if last.events+8*last.grown > all {
			break
		}
	}
	return with, without, nil
}

// tell prints what was measured.
func tell(what string, streams int, with, without []measured) {
	rate := func(m measured) float64 { return float64(m.grown) / m.took.Seconds() }
	cost := func(m measured) float64 { return float64(m.writer.Nanoseconds()) / 1000 / max(1, float64(m.grown)) }
	share := func(m measured) float64 { return 100 * m.board.Seconds() / m.took.Seconds() }
	read := func(m measured) float64 { return float64(m.read) / 1000 / m.took.Seconds() }
	fmt.Printf("%-28s events/s without %7.0f   with %d streams %7.0f   loss %5.1f %%   (aim < 5 %%; %d pairs)\n", what,
		median(without, rate), streams, median(with, rate), 100*(1-ratio(with, without, rate)), len(with))
	fmt.Printf("%-28s the run computes %.0f µs an event without, %.0f µs with: %.1f %% more\n", "",
		median(without, cost), median(with, cost), 100*(ratio(with, without, cost)-1))
	fmt.Printf("%-28s the dashboard computes %.1f %% of a core with streams, %.1f %% without; the streams read %.0f KB/s together\n", "",
		median(with, share), median(without, share), median(with, read))
}

// untilWorking waits until the run emits events: it has read its journal.
func untilWorking(w *child) error {
	first, err := count(w)
	for range 600 {
		if err != nil {
			return err
		}
		<-time.After(100 * time.Millisecond)
		var now counted
		if now, err = count(w); err == nil && first.events > 0 && now.events > first.events {
			<-time.After(time.Second)
			return nil
		}
		first = now
	}
	return errors.New("the run did not begin")
}

// measured is one side of a pair.
type measured struct {
	events, grown uint64        // at the end, and how many came
	took          time.Duration // the window
	writer, board time.Duration // that they computed
	read          int64         // bytes, by the streams
}

// side measures the run for a window.
func (b *bench) side(w, board *child, addr string, streams int) (m measured, err error) {
	c, err := connect(addr, streams)
	if err != nil {
		return m, err
	}
	defer c.close()
	<-time.After(settle)
	board0, err := used(board)
	if err != nil {
		return m, err
	}
	read0 := c.bytes.Load()
	w0, err := count(w)
	if err != nil {
		return m, err
	}
	<-time.After(b.window)
	w1, err := count(w)
	if err != nil {
		return m, err
	}
	board1, err := used(board)
	return measured{
		events: w1.events, grown: w1.events - w0.events, took: w1.at - w0.at, writer: w1.computed - w0.computed,
		board: board1.computed - board0.computed, read: c.bytes.Load() - read0,
	}, err
}

// counted is what the writer says of itself.
type counted struct {
	events       uint64
	at, computed time.Duration
}

func count(w *child) (c counted, err error) {
	line, err := w.ask("count")
	if err == nil {
		_, err = fmt.Sscan(line, &c.events, (*int64)(&c.at), (*int64)(&c.computed))
	}
	return c, err
}

// taken is what the dashboard says of itself: memory in KB.
type taken struct {
	memory, most int64
	computed     time.Duration
}

func used(board *child) (t taken, err error) {
	line, err := board.ask("used")
	if err == nil {
		_, err = fmt.Sscan(line, &t.memory, &t.most, (*int64)(&t.computed))
	}
	return t, err
}

func median(list []measured, of func(measured) float64) float64 {
	values := make([]float64, len(list))
	for i, m := range list {
		values[i] = of(m)
	}
	return middle(values)
}

// ratio is the median of what each pair gives: what else the machine does changes more slowly.
func ratio(a, b []measured, of func(measured) float64) float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = of(a[i]) / of(b[i])
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
