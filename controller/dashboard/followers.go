package dashboard

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// followers are the runs that somebody looks at, a bounded number.
type followers struct {
	d   *Dashboard
	mu  sync.Mutex // guards all; taken before a follower's ctl
	all map[string]*follower
}

// dropAfter is how long a run is kept in memory that nobody asks for.
const dropAfter = 2 * time.Minute

// follow returns the follower of a run, brought up to date.
func (d *Dashboard) follow(ctx context.Context, run string) (*follower, error) {
	f, err := d.runs.get(run)
	if err != nil {
		return nil, err
	}
	if err := f.refresh(ctx, d.cfg.Poll/2); err != nil {
		if errors.Is(err, state.ErrNotFound) { // names that somebody made up push out no run
			d.runs.mu.Lock()
			defer d.runs.mu.Unlock()
			d.runs.forget(f)
		}
		return nil, err
	}
	return f, nil
}

func (s *followers) get(run string) (*follower, error) {
	if err := state.ValidName(run); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.all[run]; f != nil {
		return f, nil
	}
	if len(s.all) >= s.d.cfg.MaxRuns && !s.dropOldest() {
		return nil, &refusal{status: http.StatusServiceUnavailable, text: "too many runs are being watched at once", after: 5 * time.Second}
	}
	f := newFollower(s.d, run)
	s.all[run] = f
	return f, nil
}

// dropOldest forgets the run that nobody asked for the longest; false: all are in use. mu is held.
func (s *followers) dropOldest() bool {
	var oldest *follower
	var since time.Time
	for _, f := range s.all {
		if idle, used := f.idle(); idle && (oldest == nil || used.Before(since)) {
			oldest, since = f, used
		}
	}
	return oldest != nil && s.forget(oldest)
}

// forget drops a follower, unless somebody has begun to use it. mu is held.
func (s *followers) forget(f *follower) bool {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	if f.gone || !f.unused() {
		return false
	}
	f.gone = true
	delete(s.all, f.run)
	return true
}

// dropIdle forgets the runs that nobody has asked for in a while, until the dashboard is closed.
func (s *followers) dropIdle() {
	tick := time.NewTicker(dropAfter / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.d.ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for _, f := range s.all {
			if idle, used := f.idle(); idle && time.Since(used) > dropAfter {
				s.forget(f)
			}
		}
		s.mu.Unlock()
	}
}

// idle says that nobody waits for the follower, and since when nobody asked.
func (f *follower) idle() (bool, time.Time) {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	return f.unused(), f.used
}

// unused says that nobody waits for the follower. ctl is held.
func (f *follower) unused() bool { return f.polling == nil && f.subs == 0 && !f.watching }
