package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// work runs the pipeline as far as it gets, and records how it ended.
func (s *session) work(parent context.Context, left []state.Request) error {
	if err := causeOf(parent); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	warnings := s.setAside(parent, left)
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	s.cause = func() error { return causeOf(ctx) }
	s.watchers.Go(func() { s.watch(ctx, cancel) })
	if _, ok := s.cfg.Store.(state.Inbox); ok {
		s.watchers.Go(func() { s.poll(ctx) })
	}
	for _, warning := range warnings {
		s.note("stale_pause_request", warning, warning)
	}
	s.look(ctx) // for decisions about no gate, or none that is open
	end := s.steps(ctx)
	close(s.ended)
	s.watchers.Wait()
	return s.end(ctx, end)
}

// steps runs the steps in order. The first that does not end well ends the session, but for incomplete ones, which
// steps that accept an incomplete base may follow.
func (s *session) steps(ctx context.Context) ending {
	incomplete := ending{kind: endedWell}
	for _, step := range s.pipeline.steps {
		if incomplete.kind == endedPartial && !acceptsPartial(step) {
			return incomplete
		}
		seq := s.seq()
		s.desk.begin(1)
		end := s.runStep(ctx, step)
		s.desk.end(1)
		if s.seq() > seq {
			s.export(ctx)
		}
		switch end.kind {
		case endedPartial:
			if incomplete.kind == endedWell {
				incomplete = end
			}
		case endedBadly, endedWaiting, endedStopped:
			return end
		}
	}
	return incomplete
}

// acceptsPartial says that a step may run although an earlier one is incomplete; a Parallel, when all its steps may.
func acceptsPartial(step Step) bool {
	def := definitionOf(step)
	if def.kind != state.KindParallel {
		return def.opts.allowPartial
	}
	return !slices.ContainsFunc(def.children, func(child Step) bool { return !acceptsPartial(child) })
}

func (s *session) seq() (n uint64) {
	s.rec.View(func(st *state.WorkflowState) { n = st.Seq })
	return n
}

// watch turns what may stop a run into a halt, until the session is over.
func (s *session) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	draining, canceling, failed, done := s.ctrl.Draining(), s.ctrl.Canceling(), s.rec.Failed(), ctx.Done()
	for {
		select {
		case <-s.ended:
			return
		case <-draining:
			draining = nil
			s.halt(s.whyPausing())
			if s.isOpen() {
				s.post(state.New(state.Scope{}, state.PauseRequested{By: s.ctrl.By(), Reason: s.ctrl.Reason()}))
			}
		case <-canceling:
			canceling = nil
			why := s.whyPausing()
			s.halt(why)
			cancel(why)
		case <-failed:
			failed = nil
			s.halt(s.rec.Err())
			cancel(s.rec.Err()) // an answer that can't be recorded is not worth waiting for
		case <-done:
			done = nil
			s.halt(context.Cause(ctx))
		}
	}
}

// pollEvery is how often a run looks for requests left in the store.
const pollEvery = 500 * time.Millisecond

// poll looks for requests in the store: decisions go to the gates that wait for them, a pause to the controller.
func (s *session) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-s.rec.Failed(): // what is asked from here on is for who goes on with the run
			return
		case <-tick.C:
		}
		asked := s.run.requests(context.WithoutCancel(ctx))
		s.takeDecisions(ctx, asked)
		for _, r := range asked {
			if r.Kind == state.AskPause && s.rec.Err() == nil {
				s.ctrl.PauseBy("pause request", reasonOf(r))
				return // it stays until the pause is durable
			}
		}
	}
}

// requests are those left in the store, oldest first. One that can't be read hides none of the others.
func (r *Run) requests(ctx context.Context) []state.Request {
	inbox, ok := r.cfg.Store.(state.Inbox)
	if !ok {
		return nil
	}
	requests, err := inbox.Requests(ctx, r.name)
	if err != nil {
		r.cfg.log().Warn("requests can't be read", zap.String("run", r.name), zap.Error(err))
	}
	return requests
}

func reasonOf(r state.Request) string {
	switch {
	case r.Note != "" && r.By != "":
		return r.Note + " (" + r.By + ")"
	case r.Note != "":
		return r.Note
	case r.By != "":
		return "asked by " + r.By
	}
	return "asked by a pause request"
}

// whyPausing is what the controller was told.
func (s *session) whyPausing() *PauseError {
	reason := s.ctrl.Reason()
	if reason == "" {
		reason = "asked by " + s.ctrl.By()
	}
	return &PauseError{Reason: reason}
}

