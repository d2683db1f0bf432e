package workflow_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// waiting is a run that waits at its gate.
func waiting(t *testing.T) *rig {
	t.Helper()
	outline, gate, chapters := reviewed()
	r := newRig(t, echo(t), outline, gate, chapters)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	return r
}

func TestAskRefusesWhatCanBeKnownToMakeNoSense(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	for step, why := range map[string]string{"": "no such step", "nowhere": "no such step", "outline": "no gate"} {
		err := r.ask(approve(step))
		require.ErrorIs(t, err, workflow.ErrNoGate, step)
		require.ErrorContains(t, err, why)
	}
	other := approve("review")
	other.Hash = "0000"
	require.ErrorIs(t, r.ask(other), workflow.ErrShownChanged)
	require.Empty(t, r.requests())
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	err := r.ask(reject("review"))
	require.ErrorIs(t, err, workflow.ErrNoGate)
	require.ErrorContains(t, err, "approved already by ann")

	early, late := shows("first", "1"), shows("later", "2")
	r = newRig(t, echo(t), early, late)
	require.ErrorIs(t, r.ask(approve("first")), state.ErrNotFound, "there is no run")
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	err = r.ask(approve("later"))
	require.ErrorIs(t, err, workflow.ErrNoGate)
	require.ErrorContains(t, err, "not asked yet")
}

func TestAskInTheProcessThatRuns(t *testing.T) {
	t.Parallel()
	var run *workflow.Run
	var answers []error
	asked := make(chan struct{})
	r := newRig(t, echo(t), workflow.NewParallel("both", shows("review", "look"), workflow.NewTask("person", func(ctx context.Context) (int, error) {
		<-asked
		outdated := approve("review")
		outdated.Hash = "0000"
		for _, req := range []state.Request{outdated, reject("person"), approve("review"), reject("review")} {
			answers = append(answers, run.Ask(ctx, req))
		}
		return 1, nil
	})))
	r.cfg.Observers = []state.Observer{func(e state.Event) {
		if e.Type == state.TypeGateOpened {
			close(asked)
		}
	}}
	run, err := r.p.Open(t.Context(), "r", r.cfg)
	require.NoError(t, err)
	require.NoError(t, run.Start(t.Context()))
	require.ErrorIs(t, answers[0], workflow.ErrShownChanged)
	require.ErrorIs(t, answers[1], workflow.ErrNoGate)
	require.NoError(t, answers[2])
	require.ErrorIs(t, answers[3], workflow.ErrNoGate, "the first decision counts")
	require.Len(t, events[state.GateDecided](r), 1)
	require.Empty(t, r.requests())
}

func TestOfTwoContradictingDecisionsTheFirstCounts(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	require.NoError(t, r.ask(reject("review")))
	require.NoError(t, r.ask(approve("review")), "asked later, of an earlier moment")
	require.NoError(t, r.run())
	require.Equal(t, state.GateApproved, r.step("review").Gate.Decided.Decision)
	require.Len(t, events[state.GateDecided](r), 1)
	require.Empty(t, r.requests())
	require.Equal(t, 1, r.warned("request_set_aside"))
	require.Contains(t, r.state().Warnings[0].Message, "reject step review")
	require.Contains(t, r.state().Warnings[0].Message, "approved already by ann")
}

// TestADecisionThatComesTooLateIsSetAside: the run ends before it looks for requests again.
func TestADecisionThatComesTooLateIsSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = newRig(t, echo(t), shows("review", "look"), workflow.NewTask("after", func(context.Context) (int, error) {
			r.leave(reject("review"))
			return 1, nil
		}))
		require.ErrorIs(t, r.run(), workflow.ErrWaiting)
		require.NoError(t, r.ask(approve("review")))
		require.NoError(t, r.run())
		require.Empty(t, r.requests())
		require.Equal(t, 1, r.warned("request_set_aside"))
		require.Equal(t, state.StatusCompleted, r.state().Status)
	})
}

