package workflow

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// Run is a handle of one run of a pipeline: to work on it, to ask something of it, to read it. It is safe for concurrent
// use; of two Start, Resume or Run at a time, the second is told that the run is held.
type Run struct {
	pipeline *Pipeline
	name     string
	cfg      Config

	mu     sync.Mutex // guards active
	active *session   // while this process works on the run
}

// Name is the run's name.
func (r *Run) Name() string { return r.name }

// Start begins the run and works on it as [Pipeline.Run] does; state.ErrExists when it exists.
func (r *Run) Start(ctx context.Context) error { return r.work(ctx, state.Create) }

// Resume goes on with the run; state.ErrNotFound when it does not exist.
func (r *Run) Resume(ctx context.Context) error { return r.work(ctx, state.OpenExisting) }

// State is what the run knows now. The status is as a reader sees it: running when somebody works on it, interrupted when
// nobody does and it was not stopped in order.
func (r *Run) State(ctx context.Context) (*state.WorkflowState, error) {
	// The lock, the journal, the lock again: a run that was let go, or taken up, in between is read anew.
	for {
		before, err := r.cfg.Store.Head(ctx, r.name)
		if err != nil {
			return nil, err
		}
		st, err := state.Load(ctx, r.cfg.Store, r.name)
		if err != nil {
			return nil, err
		}
		after, err := r.cfg.Store.Head(ctx, r.name)
		if err != nil {
			return nil, err
		}
		if held := after.Holder != nil; held == (before.Holder != nil) {
			st.Observe(held)
			return st, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// Context returns a context in which the Result methods and Params read this run. It runs nothing, and works during the
// run and after it. Outside this process's own work on the run, it shows the run as it was when it was first read.
func (r *Run) Context(ctx context.Context) context.Context {
	r.mu.Lock()
	active := r.active
	r.mu.Unlock()
	if active != nil {
		return r.reading(ctx, active)
	}
	return r.reading(ctx, &loaded{run: r})
}

func (r *Run) reading(ctx context.Context, from source) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{kind: scopeReading, source: from})
}

// loaded is a source outside a session.
type loaded struct {
	run  *Run
	once sync.Once
	st   *state.WorkflowState
	err  error
}

func (l *loaded) view(ctx context.Context, fn func(*state.WorkflowState)) error {
	l.once.Do(func() { l.st, l.err = state.Load(ctx, l.run.cfg.Store, l.run.name) })
	if l.err != nil {
		return l.err
	}
	fn(l.st)
	return nil
}

func (l *loaded) event(ctx context.Context, seq uint64) (state.Event, error) {
	return state.ReadEvent(ctx, l.run.cfg.Store, l.run.name, seq)
}

// Ask asks something of the run, whoever works on it: this process, or another one by way of the store. Pausing a run
// that nobody works on is ErrNotRunning.
func (r *Run) Ask(ctx context.Context, req state.Request) error {
	r.mu.Lock()
	active := r.active
	r.mu.Unlock()
	if active != nil && req.Kind == state.AskPause {
		active.ctrl.PauseBy("pause request", reasonOf(req))
		return nil
	}
	head, err := r.cfg.Store.Head(ctx, r.name)
	if err != nil {
		return err
	}
	if req.Kind == state.AskPause && head.Holder == nil {
		return fmt.Errorf("run %q can't be paused: %w", r.name, ErrNotRunning)
	}
	inbox, ok := r.cfg.Store.(state.Inbox)
	if !ok {
		return fmt.Errorf("asking run %q: %w", r.name, state.ErrUnsupported)
	}
	if req.Time.IsZero() {
		req.Time = time.Now().UTC().Round(0)
	}
	return inbox.Ask(ctx, r.name, req)
}

// work is one session.
func (r *Run) work(ctx context.Context, mode state.Mode) error {
	stale := r.pauseRequests(ctx) // what is asked from here on, while a long journal is read, is meant for this session
	rec, err := state.OpenRecorder(ctx, r.cfg.Store, r.name, state.RecorderOptions{Mode: mode, Observers: r.cfg.Observers, Now: r.cfg.Now})
	if err != nil {
		return err
	}
	s := &session{
		pipeline: r.pipeline, run: r, cfg: r.cfg, rec: rec, ctrl: r.cfg.Controller, ended: make(chan struct{}),
		stopping: make(chan struct{}), stepStops: map[string]*systemicStop{}, cause: func() error { return nil }, log: r.cfg.log().With(zap.String("run", r.name)),
	}
	if s.ctrl == nil {
		s.ctrl = controller.New()
		defer func() { _ = s.ctrl.Close() }() // a controller of programs has nothing to close badly
	}
	r.mu.Lock()
	r.active = s
	r.mu.Unlock()
	err = s.work(ctx, stale)
	r.mu.Lock()
	r.active = nil
	r.mu.Unlock()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	switch closeErr := rec.Close(closing); {
	case closeErr == nil, errors.Is(err, state.ErrJournalFailed):
	case rec.Err() == nil && errors.Is(closeErr, context.DeadlineExceeded):
		s.log.Warn("closing took too long", zap.Error(closeErr)) // an observer's fault, and no harm to the run
	default:
		err = errors.Join(err, closeErr)
	}
	return err
}

// closeTimeout bounds how long observers may take to be told of the last events.
const closeTimeout = 10 * time.Second

// begin writes, or checks, what a session rests on.
func (s *session) begin() error {
	params, err := s.params()
	if err != nil {
		return err
	}
	if s.rec.New() {
		id := make([]byte, 16)
		if _, err := rand.Read(id); err != nil {
			return fmt.Errorf("run %q: no random id: %w", s.run.name, err)
		}
		created := state.New(state.Scope{}, state.RunCreated{
			Format: state.Format, RunID: hex.EncodeToString(id), Name: s.run.name, Pipeline: s.pipeline.name,
			HashRecipe: resilience.HashRecipe, Steps: s.pipeline.defs, Params: params,
		})
		if _, err := s.rec.Commit(created); err != nil {
			return err
		}
		s.logged(created)
		return s.ensureOpen()
	}
	var status state.Status
	var change *state.PipelineChanged
	s.rec.View(func(st *state.WorkflowState) {
		status = st.Status
		switch {
		case st.Run != s.run.name:
			err = fmt.Errorf("run %q: its journal is that of run %q: it was renamed or copied by hand, or the two names are the same on this disk; go on under the name %q",
				s.run.name, st.Run, st.Run)
		case st.Pipeline != s.pipeline.name:
			err = fmt.Errorf("run %q belongs to pipeline %q, not to %q", s.run.name, st.Pipeline, s.pipeline.name)
		case st.Recipe != resilience.HashRecipe:
			err = fmt.Errorf("run %q hashes requests in a way (%d) that this version does not know: %w", s.run.name, st.Recipe, state.ErrNewerFormat)
		case s.otherKind(st) != nil:
			err = s.otherKind(st)
		case params != nil:
			err = compareParams(s.run.name, st.Params, params)
		}
		change = s.pipelineChange(st)
	})
	if err != nil {
		return err
	}
	if change != nil {
		if _, err := s.commit(state.New(state.Scope{}, *change)); err != nil {
			return err
		}
	}
	if status == state.StatusCompleted {
		return nil // opened with the first event, if there is one
	}
	return s.ensureOpen()
}

func (s *session) params() (json.RawMessage, error) {
	if s.cfg.Params == nil {
		return nil, nil
	}
	raw, err := encode(s.cfg.Params)
	if err != nil {
		return nil, fmt.Errorf("Config.Params: %w", err)
	}
	if string(raw) == "null" {
		return nil, nil
	}
	return raw, nil
}

// pipelineChange is what differs between the declared steps and those that the run knows; nil: nothing that matters.
func (s *session) pipelineChange(st *state.WorkflowState) *state.PipelineChanged {
	known := make([]state.StepDef, len(st.Steps))
	for i := range st.Steps {
		known[i] = st.Steps[i].StepDef
	}
	if slices.Equal(known, s.pipeline.defs) {
		return nil
	}
	change := &state.PipelineChanged{Steps: s.pipeline.defs}
	for _, d := range s.pipeline.defs {
		if !declares(known, d.Name) {
			change.Added = append(change.Added, d.Name)
		}
	}
	for _, d := range known {
		if !declares(s.pipeline.defs, d.Name) {
			change.Removed = append(change.Removed, d.Name)
		}
	}
	if len(change.Added) == 0 && len(change.Removed) == 0 && st.Status == state.StatusCompleted {
		return nil // other options of the same steps are no new work
	}
	return change
}

// otherKind refuses a step that is of another kind than in the run: its results would not be of the kind that is read.
func (s *session) otherKind(st *state.WorkflowState) error {
	for _, d := range s.pipeline.defs {
		if known := st.Step(d.Name); known != nil && known.Kind != d.Kind {
			return fmt.Errorf("run %q: step %s is of kind %s there, and of kind %s in the pipeline now; give it another name",
				s.run.name, d.Name, known.Kind, d.Kind)
		}
	}
	return nil
}

func declares(defs []state.StepDef, name string) bool {
	return slices.ContainsFunc(defs, func(d state.StepDef) bool { return d.Name == name })
}

// opened describes this session.
func (s *session) opened() state.SessionOpened {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	o := state.SessionOpened{PID: os.Getpid(), Host: host, Versions: versions(),
		Concurrency: s.cfg.concurrency(), Settings: s.cfg.Settings, Roles: map[string]string{}}
	if o.Settings == nil {
		s.rec.View(func(st *state.WorkflowState) { o.Settings = st.Session.Settings })
	}
	for role, m := range s.cfg.Roles {
		o.Roles[role] = describe(m)
	}
	if s.cfg.Model != nil {
		o.Roles["*"] = describe(s.cfg.Model)
	}
	return o
}

// describe names a model as it names itself, or by its type.
func describe(m llms.Model) string {
	if s, ok := m.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", m)
}

// versions are those of Go and, in a program built from modules, of Dogear.
func versions() map[string]string {
	const module = "github.com/dogear-go/dogear"
	v := map[string]string{"go": runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == module && m.Version != "" {
			v["dogear"] = m.Version
		}
	}
	return v
}