// setAside takes away the pause requests that were there before the run was opened: nobody meant this session.
func (s *session) setAside(ctx context.Context, left []state.Request) (warnings []string) {
	for _, r := range left {
		if r.Kind != state.AskPause {
			continue
		}
		kept, err := s.endPause(ctx, r, true)
		switch {
		case err != nil:
			warnings = append(warnings, fmt.Sprintf("a pause request from before this session could not be set aside: %v", err))
		case kept != "": // else the session that it was meant for has taken it
			warnings = append(warnings, fmt.Sprintf("a pause request from before this session was set aside as %s; the run goes on", kept))
		}
	}
	return warnings
}

// endPause takes a pause request away, unless the run is lost. There is only one, of which a store takes away whichever lies
// there; one that took its place meanwhile, by what it says or by its time, is for somebody else and stays.
func (s *session) endPause(ctx context.Context, r state.Request, stale bool) (kept string, err error) {
	there := s.run.requests(ctx)
	if s.rec.Err() != nil || !slices.ContainsFunc(there, func(other state.Request) bool { return alike(r, other) }) {
		return "", nil
	}
	return s.cfg.Store.(state.Inbox).Done(ctx, s.run.name, r, stale)
}

// alike is Request.Same for two pauses.
func alike(r, other state.Request) bool {
	same := r.Time.Equal(other.Time)
	r.Time, other.Time = time.Time{}, time.Time{}
	return same && r == other
}

// takeRequests removes the pause requests that were there before the end of the session, once that is durable: honoured, or
// come too late to matter; and sets decisions aside that came too late. A pause that came after may be for who goes on with
// the run.
func (s *session) takeRequests(ctx context.Context, before []state.Request) {
	s.look(ctx)
	for _, r := range before {
		if r.Kind != state.AskPause {
			continue
		}
		if _, err := s.endPause(ctx, r, false); err != nil {
			s.log.Warn("an honoured pause request can't be removed", zap.Error(err))
		}
	}
}

// end records the end of the session and returns what the caller of Run is told.
func (s *session) end(ctx context.Context, end ending) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.rec.Err(); err != nil {
		if errors.Is(err, state.ErrFenced) {
			return err // who took the run over goes on with it
		}
		return fmt.Errorf("%w; what was committed before is safe, and Run or --resume goes on from there", err)
	}
	stopped := state.RunStopped{Status: state.StatusCompleted}
	switch end.kind {
	case endedStopped:
		if !errors.Is(end.err, ErrPaused) {
			s.export(ctx)
			return end.err // cancelled from outside, without a word on pausing: the run is interrupted
		}
		stopped = paused(end.err)
	case endedBadly:
		_, hint := blame(end.err)
		stopped = state.RunStopped{Status: state.StatusFailed, Reason: brief(end.err), Class: string(s.cfg.Policy.ClassOf(end.err)), Hint: hint}
	case endedWaiting:
		stopped = state.RunStopped{Status: state.StatusWaiting, Reason: brief(end.err), Hint: "approve or reject what is shown, then go on"}
	case endedPartial:
		stopped = state.RunStopped{Status: state.StatusPartial, Reason: brief(end.err)}
	}
	s.export(ctx)
	if !s.isOpen() {
		return s.told(end) // complete before, and nothing was begun: the journal is left as it is
	}
	before := s.run.requests(ctx)
	last := state.New(state.Scope{}, stopped)
	if _, err := s.rec.Commit(last); err != nil {
		return err
	}
	s.logFailure(last, end.err)
	s.takeRequests(ctx, before)
	return s.told(end)
}

// told is the error for an ending.
func (s *session) told(end ending) error {
	switch end.kind {
	case endedWell:
		return nil
	case endedBadly:
		return end.err
	}
	return fmt.Errorf("run %q: %w", s.run.name, end.err)
}

// paused is the end of a session that paused; err is ErrPaused.
func paused(err error) state.RunStopped {
	stopped := state.RunStopped{Status: state.StatusPaused}
	var budget *BudgetError
	if errors.As(err, &budget) {
		stopped.Reason, stopped.Class, stopped.Hint = brief(budget), BudgetClass, budget.Hint()
		if enough := budget.Enough(); enough > 0 {
			stopped.Short = &state.Short{Step: budget.Step, Enough: enough}
		}
		return stopped
	}
	var pause *PauseError
	if !errors.As(err, &pause) {
		stopped.Reason = brief(err)
		return stopped
	}
	stopped.Reason = strings.ToValidUTF8(pause.Reason, "\uFFFD")
	if !pause.Until.IsZero() {
		until := pause.Until.UTC().Round(0)
		stopped.Until = &until
	}
	return stopped
}

// causeOf says why a context ended; nil while it has not.
func causeOf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
