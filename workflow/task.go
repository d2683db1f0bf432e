package workflow

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/state"
)

// Task is a step with one result. It is an immutable name, shared by many runs.
type Task[T any] struct {
	name string
	fn   func(context.Context) (T, error)
	opts stepOptions
}

// NewTask makes a step of a function whose result is recorded as JSON.
func NewTask[T any](name string, fn func(context.Context) (T, error), opts ...StepOption) *Task[T] {
	t := &Task[T]{name: name, fn: fn, opts: gather(state.KindTask, opts)}
	if fn == nil {
		t.opts.faults = append(t.opts.faults, fmt.Errorf("its function is nil"))
	}
	return t
}

// Name implements Step.
func (t *Task[T]) Name() string { return t.name }

// Run implements Step: one attempt.
func (t *Task[T]) Run(ctx context.Context) error {
	sc, err := working(ctx, "step "+t.name)
	if err != nil {
		return err
	}
	v, err := t.fn(ctx)
	if err != nil {
		return err
	}
	raw, err := encode(v)
	if err != nil {
		return fmt.Errorf("the result of step %s: %w", t.name, err)
	}
	sc.attempt.mu.Lock()
	defer sc.attempt.mu.Unlock()
	sc.attempt.result = raw
	return nil
}

func (t *Task[T]) define() definition { return definition{kind: state.KindTask, opts: t.opts} }

// Result is what the task gave, decoded afresh each time. In a step the dependency is noted. ErrNoResult before the
// task completed.
func (t *Task[T]) Result(ctx context.Context) (T, error) {
	var zero T
	sc, err := scopeFrom(ctx)
	if err != nil {
		return zero, fmt.Errorf("the result of step %s: %w", t.name, err)
	}
	var seq uint64
	var hash, base string
	err = sc.source.view(ctx, func(st *state.WorkflowState) {
		seq = st.ResultSeq(state.Scope{Step: t.name})
		if s := st.Step(t.name); s != nil {
			hash, base = s.Hash, s.Base
		}
	})
	if err != nil {
		return zero, err
	}
	if seq == 0 {
		sc.readMissing(state.Read{Source: t.name})
		return zero, fmt.Errorf("step %s: %w", t.name, ErrNoResult)
	}
	raw, err := resultAt(ctx, sc.source, "", seq, state.ParseHash(hash))
	if err != nil {
		return zero, fmt.Errorf("the result of step %s: %w", t.name, err)
	}
	sc.read(state.Read{Source: t.name, Hash: hash})
	sc.readPartial(base == state.BasePartial)
	return decode[T](raw, "the result of step "+t.name)
}

// readPartial notes that something incomplete was read.
func (sc *scope) readPartial(partial bool) {
	if partial && sc.attempt != nil {
		sc.attempt.mu.Lock()
		sc.attempt.partial = true
		sc.attempt.mu.Unlock()
	}
}

// readMissing notes that something was asked for that is not there: who does without it is redone once it is.
func (sc *scope) readMissing(r state.Read) {
	sc.read(r)
	sc.readPartial(true)
}

// resultAt reads a recorded result of which a state knows item, number and hash. (The step may have had another name when it
// was recorded.) Readers hold no lock: a run that was removed since may have been followed by another one of its name, whose
// event of that number is something else.
func resultAt(ctx context.Context, from source, item string, seq uint64, hash state.Hash) ([]byte, error) {
	e, err := from.event(ctx, seq)
	if err != nil {
		return nil, err
	}
	raw, ok := e.Result()
	if !ok {
		return nil, fmt.Errorf("event %d is %s, not a result: %w", seq, e.Type, ErrReplaced)
	}
	if e.Item != item || hash != (state.Hash{}) && hash != shortHash(raw) {
		return nil, fmt.Errorf("event %d holds another result than it did: %w", seq, ErrReplaced)
	}
	return raw, nil
}
