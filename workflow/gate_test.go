package workflow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// decidedAt is when the people of these tests decide.
var decidedAt = time.Date(2030, 5, 6, 7, 8, 9, 10, time.UTC)

func approve(step string) state.Request {
	return state.Request{Kind: state.AskApprove, Step: step, By: "ann", Note: "fine", Time: decidedAt}
}

func reject(step string) state.Request {
	return state.Request{Kind: state.AskReject, Step: step, By: "bob", Note: "too long", Time: decidedAt.Add(time.Second)}
}

// ask asks the run by a handle of its own, as another process does.
func (r *rig) ask(req state.Request) error {
	r.Helper()
	run, err := r.p.Open(r.Context(), "r", r.cfg)
	require.NoError(r, err)
	return run.Ask(r.Context(), req)
}

// leave puts a request into the store without asking whether it makes sense.
func (r *rig) leave(req state.Request) {
	r.Helper()
	require.NoError(r, r.store.Ask(r.Context(), "r", req))
}

func (r *rig) requests() []state.Request {
	r.Helper()
	list, err := r.store.Requests(r.Context(), "r")
	require.NoError(r, err)
	return list
}

func (r *rig) step(name string) state.StepState {
	r.Helper()
	s := r.state().Step(name)
	require.NotNil(r, s, name)
	return *s
}

// reviewed is an outline, a gate that shows it, and chapters that know what the person said.
func reviewed(opts ...workflow.StepOption) (outline *workflow.Task[string], gate *workflow.Gate, chapters *workflow.Each[string, string]) {
	outline = workflow.NewTask("outline", func(ctx context.Context) (string, error) { return ask(ctx, "outline") })
	gate = workflow.NewGate("review", outline.Result, opts...)
	chapters = workflow.NewEach("chapters", func(ctx context.Context) ([]string, error) {
		d, err := gate.Decision(ctx)
		return []string{"1: " + d.Note, "2: " + d.Note}, err
	}, key, ask)
	return outline, gate, chapters
}

func TestAGateStopsTheRunUntilItIsApproved(t *testing.T) {
	t.Parallel()
	outline, gate, chapters := reviewed()
	r := newRig(t, echo(t), outline, gate, chapters)
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrWaiting)
	var waiting *workflow.WaitingError
	require.ErrorAs(t, err, &waiting)
	require.Equal(t, []string{"review"}, waiting.Steps)
	require.Equal(t, 1, r.model.Calls())

	st := r.state()
	require.Equal(t, state.StatusWaiting, st.Status)
	require.Contains(t, st.Reason, "step review")
	require.Equal(t, state.StatusWaiting, st.Step("review").Status)
	require.True(t, st.Step("review").Gate.Open())
	require.Zero(t, st.Step("review").Finished, "it has not ended")
	e, err := state.ReadEvent(t.Context(), r.store, "r", st.Step("review").Gate.Seq)
	require.NoError(t, err)
	require.Equal(t, state.GateOpened{Shown: "<outline>", Hash: st.Step("review").Gate.Hash}, e.Data)
	_, err = gate.Decision(r.reader())
	require.ErrorIs(t, err, workflow.ErrNoResult)

	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "nobody has decided")
	require.Len(t, events[state.GateOpened](r), 1, "it has asked already")

	require.NoError(t, r.ask(approve("review")))
	require.Equal(t, state.StatusWaiting, r.state().Status, "who asks takes no lock and runs nothing")
	require.NoError(t, r.run())
	require.Empty(t, r.requests(), "an honoured request is taken away")
	require.Equal(t, "outline | 1: fine | 2: fine", r.asked())

	want := state.Decided{Decision: state.GateApproved, Who: "ann", Note: "fine", Hash: st.Step("review").Gate.Hash, Time: decidedAt}
	d, err := gate.Decision(r.reader())
	require.NoError(t, err)
	require.Equal(t, want, d)
	require.Equal(t, want, *r.step("review").Gate.Decided)
	require.Equal(t, []state.GateDecided{{Decision: state.GateApproved, Who: "ann", Note: "fine", Hash: want.Hash, At: decidedAt}}, events[state.GateDecided](r))
	require.Equal(t, []state.Read{{Source: "review", Hash: r.step("review").Hash}}, r.state().ListReads("chapters"), "who reads a decision depends on it")
	require.Equal(t, []state.Read{{Source: "outline", Hash: r.step("outline").Hash}}, r.state().Reads("review"), "and a gate on what it shows")

	last := r.state().Seq
	require.NoError(t, r.run())
	require.Equal(t, last, r.state().Seq, "a complete run is left as it is")
}

func TestAGateAsTheLastStep(t *testing.T) {
	t.Parallel()
	outline, gate, _ := reviewed()
	r := newRig(t, echo(t), outline, gate)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.Equal(t, 50.0, r.state().Progress())
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	require.Equal(t, state.StatusCompleted, r.state().Status)
	require.Equal(t, 100.0, r.state().Progress())
}

