package estimate

import (
	"hash/maphash"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Left is how long something still takes.
type Left struct {
	// Duration is the time that the measured part of it takes from now on, zero or more. It means something only when
	// Known.
	Duration time.Duration

	// Known says that at least some of it could be measured, or that there is nothing left.
	Known bool

	// Unknown names the steps that are not in Duration, because nothing like them ran yet. In the pipeline's order.
	Unknown []string
}

// Estimator is fed the events of one run, in their order, and tells how long the run still takes. Its clock is that of
// the events and of who asks. It keeps nine bytes an item and a few kilobytes a step. It is not safe for concurrent use.
type Estimator struct {
	seed    maphash.Seed
	steps   []*step // in the pipeline's order
	byName  map[string]*step
	workers int // Concurrency of the session; 0: not known
}

// New makes an estimator that has seen nothing. It can be fed from a run's first event on, or from anywhere after
// [Estimator.Begin].
func New() *Estimator {
	return &Estimator{seed: maphash.MakeSeed(), byName: map[string]*step{}}
}

// Begin takes over what a run is like at one moment, for an estimator that is fed the events that follow it. What was
// measured stays. The state is only read.
func (e *Estimator) Begin(st *state.WorkflowState) {
	defs := make([]state.StepDef, len(st.Steps))
	for i := range st.Steps {
		defs[i] = st.Steps[i].StepDef
	}
	e.declare(defs, nil)
	e.workers = st.Session.Concurrency
	for i := range st.Steps {
		e.steps[i].begin(st, &st.Steps[i], e.seed)
	}
}

// Observe takes the next event in.
func (e *Estimator) Observe(ev state.Event) {
	switch d := ev.Data.(type) {
	case state.RunCreated:
		e.declare(d.Steps, nil)
		return
	case state.PipelineChanged:
		e.declare(d.Steps, d.Renamed)
		return
	case state.SessionOpened:
		e.session(d.Concurrency)
		return
	case state.PauseRequested:
		for _, s := range e.steps {
			s.seen.hold()
		}
		return
	case state.RunStopped:
		e.settle()
		return
	case state.Invalidated:
		for _, at := range d.Scopes {
			if s := e.byName[at.Step]; s != nil {
				s.invalidate(at.Item, e.seed)
			}
		}
		return
	}
	if s := e.byName[ev.Step]; s != nil {
		s.observe(ev, e.seed)
	}
}

// declare lays the steps out; what is known of those that stay, stays. renamed maps new names to old.
func (e *Estimator) declare(defs []state.StepDef, renamed map[string]string) {
	old := e.byName
	e.steps, e.byName = make([]*step, 0, len(defs)), make(map[string]*step, len(defs))
	for _, def := range defs {
		was := def.Name
		if name, ok := renamed[was]; ok {
			was = name
		}
		s := old[was]
		if s == nil {
			s = newStep()
		}
		s.def = def
		e.steps = append(e.steps, s)
		e.byName[def.Name] = s
	}
}

// session begins a session: nothing runs, and what failed before is tried again.
func (e *Estimator) session(workers int) {
	e.settle()
	for _, s := range e.steps {
		s.again(e.workers, workers)
	}
	e.workers = workers
}

// settle forgets what ran when a session ended: how long it would have taken is not known.
func (e *Estimator) settle() {
	for _, s := range e.steps {
		s.settle()
	}
}

// Step is how long a step still takes, a Parallel as long as the longest of its steps. A step that is done takes no
// time, and so does a gate, which waits for a person; one that the run does not have is unknown.
func (e *Estimator) Step(name string, now time.Time) Left {
	s := e.byName[name]
	switch {
	case s == nil:
		return Left{Unknown: []string{name}}
	case s.def.Kind == state.KindParallel:
		return e.within(name, now)
	case s.phase == over || s.phase == done || s.def.Kind == state.KindGate:
		return Left{Known: true}
	}
	if d, known := s.left(now); known {
		return Left{Duration: d, Known: true}
	}
	return Left{Unknown: []string{name}}
}

// within is the time of steps that run side by side.
func (e *Estimator) within(parent string, now time.Time) Left {
	return e.sum(parent, now, func(a, b time.Duration) time.Duration { return max(a, b) })
}

// Run is how long the steps that are left take, one after another, and those of a Parallel side by side.
func (e *Estimator) Run(now time.Time) Left {
	return e.sum("", now, func(a, b time.Duration) time.Duration { return min(a+b, longest) })
}

func (e *Estimator) sum(parent string, now time.Time, add func(a, b time.Duration) time.Duration) Left {
	sum := Left{}
	for _, s := range e.steps {
		if s.def.Parent != parent {
			continue
		}
		l := e.Step(s.def.Name, now)
		sum.Unknown = append(sum.Unknown, l.Unknown...)
		if l.Known && l.Duration > 0 {
			sum.Duration, sum.Known = add(sum.Duration, l.Duration), true
		}
	}
	sum.Known = sum.Known || len(sum.Unknown) == 0
	return sum
}

// longest is the most that an estimate says: a hundred years, so that sums never overflow.
const longest = 100 * 365 * 24 * time.Hour