func TestADecisionAboutSomethingElseIsSetAside(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	old := approve("review")
	old.Hash = r.step("review").Gate.Hash
	r.edit("outline", "", `"a better one"`)
	require.NoError(t, r.ask(old), "what is shown is known to be another only when the run goes on")
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.Empty(t, events[state.GateDecided](r))
	require.Empty(t, r.requests())
	require.Equal(t, 1, r.warned("request_set_aside"))
	require.ErrorIs(t, r.ask(old), workflow.ErrShownChanged)
}

func TestADecisionAboutNoGateIsSetAside(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	r.leave(approve("outline"))
	r.leave(approve("nowhere"))
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.Empty(t, r.requests())
	require.Equal(t, 2, r.warned("request_set_aside"))

	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run())
	r.leave(reject("review"))
	last := r.state().Seq
	require.NoError(t, r.run())
	require.Empty(t, r.requests())
	require.Equal(t, last, r.state().Seq, "a complete run is left as it is")
}

// TestARequestThatWasHonouredIsNotHonouredTwice: a process may die after the decision is durable, and before the request is
// taken away.
func TestARequestThatWasHonouredIsNotHonouredTwice(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]state.Request{"approved": approve("review"), "rejected": reject("review")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := waiting(t)
			require.NoError(t, r.ask(said))
			err := r.run()
			require.Equal(t, said.Kind == state.AskApprove, err == nil)
			r.leave(said)
			r.edit("outline", "", `"a better one"`)
			require.ErrorIs(t, r.run(), workflow.ErrWaiting, "what is shown now was not decided about")
			require.Empty(t, r.requests())
			require.Len(t, events[state.GateDecided](r), 1)
			require.Zero(t, r.warned("request_set_aside"))
		})
	}
}

func TestAGateThatIsTakenOutOrRenamed(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	with := r.p
	require.NoError(t, r.ask(approve("review")))
	outline, gate, _ := reviewed()
	after := workflow.NewTask("after", func(context.Context) (int, error) { return 1, nil })
	without, err := workflow.New("p", outline, after)
	require.NoError(t, err)
	r.p = without
	require.NoError(t, r.run(), "there is nothing to decide any more")
	require.Empty(t, r.requests())
	require.Equal(t, 1, r.warned("request_set_aside"))
	require.ErrorIs(t, r.ask(approve("review")), workflow.ErrNoGate)

	r.p = with
	require.ErrorIs(t, r.run(), workflow.ErrWaiting, "it is back, and still open")
	require.Len(t, events[state.GateOpened](r), 1)

	renamed, err := workflow.New("p", outline, workflow.NewGate("approval", outline.Result), after)
	require.NoError(t, err)
	r.p = renamed
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.ErrorIs(t, r.ask(approve("review")), workflow.ErrNoGate)
	require.NoError(t, r.ask(approve("approval")))
	require.NoError(t, r.run())
	_, err = gate.Decision(r.reader())
	require.ErrorIs(t, err, workflow.ErrNoResult)
}

func TestADecisionOfAnotherKindOfStepIsRefused(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	outline, _, chapters := reviewed()
	p, err := workflow.New("p", outline, workflow.NewTask("review", func(context.Context) (int, error) { return 1, nil }), chapters)
	require.NoError(t, err)
	r.p = p
	require.ErrorContains(t, r.run(), "step review is of kind gate there")
}

// TestADecisionKeepsItsTime: the person decided when the request was left, not when the run took it in.
func TestADecisionKeepsItsTime(t *testing.T) {
	t.Parallel()
	r := waiting(t)
	req := approve("review")
	req.Time = time.Time{}
	before := time.Now().UTC()
	require.NoError(t, r.ask(req))
	asked := r.requests()[0].Time
	require.WithinRange(t, asked, before, time.Now())
	require.NoError(t, r.run())
	require.True(t, asked.Equal(r.step("review").Gate.Decided.Time))
}
