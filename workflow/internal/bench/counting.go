package main

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/state"
)

// counting is a store that counts how many completed items share a sync.
type counting struct {
	state.Store
	syncs map[int]int // completed items → appends
}

func (c *counting) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := c.Store.Open(ctx, run, o)
	if err != nil {
		return nil, err
	}
	c.syncs = map[int]int{}
	return &countingJournal{j, c}, nil
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
	if n > 0 {
		j.of.syncs[n]++
	}
	return j.Journal.Append(ctx, events, sync)
}

// String tells the mean, and how many were full.
func (c *counting) String() string {
	items, syncs := 0, 0
	for n, times := range c.syncs {
		items, syncs = items+n*times, syncs+times
	}
	return fmt.Sprintf("%.1f on average; %d %% of the syncs were full", float64(items)/float64(max(syncs, 1)), 100*c.syncs[width]/max(syncs, 1))
}