func TestARejectedGateFailsTheRunAndAsksAgain(t *testing.T) {
	t.Parallel()
	outline, gate, chapters := reviewed()
	r := newRig(t, echo(t), outline, gate, chapters)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(reject("review")))
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrDeclined)
	require.EqualError(t, err, "step review: declined by bob: too long")
	require.Equal(t, resilience.Class("declined"), resilience.Classify(err))
	st := r.state()
	require.Equal(t, state.StatusFailed, st.Status)
	require.Equal(t, "declined", st.Class)
	require.NotEmpty(t, st.Hint)
	require.Equal(t, state.StatusFailed, st.Step("review").Status)
	require.Equal(t, "declined", st.Step("review").Class)
	require.Len(t, st.Errors, 1)
	_, err = gate.Decision(r.reader())
	require.ErrorIs(t, err, workflow.ErrNoResult, "nobody may go on with it")
	require.ErrorIs(t, r.ask(approve("review")), workflow.ErrNoGate, "it has not asked again")

	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "a resume asks again")
	require.Len(t, events[state.GateOpened](r), 2)
	require.Equal(t, state.GateRejected, r.step("review").Gate.Before.Decision)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	require.Equal(t, 3, r.model.Calls())
}

func TestRetryOfOtherStepsLeavesADeclinedGateAlone(t *testing.T) {
	t.Parallel()
	outline, gate, chapters := reviewed()
	r := newRig(t, echo(t), outline, gate, chapters)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(reject("review")))
	require.ErrorIs(t, r.run(), workflow.ErrDeclined)
	run, err := r.p.Open(t.Context(), "r", r.cfg)
	require.NoError(t, err)
	err = run.Retry(t.Context(), map[string][]string{"chapters": nil})
	require.Equal(t, resilience.Class("declined"), resilience.Classify(err))
	require.Len(t, events[state.GateOpened](r), 1)
	require.ErrorContains(t, run.Retry(t.Context(), map[string][]string{"chaptres": nil}), `no step "chaptres"`)
	require.ErrorIs(t, run.Retry(t.Context(), map[string][]string{"review": nil}), workflow.ErrWaiting)
	require.Len(t, events[state.GateOpened](r), 2)
}

func TestAnOptionalGateThatIsDeclinedStopsNothing(t *testing.T) {
	t.Parallel()
	outline, gate, chapters := reviewed(workflow.Optional())
	r := newRig(t, echo(t), outline, gate, chapters)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "it is asked all the same")
	require.NoError(t, r.ask(reject("review")))
	require.NoError(t, r.run())
	require.Equal(t, state.StatusCompleted, r.state().Status)
	require.Equal(t, state.StatusTolerated, r.step("review").Status)
	d, err := gate.Decision(r.reader())
	require.NoError(t, err)
	require.False(t, d.Approved())
	require.Equal(t, "outline | 1: too long | 2: too long", r.asked(), "later steps know what was said")
}

func TestAGateAsksAgainWhenWhatItShowedHasChanged(t *testing.T) {
	t.Parallel()
	outline, gate, chapters := reviewed()
	r := newRig(t, echo(t), outline, gate, chapters)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	first := r.step("review").Gate.Hash
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())

	r.edit("outline", "", `"a better one"`)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "it was approved, but something else")
	g := r.step("review").Gate
	require.True(t, g.Open())
	require.NotEqual(t, first, g.Hash)
	require.Equal(t, state.StatusWaiting, r.state().Status)
	_, err := gate.Decision(r.reader())
	require.ErrorIs(t, err, workflow.ErrNoResult)

	r.edit("outline", "", `"the best one"`)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "an open gate asks again, too")
	require.Len(t, events[state.GateOpened](r), 3)
	again := approve("review")
	again.Time, again.Hash = again.Time.Add(time.Hour), r.step("review").Gate.Hash
	require.NoError(t, r.ask(again))
	require.NoError(t, r.run())
	require.Equal(t, again.Time, r.step("review").Gate.Decided.Time)
}

func TestAGateStaysApprovedWhileItShowsTheSame(t *testing.T) {
	t.Parallel()
	outline, _, _ := reviewed()
	looked := 0
	gate := workflow.NewGate("review", func(ctx context.Context) (string, error) {
		looked++
		text, err := outline.Result(ctx)
		return text[:1], err
	})
	r := newRig(t, echo(t), outline, gate)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 2, looked, "what it has read is the same")
	r.edit("outline", "", `"<another one>"`)
	last := r.state().Seq
	require.NoError(t, r.run())
	require.Equal(t, 3, looked)
	require.Equal(t, last, r.state().Seq, "the person would see the same")
}

func TestAShowFunctionMayOnlyRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewGate("review", func(ctx context.Context) (string, error) { return ask(ctx, "what do I show?") }))
	err := r.run()
	require.ErrorContains(t, err, "the show function of gate review may only read")
	require.Zero(t, r.model.Calls())
	require.Equal(t, string(resilience.InvalidRequest), r.step("review").Class)
	require.Empty(t, events[state.GateOpened](r))
}

