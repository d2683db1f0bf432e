package dashboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// follower keeps the fold of one run that somebody looks at, and brings it up to date from the store when asked. It
// works the same for a run of this process and of another one.
type follower struct {
	d   *Dashboard
	run string

	ctl     sync.Mutex    // guards the fields below
	polling chan struct{} // closed when the poll that goes on ends; nil: none goes on
	polled  time.Time     // when the last one ended
	used    time.Time     // when somebody last asked

	mu   sync.RWMutex         // guards the fields below; written by the poll alone
	st   *state.WorkflowState // nil: not loaded yet, or it can't be
	head state.Head           // that st was brought up to
	err  error                // why the run can't be shown; nil: it can
	gate gates
}

// refresh brings the follower up to date, unless it was within maxAge.
func (f *follower) refresh(ctx context.Context, maxAge time.Duration) error {
	f.ctl.Lock()
	f.used = time.Now()
	wait := f.polling
	if wait == nil && (f.polled.IsZero() || f.used.Sub(f.polled) > maxAge) {
		wait = make(chan struct{})
		f.polling = wait
		if !f.d.start(func() { f.poll(wait) }) {
			f.polling = nil
			f.ctl.Unlock()
			return errClosed
		}
	}
	f.ctl.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.err
}

// poll looks at the store once. It runs under the dashboard's context: that who asked has gone away takes nothing from
// those who ask next.
func (f *follower) poll(done chan struct{}) {
	err := f.catchUp(f.d.ctx)
	if err != nil {
		f.mu.Lock()
		f.err = err
		if errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrDamaged) || errors.Is(err, state.ErrNewerFormat) {
			f.st = nil
		}
		f.mu.Unlock()
	}
	f.ctl.Lock()
	f.polling, f.polled = nil, time.Now()
	f.ctl.Unlock()
	close(done)
}

// applyAtOnce is how many events are folded while readers wait.
const applyAtOnce = 512

// catchUp folds what the run got since the last time. A journal that was replaced or cut is read anew.
func (f *follower) catchUp(ctx context.Context) error {
	const looks = 3
	for look := 1; ; look++ {
		head, err := f.d.cfg.Store.Head(ctx, f.run)
		if err != nil {
			return err
		}
		if f.st == nil || f.st.RunID != head.RunID || f.st.Seq > head.Last {
			st, err := state.Load(ctx, f.d.cfg.Store, f.run)
			if err != nil {
				return err
			}
			f.begin(st)
			if st.RunID == head.RunID && st.Seq > head.Last && look < looks {
				continue // it grew meanwhile: a head that is about what was read
			}
		}
		if err = f.apply(ctx, head); err == nil {
			f.mu.Lock()
			f.head, f.err = head, nil
			f.mu.Unlock()
			return f.readGates(ctx)
		}
		f.mu.Lock()
		f.st = nil // read anew: another journal may have the place of the one that was known
		f.mu.Unlock()
		if look == looks || ctx.Err() != nil {
			return err
		}
	}
}

// begin takes a state that was loaded.
func (f *follower) begin(st *state.WorkflowState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.st, f.gate = st, gates{}
}

// apply folds the events up to the head's last.
func (f *follower) apply(ctx context.Context, head state.Head) error {
	if head.Last <= f.st.Seq {
		return nil
	}
	q := state.Query{From: f.st.Seq + 1, Limit: int(head.Last - f.st.Seq)}
	batch := make([]state.Event, 0, min(q.Limit, applyAtOnce))
	for e, err := range f.d.cfg.Store.Events(ctx, f.run, q) {
		if err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) == applyAtOnce {
			if err := f.fold(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := f.fold(batch); err != nil {
		return err
	}
	if f.st.Seq != head.Last {
		return fmt.Errorf("run %q: event %d of %d could not be read", f.run, f.st.Seq+1, head.Last)
	}
	return nil
}

func (f *follower) fold(batch []state.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range batch {
		if err := f.st.Apply(e); err != nil {
			return fmt.Errorf("run %q: %w", f.run, err)
		}
	}
	return nil
}

// read calls fn with the state and its head while they don't change. fn must not keep the state.
func (f *follower) read(fn func(st *state.WorkflowState, head state.Head) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.err != nil:
		return f.err
	case f.st == nil:
		return fmt.Errorf("run %q: %w", f.run, state.ErrNotFound)
	}
	return fn(f.st, f.head)
}
