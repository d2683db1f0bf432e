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
func (r *Run) Start(ctx context.Context) error { return r.work(ctx, r.cfg, state.Create) }

// Resume goes on with the run; state.ErrNotFound when it does not exist.
func (r *Run) Resume(ctx context.Context) error { return r.work(ctx, r.cfg, state.OpenExisting) }

// Retry goes on with the run as Resume does, and tries again the failed steps that are named, and of an Each the items; no
// items means all of them. Other failures are left alone. Nil means everything that failed.
func (r *Run) Retry(ctx context.Context, failed map[string][]string) error {
	for name := range failed {
		if !declares(r.pipeline.defs, name) {
			return fmt.Errorf("run %q: there is no step %q to try again", r.name, name)
		}
	}
	cfg := r.cfg
	cfg.Retry = failed
	return r.work(ctx, cfg, state.OpenExisting)
}

// State is what the run knows now. The status is as a reader sees it: running when somebody works on it, interrupted when
// nobody does and it was not stopped in order.
func (r *Run) State(ctx context.Context) (*state.WorkflowState, error) {
	// The lock, the journal, the lock again: a run that was let go, or taken up, in between is read anew. So is one that
	// somebody took up and let go again: what was read may be of then.
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
		if unmoved(before, after) {
			st.Observe(after.Holder != nil)
			return st, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// unmoved says that between two looks at a run nobody took it up or let it go. One that is held all the time may grow.
func unmoved(before, after state.Head) bool {
	held := after.Holder != nil
	return held == (before.Holder != nil) && after.RunID == before.RunID && (held || after.Last == before.Last)
}

// Context returns a context in which the Result methods and Params read this run. It runs nothing, and works during the
// run and after it. Outside this process's own work on the run, it shows the run as it was when it was first read. What it
// shows is of one run: ErrReplaced when that was removed since, and another one has its name.
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

// event is called after view. That an event is missing in a shorter run of the same name is no damage.
func (l *loaded) event(ctx context.Context, seq uint64) (state.Event, error) {
	e, err := state.ReadEvent(ctx, l.run.cfg.Store, l.run.name, seq)
	if err == nil {
		return e, nil
	}
	if head, headErr := l.run.cfg.Store.Head(ctx, l.run.name); headErr == nil && head.RunID != l.st.RunID {
		return e, fmt.Errorf("run %q: %w", l.run.name, ErrReplaced)
	}
	return e, err
}

// Ask asks something of the run, whoever works on it: this process, or another one by way of the store. Pausing a run
// that nobody works on is ErrNotRunning. Approving or rejecting a step is ErrNoGate when it is no gate, or none that waits
// for a decision, and ErrShownChanged when Request.Hash is not of what is shown now; a decision that can't be taken at
// once waits in the store until the run goes on.
func (r *Run) Ask(ctx context.Context, req state.Request) error {
	r.mu.Lock()
	active := r.active
	r.mu.Unlock()
	if req.Time.IsZero() {
		req.Time = time.Now().UTC().Round(0)
	}
	if active != nil && active.rec.Err() != nil { // another may have taken the run over
		active = nil
	}
	if active != nil && req.Kind == state.AskPause {
		active.ctrl.PauseBy("pause request", reasonOf(req))
		return nil
	}
	if active != nil && isDecision(req) {
		if taken, err := active.decideHere(req); taken {
			return err
		}
	}
	head, err := r.cfg.Store.Head(ctx, r.name)
	if err != nil {
		return err
	}
	if req.Kind == state.AskPause && head.Holder == nil {
		return fmt.Errorf("run %q can't be paused: %w", r.name, ErrNotRunning)
	}
	if isDecision(req) {
		if err := r.decidable(ctx, req); err != nil {
			return err
		}
	}
	inbox, ok := r.cfg.Store.(state.Inbox)
	if !ok {
		return fmt.Errorf("asking run %q: %w", r.name, state.ErrUnsupported)
	}
	return inbox.Ask(ctx, r.name, req)
}

// work is one session.
func (r *Run) work(ctx context.Context, cfg Config, mode state.Mode) error {
	left := r.requests(ctx) // what is asked from here on, while a long journal is read, is meant for this session
	rec, err := state.OpenRecorder(ctx, cfg.Store, r.name, state.RecorderOptions{Mode: mode, Observers: cfg.Observers, Now: cfg.Now})
	if err != nil {
		return err
	}
	s := &session{
		pipeline: r.pipeline, run: r, cfg: cfg, rec: rec, ctrl: cfg.Controller, ended: make(chan struct{}),
		stopping: make(chan struct{}), stepStops: map[string]*systemicStop{}, cause: func() error { return nil }, log: cfg.log().With(zap.String("run", r.name)),
	}
	if s.ctrl == nil {
		s.ctrl = controller.New()
		defer func() { _ = s.ctrl.Close() }() // a controller of programs has nothing to close badly
	}
	r.mu.Lock()
	r.active = s
	r.mu.Unlock()
	err = s.work(ctx, left)
	r.mu.Lock()
	r.active = nil
	r.mu.Unlock()
	return closeRecorder(ctx, rec, err, s.log)
}

// closeRecorder ends an opening of the run, which ended with err so far.
func closeRecorder(ctx context.Context, rec *state.Recorder, err error, log *zap.Logger) error {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	switch closeErr := rec.Close(closing); {
	case closeErr == nil, errors.Is(err, state.ErrJournalFailed):
	case rec.Err() == nil && errors.Is(closeErr, context.DeadlineExceeded):
		log.Warn("closing took too long", zap.Error(closeErr)) // an observer's fault, and no harm to the run
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
	if err := s.limit(); err != nil {
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
			Budget: s.money.limits, // with the first event, so that no crash leaves a run without it
		})
		if _, err := s.rec.Commit(created); err != nil {
			return err
		}
		s.logged(created)
		s.budget = nil
		return s.ensureOpen()
	}
	var status state.Status
	var change *state.PipelineChanged
	s.rec.View(func(st *state.WorkflowState) {
		status = st.Status
		err = s.run.belongs(st)
		switch {
		case err != nil:
		case st.Recipe != resilience.HashRecipe:
			err = fmt.Errorf("run %q hashes requests in a way (%d) that this version does not know: %w", s.run.name, st.Recipe, state.ErrNewerFormat)
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
		s.rec.View(s.money.begin) // steps that are back bring what they cost
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

// belongs refuses a run of another name or pipeline, and a step that is of another kind than in the run: its results would
// not be of the kind that is read.
func (r *Run) belongs(st *state.WorkflowState) error {
	switch {
	case st.Run != r.name:
		return fmt.Errorf("run %q: its journal is that of run %q: it was renamed or copied by hand, or the two names are the same on this disk; go on under the name %q",
			r.name, st.Run, st.Run)
	case st.Pipeline != r.pipeline.name:
		return fmt.Errorf("run %q belongs to pipeline %q, not to %q", r.name, st.Pipeline, r.pipeline.name)
	}
	for _, d := range r.pipeline.defs {
		if known := st.Step(d.Name); known != nil && known.Kind != d.Kind {
			return fmt.Errorf("run %q: step %s is of kind %s there, and of kind %s in the pipeline now; give it another name",
				r.name, d.Name, known.Kind, d.Kind)
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
	o.Budget = s.money.limits[""]
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
