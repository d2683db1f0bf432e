package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// follower keeps the fold of one run that somebody looks at, and brings it up to date from the store when asked. It
// works the same for a run of this process and of another one.
type follower struct {
	d   *Dashboard
	run string

	ctl      sync.Mutex    // guards the fields below
	polling  chan struct{} // closed when the poll that goes on ends; nil: none goes on
	began    time.Time     // when that one began, or else the last one
	polled   time.Time     // when the last one ended
	acted    time.Time     // when the run was last changed from here: what was read before is out of date
	used     time.Time     // when somebody last asked
	gone     bool          // dropped: it must not be used any more
	subs     int           // streams
	watching bool          // a goroutine looks at the run for them

	wake chan struct{} // capacity 1; sent by an observer of this process, received by the watch

	// mu guards the fields below. Only the poll changes the state and the head; so it reads them without.
	mu      sync.RWMutex
	st      *state.WorkflowState // nil: not loaded yet, or it can't be
	head    state.Head           // that st was brought up to
	err     error                // why the run can't be shown; nil: it can
	gen     uint64               // raised when what streams were told of the run is void
	changes *changes             // since the last tick; nil: nobody watches
	gates   gates
	est     *estimate.Estimator
	left    lefts
	costs   *costHistory // nil: nobody has asked for it

	feed feed
	told told // the watch's own
}

// told is what the streams were told last.
type told struct {
	state []byte // frame
	held  bool
	error bool // that the run can't be read
}

func newFollower(d *Dashboard, run string) *follower {
	return &follower{d: d, run: run, used: time.Now(), wake: make(chan struct{}, 1)}
}

// refresh brings the follower up to date, unless it was within maxAge. Who has changed the run from here finds the change.
func (f *follower) refresh(ctx context.Context, maxAge time.Duration) error {
	for late := true; late; {
		var wait <-chan struct{}
		var err error
		if wait, late, err = f.startPoll(maxAge); err != nil {
			return err
		}
		if wait == nil {
			break
		}
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

// startPoll begins a poll, or finds the one that goes on; nil: none is needed. late: that one began before the run was changed,
// so another must follow.
func (f *follower) startPoll(maxAge time.Duration) (wait <-chan struct{}, late bool, err error) {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	f.used = time.Now()
	if late = f.began.Before(f.acted); f.polling != nil {
		return f.polling, late, nil
	}
	if !late && !f.polled.IsZero() && f.used.Sub(f.polled) <= maxAge {
		return nil, false, nil
	}
	done := make(chan struct{})
	if !f.d.life.start(func() { f.poll(done) }) {
		return nil, false, errClosed
	}
	f.polling, f.began = done, f.used
	return done, false, nil
}

// poll looks at the store once. It runs under the dashboard's context: that who asked has gone away takes nothing from
// those who ask next.
func (f *follower) poll(done chan struct{}) {
	err := f.catchUp(f.d.ctx)
	f.mu.Lock()
	f.err = err
	f.mu.Unlock()
	f.ctl.Lock()
	f.polling, f.polled = nil, time.Now()
	f.ctl.Unlock()
	close(done)
}

// catchUp folds what the run got since the last time. A journal that was replaced or cut is read anew.
func (f *follower) catchUp(ctx context.Context) (err error) {
	const looks = 3
	for look := 1; look <= looks; look++ {
		var head state.Head
		if head, err = f.d.cfg.Store.Head(ctx, f.run); err != nil {
			return err
		}
		if f.st == nil || f.st.RunID != head.RunID || f.st.Seq > head.Last {
			if err = f.load(ctx); err != nil {
				return err
			}
			if f.st.RunID != head.RunID || f.st.Seq > head.Last {
				continue // it grew, or was replaced, meanwhile: take a head that is about what was read
			}
		}
		if err = f.apply(ctx, head); err == nil {
			f.mu.Lock()
			f.head, f.left = head, leftsOf(f.st, f.est, time.Now())
			f.mu.Unlock()
			return f.readGates(ctx)
		}
		if ctx.Err() != nil {
			return err
		}
		f.drop() // read anew: another journal may have the place of the one that was known
	}
	if err == nil {
		err = &refusal{status: http.StatusServiceUnavailable, text: "the run changes faster than it can be read; try again", after: time.Second}
	}
	return err
}

// load reads the run from its beginning, or from its snapshot.
func (f *follower) load(ctx context.Context) error {
	f.drop()
	st, err := state.Load(ctx, f.d.cfg.Store, f.run)
	if err != nil {
		return err
	}
	est := estimate.New()
	est.Begin(st)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.st, f.est = st, est
	return nil
}

// drop forgets the state, and so makes void what streams were told of it.
func (f *follower) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.st, f.gates, f.est, f.costs = nil, gates{}, nil, nil
	f.gen++
	if f.changes != nil {
		f.changes = newChanges()
	}
}

// applyAtOnce is how many events are folded while readers wait. They are in memory with what models wrote.
const applyAtOnce = 64

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
		if f.changes != nil {
			f.changes.before(f.st, e)
		}
		if err := f.st.Apply(e); err != nil {
			return fmt.Errorf("run %q: %w", f.run, err)
		}
		f.est.Observe(e)
		if f.changes != nil {
			f.changes.after(f.st, e)
		}
		if f.costs != nil && f.costs.complete && spends(e) {
			f.costs.add(f.st, e.Time)
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
