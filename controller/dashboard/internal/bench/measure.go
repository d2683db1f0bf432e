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

// pace measures a run at a rate of events.
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
		if err := opening(addr, "just started"); err != nil {
			return err
		}
	}
	var with, without []float64
	var read int64
	cpu, watched := int64(0), time.Duration(0)
	for i := range b.pairs {
		for side := range 2 {
			streams := 0
			if side == i%2 { // who begins takes turns
				streams = b.clients
			}
			r, err := b.side(w, board, addr, streams)
			if err != nil {
				return err
			}
			if streams == 0 {
				without = append(without, r.rate)
				continue
			}
			with = append(with, r.rate)
			read, cpu, watched = read+r.read, cpu+r.cpu, watched+r.took
		}
	}
	m, n := median(with), median(without)
	fmt.Printf("%-24s events/s without %8.0f   with %d streams %8.0f   loss %5.1f %%   (aim < 5 %%)\n", what, n, b.clients, m, 100*(1-m/n))
	fmt.Printf("%-24s streams read %.0f KB/s together; the dashboard computes %.1f %% of a core\n", "",
		float64(read)/1000/watched.Seconds(), float64(cpu)/watched.Seconds())
	streams, err := connect(addr, b.clients)
	if err != nil {
		return err
	}
	defer streams.close()
	<-time.After(2 * settle)
	if err := opening(addr, what+", streams open"); err != nil {
		return err
	}
	if err := history(addr); err != nil {
		return err
	}
	now, most, _, err := used(board)
	if err != nil {
		return err
	}
	fmt.Printf("%-24s the dashboard takes %d MB, at most %d MB   (aim < 150 MB)\n", "", now/1000, most/1000)
	return nil
}

// untilWorking waits until the run emits events: it has read its journal.
func untilWorking(w *child) error {
	first, _, err := count(w)
	for range 600 {
		if err != nil {
			return err
		}
		<-time.After(100 * time.Millisecond)
		var n uint64
		if n, _, err = count(w); err == nil && first > 0 && n > first {
			<-time.After(time.Second)
			return nil
		}
		first = n
	}
	return errors.New("the run did not begin")
}

// measured is one side of a pair.
type measured struct {
	rate float64 // events a second
	read int64   // bytes, by the streams
	cpu  int64   // of the dashboard, in 10 ms
	took time.Duration
}

// side measures the run for a window.
func (b *bench) side(w, board *child, addr string, streams int) (m measured, err error) {
	c, err := connect(addr, streams)
	if err != nil {
		return m, err
	}
	defer c.close()
	<-time.After(settle)
	_, _, cpu0, err := used(board)
	if err != nil {
		return m, err
	}
	read0 := c.bytes.Load()
	n0, t0, err := count(w)
	if err != nil {
		return m, err
	}
	<-time.After(b.window)
	n1, t1, err := count(w)
	if err != nil {
		return m, err
	}
	_, _, cpu1, err := used(board)
	m.took = time.Duration(t1 - t0)
	m.rate, m.read, m.cpu = float64(n1-n0)/m.took.Seconds(), c.bytes.Load()-read0, cpu1-cpu0
	return m, err
}

// count is how many events the run has, and when it said so.
func count(w *child) (n uint64, nanos int64, err error) {
	line, err := w.ask("count")
	if err == nil {
		_, err = fmt.Sscan(line, &n, &nanos)
	}
	return n, nanos, err
}

// used is what the dashboard takes: memory now and at most in KB, and computing time in 10 ms.
func used(board *child) (now, most, cpu int64, err error) {
	line, err := board.ask("memory")
	if err == nil {
		_, err = fmt.Sscan(line, &now, &most, &cpu)
	}
	return now, most, cpu, err
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}
