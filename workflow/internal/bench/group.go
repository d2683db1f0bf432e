package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	width = 16 // items at once
	round = 32 // full batches between two barriers
)

// gang runs items at once, in rounds that begin and end with nothing under way: all workers meet, something else is
// measured meanwhile, and they go on together.
type gang struct {
	between func() error // called while all workers wait
	again   func()       // called when they go on

	mu      sync.Mutex // guards the fields below
	waiting int
	open    chan struct{} // closed when the next round begins
	err     error
}

// item is called by each item first. The first items of a round are taken by all workers, when each has committed what
// it had.
func (g *gang) item(i int) error {
	if i%(width*round) >= width {
		return nil
	}
	g.mu.Lock()
	if g.waiting++; g.waiting < width {
		open := g.open
		g.mu.Unlock()
		<-open
		return g.err
	}
	defer g.mu.Unlock()
	g.err = g.between()
	g.waiting = 0
	close(g.open)
	g.open = make(chan struct{})
	g.again()
	return g.err
}

// groupCommit compares 16 items at once with one at a time, and with bare syncs of sixteen records written at once.
func (b *bench) groupCommit() error {
	return errors.Join(b.group("4 KB", prose(resultSize)), b.group("100 bytes", text))
}

func (b *bench) group(what, result string) error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	size, err := b.itemBytes(1000, result, nothing, cfg)
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
	one := b.newStepper("one-"+what[:1], 1000, result, cfg, nothing)
	var appends, overs, ones []time.Duration
	count := &counting{Store: cfg.Store}
	between := func() error {
		for range round {
			a, errA := appended.write()
			o, errO := over.write()
			single, errS := one.step(1)
			if err := errors.Join(errA, errO, errS); err != nil {
				return err
			}
			appends, overs, ones = append(appends, a/width), append(overs, o/width), append(ones, single...)
		}
		return nil
	}
	g := &gang{between: between, again: count.begin, open: make(chan struct{})}
	items := (max(b.pairs/round, 3) + 1) * width * round
	p, err := each(items, func(_ context.Context, i int) (string, error) { return result, g.item(i) })
	if err != nil {
		return err
	}
	cfg.Store, cfg.Concurrency = count, width
	if _, err := p.Run(context.Background(), "sixteen-"+what[:1], cfg); err != nil {
		return err
	}
	if err := one.close(); err != nil {
		return err
	}
	row("16 durable items of "+what+" at once, each | append + fdatasync of 16 records", count.took, appends, "≤ 1.3x")
	row("the same | overwrite + fdatasync of 16 records", count.took, overs, "")
	row("the same | one at a time", count.took, ones, fmt.Sprintf("≥ 8x the throughput: %.1fx", 1/ratio(count.took, ones)))
	line("items that shared a sync", fmt.Sprintf("%.1f", count.mean()), fmt.Sprint(width), "", "")
	return nil
}
