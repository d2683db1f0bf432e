package main

import (
	"context"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// counting is a store that counts how many completed items share a sync, and what each cost then. One run is open.
type counting struct {
	state.Store

	mu    sync.Mutex      // guards the fields below
	syncs map[int]int     // completed items → appends
	took  []time.Duration // of each item: its share of the time between the end of one sync and the end of the next
	since time.Time
}

func (c *counting) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := c.Store.Open(ctx, run, o)
	if err != nil {
		return nil, err
	}
	return &countingJournal{j, c}, nil
}

// begin says that whatever was measured so far is over.
func (c *counting) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
}

func (c *counting) synced(items int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.syncs == nil {
		c.syncs = map[int]int{}
	}
	c.syncs[items]++
	for range items {
		c.took = append(c.took, now.Sub(c.since)/time.Duration(items))
	}
	c.since = now
}

type countingJournal struct {
	state.Journal
	of *counting
}

func (j *countingJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	n := 0
	for _, e := range events {
		if e.Type == state.TypeItemCompleted {
			n++
		}
	}
	err := j.Journal.Append(ctx, events, sync)
	if n > 0 {
		j.of.synced(n)
	}
	return err
}

// mean is how many items shared a sync, on average.
func (c *counting) mean() float64 {
	items, syncs := 0, 0
	for n, times := range c.syncs {
		items, syncs = items+n*times, syncs+times
	}
	return float64(items) / float64(max(syncs, 1))
}
