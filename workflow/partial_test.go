package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func k1k2(context.Context) ([]string, error) { return []string{"k1", "k2"}, nil }

// halfDone is an Each of which item k2 fails once.
func halfDone(opts ...workflow.StepOption) *workflow.Each[string, string] {
	return workflow.NewEach("e", k1k2, key, func(ctx context.Context, k string) (string, error) { return ask(ctx, "write "+k) }, opts...)
}

func k2FailsOnce(t *testing.T) *workflowtest.Model {
	return workflowtest.NewModel(t, workflowtest.Answer{Match: "write k2", Err: class(resilience.ContentPolicy), Times: 1}, workflowtest.Answer{Text: "<$prompt>"})
}

func TestFailedItemsOfARunMakeItPartial(t *testing.T) {
	t.Parallel()
	r := newRig(t, k2FailsOnce(t), halfDone())
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrPartial)
	require.ErrorContains(t, err, "1 item failed")
	st := r.state()
	require.Equal(t, state.StatusPartial, st.Status)
	require.Equal(t, state.StatusPartial, st.Step("e").Status)
	require.Equal(t, state.ItemCounts{Known: true, Total: 2, Done: 1, Failed: 1}, st.Step("e").Items)
	require.NoError(t, r.run())
	require.Equal(t, "write k1 | write k2 | write k2", r.asked())
}

func TestStepDoesNotStartWhileEarlierIsPartial(t *testing.T) {
	t.Parallel()
	ran := 0
	r := newRig(t, k2FailsOnce(t), halfDone(), workflow.NewTask("next", func(context.Context) (int, error) { ran++; return 0, nil }),
		workflow.NewTask("last", func(context.Context) (int, error) { ran++; return 0, nil }, workflow.AllowPartial()))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Zero(t, ran, "nor does one behind it that would accept: its base has not even begun")
	require.Equal(t, state.StatusPending, r.state().Step("next").Status)
	require.NoError(t, r.run())
	require.Equal(t, 2, ran)
}

func TestAllowPartialIsRedoneWhenBaseGrows(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	runs := 0
	task := workflow.NewTask("task", func(ctx context.Context) (string, error) {
		runs++
		texts, err := prose.Results(ctx)
		if err != nil && !errors.Is(err, workflow.ErrPartial) {
			return "", err
		}
		return ask(ctx, fmt.Sprint("join ", len(texts)))
	}, workflow.AllowPartial())
	each := workflow.NewEach("each", prose.Results, key, func(ctx context.Context, k string) (string, error) { return ask(ctx, "edit "+k) }, workflow.AllowPartial())
	r := newRig(t, k2FailsOnce(t), prose, workflow.NewParallel("both", task, each))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	st := r.state()
	require.Equal(t, state.StatusPartial, st.Status)
	require.Equal(t, []state.Status{state.StatusCompleted, state.StatusCompleted}, []state.Status{st.Step("task").Status, st.Step("each").Status})
	require.Equal(t, []string{state.BasePartial, state.BasePartial}, []string{st.Step("task").Base, st.Step("each").Base})
	require.Equal(t, 1, st.Step("each").Items.Done)
	require.Equal(t, 4, r.model.Calls())

	require.NoError(t, r.run())
	st = r.state()
	require.Equal(t, []string{"", ""}, []string{st.Step("task").Base, st.Step("each").Base})
	require.Equal(t, 2, st.Step("each").Items.Done)
	require.Equal(t, 2, runs)
	require.Equal(t, 7, r.model.Calls(), "k2, the whole joined, and the edit of the new item alone")
	seq := st.Seq
	require.NoError(t, r.run())
	require.Equal(t, seq, r.state().Seq)
}

func TestAllowPartialIsNotRedoneWhileTheBaseIsAsItWas(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	runs := 0
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "k2", Err: class(resilience.ContentPolicy)}, workflowtest.Answer{Text: "x"}), prose,
		workflow.NewTask("task", func(ctx context.Context) (int, error) {
			runs++
			texts, _ := prose.Results(ctx)
			return len(texts), nil
		}, workflow.AllowPartial()))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, 1, runs)
}

func TestOptionalStepIsToleratedAndTriedAgain(t *testing.T) {
	t.Parallel()
	broken := true
	task := workflow.NewTask("task", func(context.Context) (int, error) {
		if broken {
			return 0, class(resilience.Server)
		}
		return 1, nil
	}, workflow.Optional())
	each := halfDone(workflow.Optional())
	r := newRig(t, k2FailsOnce(t), task, each, workflow.NewTask("next", func(context.Context) (int, error) { return 0, nil }))
	require.NoError(t, r.run())
	st := r.state()
	require.Equal(t, state.StatusCompleted, st.Status)
	require.Equal(t, 100.0, st.Progress())
	for _, step := range []string{"task", "e"} {
		require.Equal(t, state.StatusTolerated, st.Step(step).Status, step)
	}
	require.Contains(t, st.Errors[0].Message, "it went wrong")
	broken = false
	require.NoError(t, r.run())
	for _, step := range []string{"task", "e"} {
		require.Equal(t, state.StatusCompleted, r.state().Step(step).Status, step)
	}
	require.Equal(t, 3, r.model.Calls())
}

func TestAReaderOfAToleratedStepMayFail(t *testing.T) {
	t.Parallel()
	each := halfDone(workflow.Optional())
	runs := 0
	r := newRig(t, k2FailsOnce(t), each, workflow.NewTask("next", func(ctx context.Context) (int, error) {
		runs++
		texts, err := each.Results(ctx)
		return len(texts), err
	}))
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrPartial)
	var step *workflow.StepError
	require.ErrorAs(t, err, &step)
	require.Equal(t, "next", step.Step)
	require.Equal(t, 1, runs)
	require.Equal(t, state.StatusFailed, r.state().Status)
	require.NoError(t, r.run())
}

func TestFailedItemKeepsPaidAnswersOnRetry(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "own k2", Err: class(resilience.Network), Times: 1}, workflowtest.Answer{Text: "x"}),
		workflow.NewEach("e", k1k2, key, askTwice))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.NoError(t, r.run())
	require.Equal(t, "common k1 | own k1 | common k2 | own k2 | own k2", r.asked())
}
