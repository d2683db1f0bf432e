package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// ending is how a step ended in this session.
type ending struct {
	kind endKind
	err  error
}

// endKind orders endings, the worst last: of the children of a Parallel, and of a run's steps, the worst one counts.
type endKind int

const (
	endedWell    endKind = iota // completed, or tolerated
	endedPartial                // some items failed, or its base is incomplete
	endedBadly                  // failed
	endedWaiting                // gates are open, and nothing else is left to do
	endedStopped                // the engine refused to go on
)

// managing returns the scope of an Each, a Parallel or a Gate that the engine runs.
func managing(ctx context.Context, name string) (*scope, error) {
	sc, err := scopeFrom(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("step %s: %w", name, err)
	case sc.kind == scopeReading:
		return nil, fmt.Errorf("step %s: %w: this context only reads results", name, ErrNoRun)
	case sc.over():
		return nil, fmt.Errorf("step %s: %w", name, ErrScopeClosed)
	case sc.kind != scopeManager || sc.at.Step != name:
		return nil, misuse("step %s was run inside %s: put it into the pipeline; a type that wraps it must embed it", name, sc.name())
	}
	return sc, nil
}

// ended remembers how a manager ended. Its error goes through Step.Run, where a user's wrapper may change or lose it.
func (sc *scope) ended(end ending) error {
	sc.attempt.mu.Lock()
	defer sc.attempt.mu.Unlock()
	sc.attempt.ended = &end
	return end.err
}

// runStep runs one step as far as it needs to, whatever happened to it in earlier sessions.
func (s *session) runStep(ctx context.Context, step Step) ending {
	name, def := step.Name(), definitionOf(step)
	if stop := s.refusal(name); stop != nil {
		return ending{endedStopped, stop}
	}
	var known state.StepState
	s.rec.View(func(st *state.WorkflowState) {
		if found := st.Step(name); found != nil {
			known = *found
		}
	})
	if known.Name == "" {
		return ending{endedBadly, fmt.Errorf("step %s is not part of pipeline %s", name, s.pipeline.name)}
	}
	if skip, end := s.skipFailed(known); skip {
		return end
	}
	switch {
	case def.kind == state.KindParallel, def.kind == state.KindEach, def.kind == state.KindGate:
		return s.runManager(ctx, step, def, known)
	case known.Status == state.StatusCompleted && !s.baseGrew(known):
		return ending{kind: endedWell}
	}
	return s.runLeaf(ctx, step, def, known.Name)
}

// skipFailed leaves a failed step alone when this session was told to try others again.
func (s *session) skipFailed(known state.StepState) (bool, ending) {
	_, selected := s.cfg.Retry[known.Name]
	if s.cfg.Retry == nil || selected || known.Kind == state.KindParallel {
		return false, ending{}
	}
	switch known.Status {
	case state.StatusTolerated:
		return true, ending{kind: endedWell}
	case state.StatusFailed:
	default:
		return false, ending{}
	}
	err := &failedBefore{class: resilience.Class(known.Class), message: known.Message}
	return true, ending{endedBadly, &StepError{Step: known.Name, Err: err}}
}

// failedBefore is the failure of an earlier session.
type failedBefore struct {
	class   resilience.Class
	message string
}

func (e *failedBefore) Error() string                { return e.message }
func (e *failedBefore) ErrorClass() resilience.Class { return e.class }

// runManager runs a step that looks after its own events: an Each, a Parallel or a Gate. It has no attempts of its own.
func (s *session) runManager(ctx context.Context, step Step, def definition, known state.StepState) ending {
	sc := &scope{kind: scopeManager, session: s, source: s, at: state.Scope{Step: known.Name}, gen: known.Gen, attempt: &attempt{}}
	err := safely(func() error { return step.Run(withScope(ctx, sc)) })
	sc.close()
	sc.attempt.mu.Lock()
	end := sc.attempt.ended
	sc.attempt.mu.Unlock()
	if end != nil && (end.kind != endedWell || err == nil) {
		return *end
	}
	if stop := sc.attempt.poisoned(); stop != nil {
		return ending{endedStopped, stop}
	}
	if err == nil {
		err = misuse("it did not run: a type that wraps an Each, a Parallel or a Gate must call its Run")
	}
	if stop := s.cutShort(ctx); stop != nil {
		return ending{endedStopped, stop}
	}
	return s.stepFailed(sc, def, outcome{last: sc.attempt, number: 1, err: err, class: s.cfg.Policy.ClassOf(err)}, nil)
}