func TestAGateThatCantShowFailsAndKeepsTheDecision(t *testing.T) {
	t.Parallel()
	broken := false
	r := newRig(t, echo(t), workflow.NewGate("review", func(context.Context) (string, error) {
		if broken {
			return "", errBoom
		}
		return "look", nil
	}))
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(approve("review")))
	broken = true
	require.ErrorIs(t, r.run(), errBoom)
	require.Equal(t, state.StatusFailed, r.step("review").Status)
	require.Len(t, r.requests(), 1, "nobody has seen what it is about")
	broken = false
	require.NoError(t, r.run())
	require.Empty(t, r.requests())
}

func TestAGateShowsAnIncompleteInputOnlyIfItMay(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	show := func(ctx context.Context) (string, error) {
		texts, err := prose.Results(ctx)
		return texts[0], err
	}
	strict := newRig(t, k2FailsOnce(t), prose, workflow.NewGate("review", show))
	require.ErrorIs(t, strict.run(), workflow.ErrPartial)
	require.Empty(t, events[state.GateOpened](strict))

	r := newRig(t, k2FailsOnce(t), prose, workflow.NewGate("review", show, workflow.AllowPartial()))
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	require.Equal(t, state.StatusCompleted, r.step("review").Status)
}

// signed is a gate of a user's own type.
type signed struct{ *workflow.Gate }

func (s signed) Run(ctx context.Context) error {
	if err := s.Gate.Run(ctx); err != nil {
		return errors.New("not signed")
	}
	return nil
}

func TestATypeThatWrapsAGateIsAGate(t *testing.T) {
	t.Parallel()
	outline, gate, _ := reviewed()
	r := newRig(t, echo(t), outline, signed{gate})
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
}

func TestOptionsThatAreWrongForAGate(t *testing.T) {
	t.Parallel()
	show := func(context.Context) (string, error) { return "", nil }
	for name, g := range map[string]*workflow.Gate{
		"Attempts":    workflow.NewGate("g", show, workflow.Attempts(2)),
		"Timeout":     workflow.NewGate("g", show, workflow.Timeout(time.Second)),
		"Concurrency": workflow.NewGate("g", show, workflow.Concurrency(2)),
		"nil":         workflow.NewGate("g", nil),
	} {
		_, err := workflow.New("p", g)
		require.ErrorContains(t, err, name)
	}
	_, err := workflow.New("p", workflow.NewGate("g", show, workflow.Optional(), workflow.AllowPartial(), workflow.Version("2")))
	require.NoError(t, err)
}

func TestCrashAtEveryEventAroundGates(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEverywhere(t, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		outline, gate, chapters := reviewed()
		style := workflow.NewGate("style", func(context.Context) (string, error) { return "plain", nil })
		cast := workflow.NewTask("cast", func(ctx context.Context) (string, error) { return ask(ctx, "cast") })
		p, err := workflow.New("p", outline, workflow.NewParallel("both", style, cast, gate), chapters)
		require.NoError(t, err)
		return p, workflow.Config{Model: echo(t), Policy: quick}
	})
}

// TestCrashAtEveryEventAroundADecline: rejected once, then approved; each decision counts once, wherever the process died.
func TestCrashAtEveryEventAroundADecline(t *testing.T) {
	t.Parallel()
	setup := func() *rig {
		outline, gate, chapters := reviewed()
		return newRig(t, echo(t), outline, gate, chapters)
	}
	// to the end, with a person who rejects first; nil once it is complete
	play := func(r *rig) (err error) {
		for range 10 {
			if err = r.run(); err == nil || !errors.Is(err, workflow.ErrWaiting) && resilience.Classify(err) != "declined" {
				return err
			}
			if !errors.Is(err, workflow.ErrWaiting) {
				continue
			}
			said := reject("review")
			if g := r.step("review").Gate; g.Before != nil {
				said = approve("review")
			}
			if err = r.ask(said); err != nil {
				return err
			}
		}
		return err
	}
	whole := setup()
	require.NoError(t, play(whole))
	want := events[state.GateDecided](whole)
	require.Len(t, want, 2)
	for at := 1; at <= whole.store.Appended(); at++ {
		for name, crash := range map[string]func(*rig){
			"before": func(r *rig) { r.store.CrashBefore(at) },
			"after":  func(r *rig) { r.store.CrashAfter(at, false) },
			"power":  func(r *rig) { r.store.CrashAfter(at, true) },
		} {
			r := setup()
			crash(r)
			_ = play(r) // the crash
			r.store.Restart()
			require.NoError(t, play(r), "%s event %d", name, at)
			require.Equal(t, want, events[state.GateDecided](r), "%s event %d", name, at)
			require.Empty(t, r.requests(), "%s event %d", name, at)
			require.Len(t, events[state.StepFailed](r), 1, "%s event %d: a rejection fails the step", name, at)
			require.LessOrEqual(t, r.model.Calls(), 4, "%s event %d", name, at)
			require.Equal(t, 3, r.state().Usage.Calls, "%s event %d", name, at)
		}
	}
}
