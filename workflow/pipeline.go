package workflow

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
)

// Step is one unit of a pipeline. NewTask, NewEach and NewParallel make steps; a type of one's own is one too.
//
//   - Name is constant, and unique in its pipeline.
//   - Run gets the context of an attempt: Params, Do, Model and the Result methods of other steps work in it.
//   - Run may be called again, after a failed attempt or on resume; what it was answered before comes from the journal.
//   - Run may be called for many runs at once, so it keeps what belongs to a run out of the step.
type Step interface {
	Name() string
	Run(ctx context.Context) error
}

// definition is what a step of this package declares. A wrapper that embeds such a step declares the same.
type definition struct {
	kind     string
	opts     stepOptions
	children []Step
}

type definer interface{ define() definition }

func definitionOf(s Step) definition {
	if d, ok := s.(definer); ok {
		return d.define()
	}
	return definition{kind: state.KindCustom}
}

// Pipeline is a list of steps. It is immutable, and serves many runs at once.
type Pipeline struct {
	name  string
	steps []Step
	defs  []state.StepDef
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// New makes a pipeline of steps that run one after another. It reports every fault of them at once: a name that is empty,
// odd or used twice, an option that is wrong for its step.
func New(name string, steps ...Step) (*Pipeline, error) {
	p := &Pipeline{name: name, steps: steps}
	var faults []error
	if !namePattern.MatchString(name) {
		faults = append(faults, fmt.Errorf("the name %q: use letters, digits, '.', '_' and '-'", name))
	}
	if len(steps) == 0 {
		faults = append(faults, errors.New("no steps"))
	}
	faults = p.declare(steps, "", map[string]bool{}, faults)
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("pipeline %s: %w", name, err)
	}
	return p, nil
}

func (p *Pipeline) declare(steps []Step, parent string, seen map[string]bool, faults []error) []error {
	for i, s := range steps {
		if s == nil {
			faults = append(faults, fmt.Errorf("step %d is nil", i+1))
			continue
		}
		name, d := s.Name(), definitionOf(s)
		if !namePattern.MatchString(name) {
			faults = append(faults, fmt.Errorf("step %d: the name %q: use letters, digits, '.', '_' and '-'", i+1, name))
		}
		if seen[name] {
			faults = append(faults, fmt.Errorf("step %s: the name is used twice", name))
		}
		seen[name] = true
		for _, fault := range d.opts.faults {
			faults = append(faults, fmt.Errorf("step %s: %w", name, fault))
		}
		p.defs = append(p.defs, state.StepDef{Name: name, Kind: d.kind, Version: d.opts.version, Parent: parent,
			Optional: d.opts.optional, AllowPartial: d.opts.allowPartial})
		faults = p.declare(d.children, name, seen, faults)
	}
	return faults
}

// Name is the pipeline's name. A run belongs to the pipeline that started it.
func (p *Pipeline) Name() string { return p.name }

// Steps are what the pipeline declares, in order, a Parallel before its children.
func (p *Pipeline) Steps() []state.StepDef { return slices.Clone(p.defs) }

// Run starts the run of that name, or goes on with it, and blocks until it is complete (nil) or stops: ErrPaused,
// ErrWaiting, ErrPartial, a *StepError, an error of the store, or of ctx. The handle is there unless the run could not even be
// named. Running a complete run does nothing and returns nil.
func (p *Pipeline) Run(ctx context.Context, run string, cfg Config) (*Run, error) {
	r, err := p.Open(ctx, run, cfg)
	if err != nil {
		return nil, err
	}
	return r, r.work(ctx, r.cfg, state.OpenOrCreate)
}

// Open returns a handle of a run, which need not exist yet. It takes no lock, and nothing runs.
func (p *Pipeline) Open(_ context.Context, run string, cfg Config) (*Run, error) {
	if err := state.ValidName(run); err != nil {
		return nil, err
	}
	if cfg.Store == nil {
		store, err := filestore.Open("output")
		if err != nil {
			return nil, err
		}
		cfg.Store = store
	}
	return &Run{pipeline: p, name: run, cfg: cfg}, nil
}

// safely calls a function of the user's; its panic becomes an error.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if known, ok := p.(*panicError); ok {
				err = known
				return
			}
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	return fn()
}
