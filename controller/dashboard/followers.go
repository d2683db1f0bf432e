package dashboard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// followers are the runs that somebody looks at, a bounded number.
type followers struct {
	d   *Dashboard
	mu  sync.Mutex // guards all, closed
	all map[string]*follower

	closed bool
}

// start runs fn on a goroutine of the dashboard's; false: the dashboard is being closed.
func (d *Dashboard) start(fn func()) bool {
	d.runs.mu.Lock()
	defer d.runs.mu.Unlock()
	if d.runs.closed {
		return false
	}
	d.goroutines.Go(fn)
	return true
}

// follow returns the follower of a run, brought up to date.
func (d *Dashboard) follow(ctx context.Context, run string) (*follower, error) {
	if err := state.ValidName(run); err != nil {
		return nil, err
	}
	f, err := d.runs.get(run)
	if err != nil {
		return nil, err
	}
	if err := f.refresh(ctx, d.cfg.Poll/2); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *followers) get(run string) (*follower, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.all[run]; f != nil {
		return f, nil
	}
	if len(s.all) >= s.d.cfg.MaxRuns && !s.dropOldest() {
		return nil, &refusal{status: http.StatusServiceUnavailable, text: "too many runs are being watched at once", after: 5 * time.Second}
	}
	f := &follower{d: s.d, run: run, used: time.Now()}
	s.all[run] = f
	return f, nil
}

// dropOldest forgets the run that nobody asked for the longest; false: all are in use. mu is held.
func (s *followers) dropOldest() bool {
	var oldest *follower
	for _, f := range s.all {
		if idle, used := f.idle(); idle && (oldest == nil || used.Before(oldest.lastUsed())) {
			oldest = f
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.all, oldest.run)
	return true
}

// idle says that nobody waits for the follower, and since when nobody asked.
func (f *follower) idle() (bool, time.Time) {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	return f.polling == nil, f.used
}

func (f *follower) lastUsed() time.Time {
	_, used := f.idle()
	return used
}
