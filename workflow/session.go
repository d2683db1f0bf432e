package workflow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// session is one process working on one run, from opening the journal to closing it.
type session struct {
	pipeline *Pipeline
	run      *Run
	cfg      Config
	rec      *state.Recorder
	ctrl     *controller.Controller
	log      *zap.Logger
	calls    atomic.Uint64
	ended    chan struct{} // closed when the session is over: its watchers end
	watchers sync.WaitGroup
	cause    func() error // why the session's context ended; nil while it has not
	old      inheritance
	desk     desk

	money  *ledger
	budget []state.RunBudget // limits that this session changes

	opening sync.Mutex // held while session.opened is written
	open    bool       // guarded by opening

	mu        sync.Mutex               // guards the fields below
	stop      error                    // why nothing new may start; nil: it may
	stopping  chan struct{}            // closed when stop is set
	stepStops map[string]*systemicStop // steps that a systemic failure stopped
}

// refusal is why nothing new may start in a step; nil when it may.
func (s *session) refusal(step string) error {
	s.notice()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return s.stop
	}
	if stop := s.stepStops[step]; stop != nil {
		return stop
	}
	return nil
}

// notice takes in what has happened already, without waiting for the watcher to be told: once a pause was asked for, no
// call starts.
func (s *session) notice() {
	select {
	case <-s.ctrl.Draining():
		s.halt(s.whyPausing())
	default:
	}
	if why := s.cause(); why != nil {
		s.halt(why)
	}
	if err := s.rec.Err(); err != nil {
		s.halt(err)
	}
}

// halt lets nothing new start. The first reason counts, but a broken journal or a cancellation comes before a pause.
func (s *session) halt(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stop == nil:
		s.stop = why
		close(s.stopping)
	case errors.Is(s.stop, ErrPaused) && !errors.Is(why, ErrPaused):
		s.stop = why
	}
}

func (s *session) callID() string { return fmt.Sprintf("%d-%d", s.rec.Epoch(), s.calls.Add(1)) }

func (s *session) now() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}

// commit, emit and post hand events to the Recorder. The first one of a session is preceded by session.opened: a run that
// is complete, and has nothing new to do, is left as it is.
func (s *session) commit(e state.Event) (uint64, error) {
	if err := s.ensureOpen(); err != nil {
		return 0, err
	}
	seq, err := s.rec.Commit(e)
	if err == nil {
		s.logged(e)
	}
	return seq, err
}

func (s *session) emit(e state.Event) error {
	if err := s.ensureOpen(); err != nil {
		return err
	}
	_, err := s.rec.Emit(e)
	if err == nil {
		s.logged(e)
	}
	return err
}

func (s *session) post(e state.Event) {
	if s.ensureOpen() == nil { // an error stays with the Recorder, and the next commit reports it
		s.rec.Post(e)
		s.logged(e)
	}
}

func (s *session) ensureOpen() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.open {
		return nil
	}
	for _, limit := range s.budget { // before the session, so that none begins without its limits
		changed := state.New(state.Scope{}, limit)
		if _, err := s.rec.Commit(changed); err != nil {
			return err
		}
		s.logged(changed)
	}
	opened := state.New(state.Scope{}, s.opened())
	if _, err := s.rec.Commit(opened); err != nil {
		return err
	}
	s.logged(opened)
	s.open = true
	return nil
}

func (s *session) isOpen() bool {
	s.opening.Lock()
	defer s.opening.Unlock()
	return s.open
}

// note warns without a scope, in the journal only when this session has begun to write. detail is what the log is told.
func (s *session) note(code, message, detail string) {
	s.logWarning(state.Scope{}, 0, code, detail)
	if !s.isOpen() {
		return // a complete run is left as it is
	}
	s.post(state.New(state.Scope{}, state.RunWarning{Code: code, Message: message}))
}

// cooling tells until when a provider cools down, as far as the run knows from before. A clock that was set back must
// not stretch a cooldown, so it never lasts longer than it was meant to when it began.
func (s *session) cooling(provider, model string) (until time.Time, class resilience.Class) {
	s.rec.View(func(st *state.WorkflowState) {
		for _, p := range st.Cooling {
			if p.Provider == provider && p.Model == model && p.State == state.ProviderCooling {
				left := min(p.Until.Sub(s.now()), time.Duration(p.ForMS)*time.Millisecond)
				if left > 0 {
					until, class = s.now().Add(left), resilience.Class(p.Class)
				}
			}
		}
	})
	return until, class
}

// source of a session: the live state.
func (s *session) view(_ context.Context, fn func(*state.WorkflowState)) error {
	s.rec.View(fn)
	return nil
}

func (s *session) event(ctx context.Context, seq uint64) (state.Event, error) {
	return s.rec.Event(ctx, seq)
}

// export calls the user's exporter. Products are derived: its failure is noted, and stops nothing.
func (s *session) export(ctx context.Context) {
	if s.cfg.Export == nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // what was paid is written out even when the run is cancelled
	err := safely(func() error { return s.cfg.Export(s.run.reading(ctx, s)) })
	if err != nil {
		s.note("export_failed", "the products could not be written: "+brief(err), ErrorText(err))
	}
}
