package state

import (
	"context"
	"errors"
	"fmt"
)

// observe feeds one observer until the Recorder is closed and the observer has seen everything.
func (r *Recorder) observe(o Observer) {
	defer func() {
		if p := recover(); p != nil {
			// The observer is detached: the run must not suffer from who watches it.
			r.Post(New(Scope{}, RunWarning{Code: "observer_panicked", Message: fmt.Sprintf("an observer panicked with a %T and is told nothing more", p)}))
		}
	}()
	var seen uint64
	for {
		events, grown := r.after(seen)
		for _, e := range events {
			e.History = e.Seq <= r.opened
			o(e)
			seen = e.Seq
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-r.stop:
			if events, _ := r.after(seen); len(events) == 0 {
				return
			}
		}
	}
}

// after returns some of the events after a number, from the ring or, for who lags, from the journal; when there are
// none, a channel that is closed once there are.
func (r *Recorder) after(seen uint64) ([]Event, <-chan struct{}) {
	r.fold.RLock()
	last, grown := r.st.Seq, r.grown
	var events []Event
	if n := len(r.ring); n > 0 && seen+1 >= r.ring[0].Seq && seen < last {
		events = append(events, r.ring[seen+1-r.ring[0].Seq:]...)
	}
	r.fold.RUnlock()
	if len(events) > 0 || seen >= last {
		return events, grown
	}
	for e, err := range r.store.Events(context.Background(), r.run, Query{From: seen + 1, Limit: ringSize}) {
		if err != nil {
			break // an unreadable past: the observer goes on with what it can get when the run grows
		}
		events = append(events, e)
	}
	return events, grown
}

var errObserver = errors.New("an observer did not take the last events in time")

func (r *Recorder) waitObservers(ctx context.Context) error {
	all := make(chan struct{})
	go func() {
		r.observers.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errObserver, context.Cause(ctx))
	}
}