// runLeaf runs a Task, or a step of the user's own.
func (s *session) runLeaf(ctx context.Context, step Step, def definition, name string) ending {
	var gen int
	s.rec.View(func(st *state.WorkflowState) { gen = st.Step(name).Gen })
	at := state.Scope{Step: name}
	started := state.New(at, state.StepStarted{})
	started.Gen = gen
	s.post(started)
	most := def.opts.attempts
	if most == 0 {
		most = 3
	}
	out := s.attempts(ctx, work{kind: scopeStep, at: at, gen: gen, most: most, timeout: def.opts.timeout, fn: step.Run})
	sc := &scope{session: s, at: at, gen: gen, attempt: out.last}
	switch {
	case out.stop != nil:
		return ending{endedStopped, out.stop}
	case out.err != nil:
		return s.stepFailed(sc, def, out, nil)
	}
	rep := out.last.report()
	done := state.StepCompleted{Result: rep.result, Hash: hashOf(rep.result), Version: def.opts.version, Reads: rep.reads}
	if rep.partial {
		done.Base = state.BasePartial
	}
	if _, err := s.commit(sc.event(done)); err != nil {
		return ending{endedStopped, err}
	}
	return ending{kind: endedWell}
}

// stepFailed records that a step failed; the items of a systemic stop go back to pending in the same event.
func (s *session) stepFailed(sc *scope, def definition, out outcome, pending []string) ending {
	who, hint := blame(out.err)
	failed := state.StepFailed{Class: string(out.class), Provider: who, Message: brief(out.err), Attempts: out.number,
		Tolerated: def.opts.optional, Pending: pending, Hint: hint}
	e := sc.event(failed)
	if _, err := s.commit(e); err != nil {
		return ending{endedStopped, err}
	}
	s.logFailure(e, out.err)
	if def.opts.optional {
		return ending{kind: endedWell}
	}
	return ending{endedBadly, &StepError{Step: sc.at.Step, Attempts: out.number, Err: out.err}}
}

// blame tells which provider an error is about, and what a person may do.
func blame(err error) (provider, hint string) {
	var e *resilience.Error
	if errors.As(err, &e) {
		return e.Provider, e.Hint
	}
	if errors.Is(err, ErrDeclined) {
		return "", "change what was declined, if need be, and go on: the gate then asks again"
	}
	return "", ""
}

// baseGrew says that a completed step accepted an incomplete base which has changed since, and sends it back to pending. A
// person's result stays.
func (s *session) baseGrew(known state.StepState) bool {
	if known.Base != state.BasePartial || known.Edited || !s.changed(known.Name) {
		return false
	}
	at := state.Scope{Step: known.Name}
	_, err := s.commit(state.New(at, state.Invalidated{
		Scopes: []state.Scope{at}, Reason: "an incomplete input became more complete", Replay: true,
	}))
	return err == nil // a journal that fails ends the session at the next step
}

// changed says that something a completed step read has another hash now.
func (s *session) changed(step string) (yes bool) {
	s.rec.View(func(st *state.WorkflowState) {
		yes = slices.ContainsFunc(st.Reads(step), func(r state.Read) bool { return currentHash(st, r) != r.Hash })
	})
	return yes
}

// currentHash is the hash that a read would note now; empty while there is nothing to read.
func currentHash(st *state.WorkflowState, r state.Read) string {
	if r.Source == state.ReadParams {
		return r.Hash // a run's parameters don't change
	}
	s := st.Step(r.Source)
	switch {
	case s == nil:
		return ""
	case s.Kind == state.KindEach && r.Part == "" && s.Items.Known:
		return hashItems(st.ItemList(r.Source))
	case st.ResultSeq(state.Scope{Step: r.Source, Item: r.Part}) == 0:
		return ""
	case r.Part != "":
		it, _ := st.Item(r.Source, r.Part)
		return it.Result
	}
	return s.Hash
}
