package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	width  = 16 // items at once
	rounds = 4  // full batches between two barriers
)

// gang runs items at once, in rounds that begin and end with nothing under way: all workers meet, something else is
// measured meanwhile, and they go on together.
type gang struct {
	width, round int
	between      func() error // called while all workers wait

	mu      sync.Mutex // guards the fields below
	waiting int
	begin   time.Time
	took    []time.Duration // of each round
	open    chan struct{}   // closed when the next round begins
	err     error
}

func newGang(between func() error) *gang {
	return &gang{width: width, round: width * rounds, between: between, open: make(chan struct{})}
}

// item is called by each item first. The first items of a round are taken by all workers, when each has committed what
// it had.
func (g *gang) item(i int) error {
	if i%g.round >= g.width {
		return nil
	}
	g.mu.Lock()
	if g.waiting++; g.waiting < g.width {
		open := g.open
		g.mu.Unlock()
		<-open
		return g.err
	}
	defer g.mu.Unlock()
	if !g.begin.IsZero() {
		g.took = append(g.took, time.Since(g.begin)/time.Duration(g.round))
	}
	if err := g.between(); err != nil {
		g.err = err
	}
	g.waiting = 0
	close(g.open)
	g.open = make(chan struct{})
	g.begin = time.Now()
	return g.err
}

// groupCommit compares 16 items at once with one at a time, and with bare syncs of sixteen records written at once.
func (b *bench) groupCommit() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	result := prose(resultSize)
	size, err := b.itemBytes(result, nothing, cfg)
	if err != nil {
		return err
	}
	appended, err := b.appending(width * size)
	if err != nil {
		return err
	}
	defer appended.close()
	over, err := b.overwriting(width * size)
	if err != nil {
		return err
	}
	defer over.close()
	one := b.newStepper("one", 1000, result, cfg, nothing)
	var appends, overs, ones []time.Duration
	count := &counting{Store: cfg.Store}
	g := newGang(func() error {
		a, errA := appended.times(rounds)
		o, errO := over.times(rounds)
		single, errS := one.step(rounds)
		var sum time.Duration
		for _, d := range single {
			sum += d
		}
		appends, overs, ones = append(appends, a/width), append(overs, o/width), append(ones, sum/rounds)
		return errors.Join(errA, errO, errS)
	})
	p, err := each((b.pairs+1)*g.round, func(_ context.Context, i int) (string, error) { return result, g.item(i) })
	if err != nil {
		return err
	}
	cfg.Store, cfg.Concurrency = count, width
	if _, err := p.Run(context.Background(), "sixteen", cfg); err != nil {
		return err
	}
	if err := one.close(); err != nil {
		return err
	}
	row("16 durable items at once, time an item | append + fdatasync of 16 records", g.took, appends, "≤ 1.3x")
	row("the same | overwrite + fdatasync of 16 records", g.took, overs, "")
	row("the same | one at a time", g.took, ones, fmt.Sprintf("≥ 8x the throughput: %.1fx", 1/ratio(g.took, ones)))
	fmt.Printf("%-72s %s\n", "items that shared a sync", count)
	return nil
}
