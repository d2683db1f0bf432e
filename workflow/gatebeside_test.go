package workflow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func shows(name, text string, opts ...workflow.StepOption) *workflow.Gate {
	return workflow.NewGate(name, func(context.Context) (string, error) { return text, nil }, opts...)
}

// minute is a rig with a gate beside a task that takes a minute, and a task behind both.
func minute(t *testing.T) *rig {
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "<$prompt>", Delay: time.Minute}),
		workflow.NewParallel("both", shows("review", "look"), workflow.NewTask("cast", func(ctx context.Context) (string, error) { return ask(ctx, "cast") })),
		workflow.NewTask("after", func(context.Context) (int, error) { return 1, nil }))
	r.cfg.Controller = controller.New()
	return r
}

func TestADecisionIsTakenWhileTheStepsBesideTheGateGoOn(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]struct {
		how    func(*rig, *workflow.Run) error
		within time.Duration
	}{
		"in this process": {func(r *rig, run *workflow.Run) error { return run.Ask(r.Context(), approve("review")) }, 0},
		"by the store":    {func(r *rig, _ *workflow.Run) error { return r.ask(approve("review")) }, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := minute(t)
				run, err := r.p.Open(t.Context(), "r", r.cfg)
				require.NoError(t, err)
				ended := make(chan error, 1)
				go func() { ended <- run.Start(t.Context()) }()
				<-time.After(10*time.Second + time.Millisecond)
				require.NoError(t, ask.how(r, run))
				<-time.After(ask.within)
				synctest.Wait()
				require.Equal(t, state.StatusCompleted, r.step("review").Status)
				require.Equal(t, state.StatusRunning, r.step("cast").Status)
				require.NoError(t, <-ended, "the run never waits for a person")
				require.Empty(t, r.requests())
			})
		})
	}
}

func TestAGateWaitsUntilNothingElseIsLeftToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := workflow.NewTask("slow", func(ctx context.Context) (string, error) { return ask(ctx, "slow") })
		quick := workflow.NewTask("quick", func(context.Context) (int, error) { return 1, nil })
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "x", Delay: time.Minute}),
			workflow.NewParallel("all", shows("one", "1"), workflow.NewParallel("inner", quick, shows("two", "2")), slow))
		began := time.Now()
		err := r.run()
		require.Equal(t, time.Minute, time.Since(began))
		var waiting *workflow.WaitingError
		require.ErrorAs(t, err, &waiting)
		require.Equal(t, []string{"one", "two"}, waiting.Steps)
		require.Equal(t, state.StatusWaiting, r.state().Status)
		require.Equal(t, state.StatusWaiting, r.step("all").Status)
		require.Equal(t, state.StatusCompleted, r.step("slow").Status)

		require.NoError(t, r.ask(approve("two")))
		err = r.run()
		require.ErrorAs(t, err, &waiting)
		require.Equal(t, []string{"one"}, waiting.Steps)
		require.NoError(t, r.ask(approve("one")))
		require.NoError(t, r.run())
		require.Equal(t, 1, r.model.Calls())
	})
}

func TestARunWhoseGateIsOpenWaitsAlthoughAStepBesideItFailed(t *testing.T) {
	t.Parallel()
	fails := once()
	r := newRig(t, echo(t), workflow.NewParallel("both", shows("review", "look"), workflow.NewTask("cast", func(context.Context) (int, error) {
		if fails() {
			return 0, class(resilience.Auth)
		}
		return 1, nil
	})))
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.Equal(t, state.StatusFailed, r.step("cast").Status)
	require.NoError(t, r.ask(approve("review")))
	require.NoError(t, r.run(), "the resume tries again what failed")
}

func TestAPauseWhileAGateIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := minute(t)
		time.AfterFunc(10*time.Second, func() { r.cfg.Controller.Pause("enough") })
		require.ErrorIs(t, r.run(), workflow.ErrPaused, "something was left to do")
		require.Equal(t, state.StatusPaused, r.state().Status)
		require.Equal(t, state.StatusWaiting, r.step("review").Status)
		require.NoError(t, r.ask(approve("review")), "a paused run can be told, too")
		require.NoError(t, r.again())
		require.Len(t, events[state.GateOpened](r), 1)
		require.Equal(t, 1, r.model.Calls())
	})
}

func TestADecisionDuringADrainIsForTheNextSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := minute(t)
		run, err := r.p.Open(t.Context(), "r", r.cfg)
		require.NoError(t, err)
		time.AfterFunc(10*time.Second, func() { r.cfg.Controller.Pause("enough") })
		asked := make(chan error, 1)
		time.AfterFunc(20*time.Second, func() { asked <- run.Ask(t.Context(), approve("review")) })
		require.ErrorIs(t, run.Start(t.Context()), workflow.ErrPaused)
		require.NoError(t, <-asked)
		require.Len(t, r.requests(), 1)
		require.Empty(t, events[state.GateDecided](r))
		require.NoError(t, r.again())
		require.Empty(t, r.requests())
	})
}

func TestACanceledRunLeavesItsGateOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := minute(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Second, func() { cancel(errBoom) })
		_, err := r.p.Run(ctx, "r", r.cfg)
		require.ErrorIs(t, err, errBoom)
		require.False(t, errors.Is(err, workflow.ErrWaiting))
		require.Equal(t, state.StatusInterrupted, r.state().Status)
		require.True(t, r.step("review").Gate.Open())
		require.NoError(t, r.ask(approve("review")))
		require.NoError(t, r.again())
	})
}
