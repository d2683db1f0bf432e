package oslock

import (
	"context"
	"errors"
	"time"

	"github.com/dogear-go/dogear/state"
)

// A reader that asks for the holder takes the lock for microseconds, and a process that was just killed may still be
// dying: a writer tries again for a while before it reports a holder.
const (
	wait  = 250 * time.Millisecond
	poll  = 5 * time.Millisecond
	waits = 3 // when nobody is found to hold it after one
)

// Acquire takes a run's lock by try, which fails with [ErrBusy] while another has it. After a while it gives up with a
// [*state.HeldError] that says who holder names.
func Acquire[L any](ctx context.Context, run string, try func() (L, error), holder func() (*state.Holder, error)) (L, error) {
	for n := 1; ; n++ {
		l, err := Within(ctx, wait, try)
		if !errors.Is(err, ErrBusy) {
			return l, err
		}
		// A lock whose holder has just gone is free; one whose holder can't be named was taken just now.
		h, err := holder()
		if err != nil || h != nil && h.PID != 0 || n == waits {
			held := &state.HeldError{Run: run}
			if h != nil {
				held.PID, held.Host, held.Since = h.PID, h.Host, h.Since
			}
			return l, held
		}
	}
}

// Within tries until the time is over, which gives [ErrBusy].
func Within[L any](ctx context.Context, d time.Duration, try func() (L, error)) (L, error) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	again := time.NewTicker(poll)
	defer again.Stop()
	for {
		l, err := try()
		if !errors.Is(err, ErrBusy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return l, ctx.Err()
		case <-deadline.C:
			return l, err
		case <-again.C:
		}
	}
}
