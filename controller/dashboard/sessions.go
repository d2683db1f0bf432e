package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// sessions are the runs that the dashboard works on, a bounded number.
type sessions struct {
	mu     sync.Mutex // guards the fields below
	all    map[string]*session
	closed bool // none may begin any more
}

// session is a run being worked on by this process.
type session struct {
	run    *workflow.Run // nil: it is being opened
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended; err is set then
	err    error
}

// get is the session of a run; nil: there is none.
func (s *sessions) get(run string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.all[run]; one != nil && one.run != nil {
		return one
	}
	return nil
}

func (s *sessions) list() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*session
	for _, one := range s.all {
		if one.run != nil {
			list = append(list, one)
		}
	}
	return list
}

// errNoOpen: the program gave no way to work on runs.
var errNoOpen = &refusal{status: http.StatusUnprocessableEntity, text: "this dashboard can't work on runs",
	hint: "go on from the command line, with --resume"}

// errNoBudget: the program can't be told a budget.
var errNoBudget = &refusal{status: http.StatusUnprocessableEntity, text: "this dashboard can't change budgets",
	hint: "go on from the command line, with --resume --budget"}

// resume goes on with a run on a goroutine of the dashboard, with another budget when one is given. It returns once the session
// has begun, or has been refused.
func (d *Dashboard) resume(ctx context.Context, run, budget string, work func(context.Context, *workflow.Run) error) (string, error) {
	if !d.cfg.canOpen() {
		return "", errNoOpen
	}
	if budget != "" && d.cfg.OpenWith == nil {
		return "", errNoBudget
	}
	f, err := d.current(ctx, run)
	if err != nil {
		return "", err
	}
	o := Opening{Run: run}
	if err := f.read(func(st *state.WorkflowState, head state.Head) (err error) {
		o.Pipeline = st.Pipeline
		if st.Status == state.StatusCompleted && !anyFailed(st) && !editedSince(st) { // a tolerated step may be tried again
			return errComplete(run)
		}
		if err := notHeld(run, head); err != nil {
			return err
		}
		o.Budget, err = newBudget(st, budget)
		return err
	}); err != nil {
		return "", err
	}
	if work == nil {
		work = func(ctx context.Context, r *workflow.Run) error { return r.Resume(ctx) }
	}
	s, err := d.begin(ctx, o, work)
	if err != nil {
		return "", err
	}
	if err := d.begun(ctx, run, s); err != nil {
		return "", err
	}
	f.stir()
	return "this process goes on with the run", nil
}

// begin starts a session.
func (d *Dashboard) begin(ctx context.Context, o Opening, work func(context.Context, *workflow.Run) error) (*session, error) {
	run := o.Run
	s := &session{done: make(chan struct{})}
	if err := d.sessions.reserve(run, s, d.cfg.MaxSessions); err != nil {
		return nil, err
	}
	r, err := d.cfg.open(ctx, o)
	if err != nil {
		d.log.Warn("a run could not be opened", zap.String("run", run), zap.Error(err))
		d.sessions.remove(run)
		return nil, openFailed(err)
	}
	session, cancel := context.WithCancelCause(context.Background())
	if !d.sessions.opened(s, r, cancel) || !d.life.start(func() { d.hold(session, run, s, work) }) {
		cancel(nil)
		d.sessions.remove(run)
		d.ended(r, errClosed)
		return nil, errClosed
	}
	return s, nil
}

// reserve takes a place for a session.
func (s *sessions) reserve(run string, one *session, most int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.all[run] != nil:
		return &refusal{status: http.StatusConflict, text: fmt.Sprintf("this process works on the run %q already", run)}
	case len(s.all) >= most:
		return &refusal{status: http.StatusServiceUnavailable, text: "this process works on as many runs as it may",
			hint: "pause one of them, or wait for its end", after: 30 * time.Second}
	}
	s.all[run] = one
	return nil
}

// opened gives a session its run; false: it must not begin any more.
func (s *sessions) opened(one *session, r *workflow.Run, cancel context.CancelCauseFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	one.run, one.cancel = r, cancel
	return true
}

func (s *sessions) remove(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, run)
}

// hold is a session from its beginning to its end.
func (d *Dashboard) hold(ctx context.Context, run string, s *session, work func(context.Context, *workflow.Run) error) {
	s.err = work(ctx, s.run)
	s.cancel(nil)
	d.sessions.remove(run)
	if s.err != nil {
		d.log.Info("a run stopped", zap.String("run", run), zap.Error(s.err))
	}
	d.ended(s.run, s.err)
	close(s.done)
}

// begun waits until a session has the run, or has ended. A refusal is what ends one soon.
func (d *Dashboard) begun(ctx context.Context, run string, s *session) error {
	const looks, every = 100, 50 * time.Millisecond
	look := time.NewTicker(every)
	defer look.Stop()
	for range looks {
		select {
		case <-s.done:
			return refusalOf(s.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
		}
		if head, err := d.cfg.Store.Head(ctx, run); err == nil && here(head.Holder) {
			return nil
		}
	}
	return nil // a run that takes long to open
}

// refusalOf is the error of a session that could not begin; nil: it began, and how it ended stands in the run.
func refusalOf(err error) error {
	var usual *workflow.StepError
	switch {
	case err == nil, errors.As(err, &usual), errors.Is(err, workflow.ErrPaused), errors.Is(err, workflow.ErrWaiting),
		errors.Is(err, workflow.ErrPartial):
		return nil
	}
	return err
}

// openFailed tells that Config.Open failed. Its text is the program's own, made for people.
func openFailed(err error) error {
	if status, _ := statusOf(err); status != http.StatusInternalServerError {
		return err
	}
	return &refusal{status: http.StatusUnprocessableEntity, text: "the run can't be worked on here: " + state.Printable(err.Error())}
}

// cancelWithin is how long runs may take to end whose calls were cancelled.
const cancelWithin = 10 * time.Second

// pauseSessions asks all runs of this process to pause, and waits for them until ctx ends; then their calls are cancelled.
func (d *Dashboard) pauseSessions(ctx context.Context) error {
	const reason = "the dashboard is being closed"
	d.sessions.mu.Lock()
	d.sessions.closed = true
	d.sessions.mu.Unlock()
	list := d.sessions.list()
	for _, s := range list {
		if err := s.run.Ask(context.WithoutCancel(ctx), state.Request{Kind: state.AskPause, By: "dashboard", Note: reason}); err != nil {
			s.cancel(&workflow.PauseError{Reason: reason}) // it is just beginning, or ending
		}
	}
	if waitAll(ctx, list) {
		return nil
	}
	for _, s := range list {
		s.cancel(&workflow.PauseError{Reason: reason})
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelWithin)
	defer cancel()
	if waitAll(last, list) {
		return nil
	}
	return errors.New("a run of this process did not stop although its calls were cancelled")
}

// waitAll waits for the end of sessions; false: the context ended before.
func waitAll(ctx context.Context, list []*session) bool {
	for _, s := range list {
		select {
		case <-s.done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
