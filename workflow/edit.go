package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// What an edit can meet, for [errors.Is].
var (
	ErrBadResult     = errors.New("the new result does not fit the step")
	ErrResultChanged = errors.New("the result is not the one that was edited")
)

// Edit replaces a completed result of a Task, or of an item of an Each, by a person's. What the run makes of it when it goes on is
// told at [Run.Edit].
type Edit struct {
	Step     string
	Item     string          // of an Each; empty for a Task
	Replaces string          // hash of the result that was edited (state.StepState.Hash, state.ItemState.Result)
	Who      string          // Defaults to nobody in particular
	Note     string          // Defaults to none
	Result   json.RawMessage // as the step's function would have returned it
}

// Edit records a person's result in the place of a completed one, durably, under the run's lock: a *state.HeldError while
// somebody works on the run. The result must fit the Go type of the step, to the last field, and its Validate method if
// it has one: else a *BadResultError, which is ErrBadResult. ErrResultChanged when Replaces is not the hash of the result that the step has
// now, so that an edit of somebody else is not lost; ErrNoResult when there is nothing to replace.
//
// An edit runs nothing, and the run's status stays. But the next session may find work because of it, also in a run that is
// complete, and makes calls for it:
//   - Steps and items that have not run yet see the new result.
//   - The list of each Each is made again, as in every session. Items whose value is another than before run again, new ones
//     run, and those that are not given any more are dropped. What follows from their new results runs again in the same way. A
//     request that is equal to one that the item made before is answered from the record.
//   - A Gate that has read the result asks again if that changes what it shows.
//   - A complete Task stays as it is, although it was made from the result before; only one that accepted something incomplete
//     (AllowPartial) runs again when what it read has changed. An item whose value is equal stays too, whatever its function reads.
//   - A person's result is pinned: when its inputs change it stays.
//
// A result that is equal to the recorded one changes nothing.
func (r *Run) Edit(ctx context.Context, e Edit) error {
	e.Item = recordedKey(e.Item)
	raw, err := r.pipeline.checkResult(e)
	if err != nil {
		return fmt.Errorf("run %q: %w", r.name, err)
	}
	rec, err := state.OpenRecorder(ctx, r.cfg.Store, r.name, state.RecorderOptions{Mode: state.OpenExisting, Observers: r.cfg.Observers, Now: r.cfg.Now})
	if err != nil {
		return err
	}
	log := r.cfg.log().With(zap.String("run", r.name), zap.String("step", e.Step), zap.String("item", e.Item))
	changed, err := r.replace(rec, e, raw)
	err = closeRecorder(ctx, rec, err, log)
	if err != nil || !changed {
		return err
	}
	log.Info("result edited", zap.String("by", e.Who))
	if r.cfg.Export != nil { // products are derived: they follow
		if err := safely(func() error { return r.cfg.Export(r.Context(context.WithoutCancel(ctx))) }); err != nil {
			log.Warn("the products could not be written", zap.String("error", ErrorText(err)))
		}
	}
	return nil
}

// replace records the edit; false: the result is the recorded one.
func (r *Run) replace(rec *state.Recorder, e Edit, raw json.RawMessage) (bool, error) {
	at := state.Scope{Step: e.Step, Item: e.Item}
	var now string
	var gen int
	var err error
	rec.View(func(st *state.WorkflowState) {
		if err = r.belongs(st); err == nil {
			if now, gen, err = editable(st, at); err != nil {
				err = fmt.Errorf("run %q: %w", r.name, err)
			}
		}
	})
	switch hash := hashOf(raw); {
	case err != nil:
		return false, err
	case e.Replaces != now:
		return false, fmt.Errorf("run %q: %s: %w; read the result as it is now, and edit that", r.name, scopeName(at), ErrResultChanged)
	case hash == now:
		return false, nil
	default:
		edited := state.New(at, state.ResultEdited{Result: raw, Hash: hash, Replaces: now, Who: recordedKey(e.Who), Note: recordedKey(e.Note)})
		edited.Gen = gen
		_, err = rec.Commit(edited)
		return err == nil, err
	}
}

// editable tells the hash and generation of the result at a scope.
func editable(st *state.WorkflowState, at state.Scope) (hash string, gen int, err error) {
	s := st.Step(at.Step)
	if s == nil {
		return "", 0, fmt.Errorf("step %s: %w", at.Step, ErrNoResult)
	}
	hash, gen = s.Hash, s.Gen
	done := s.Status == state.StatusCompleted
	if at.Item != "" {
		it, ok := st.Item(at.Step, at.Item)
		hash, gen, done = it.Result, it.Gen, ok
	}
	if !done || st.ResultSeq(at) == 0 {
		return "", 0, fmt.Errorf("%s: %w", scopeName(at), ErrNoResult)
	}
	return hash, gen, nil
}

func scopeName(at state.Scope) string {
	if at.Item == "" {
		return "step " + at.Step
	}
	return fmt.Sprintf("step %s, item %q", at.Step, at.Item)
}

// resultChecker is a step whose results have a Go type. It returns a result as it is recorded.
type resultChecker interface {
	checkResult(raw json.RawMessage) (json.RawMessage, error)
}

func (t *Task[T]) checkResult(raw json.RawMessage) (json.RawMessage, error) {
	return checkResult[T](raw)
}
func (e *Each[In, Out]) checkResult(raw json.RawMessage) (json.RawMessage, error) {
	return checkResult[Out](raw)
}

// checkResult returns the edit's result as it is recorded.
func (p *Pipeline) checkResult(e Edit) (json.RawMessage, error) {
	step := find(p.steps, e.Step)
	if step == nil {
		return nil, fmt.Errorf("there is no step %q: %w", e.Step, ErrNoResult)
	}
	def := definitionOf(step)
	checker, ok := step.(resultChecker)
	switch {
	case def.kind == state.KindGate:
		return nil, fmt.Errorf("step %s is a gate: %w that can be edited; approve or reject it", e.Step, ErrNoResult)
	case !ok:
		return nil, fmt.Errorf("step %s is of kind %s: %w that can be edited", e.Step, def.kind, ErrNoResult)
	case def.kind == state.KindEach && e.Item == "":
		return nil, fmt.Errorf("step %s has a result for each item: %w of its own; name an item", e.Step, ErrNoResult)
	case def.kind != state.KindEach && e.Item != "":
		return nil, fmt.Errorf("step %s, item %q: %w: the step has no items", e.Step, e.Item, ErrNoResult)
	}
	raw, err := checker.checkResult(e.Result)
	var bad *BadResultError
	if errors.As(err, &bad) {
		bad.Step, bad.Item = e.Step, e.Item
	}
	return raw, err
}

// find looks for a step by name, in Parallels too.
func find(steps []Step, name string) Step {
	for _, s := range steps {
		if s.Name() == name {
			return s
		}
		if in := find(definitionOf(s).children, name); in != nil {
			return in
		}
	}
	return nil
}
