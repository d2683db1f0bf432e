package workflow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// laned has the items a1 a2 a3 b1 b2 in the lanes a and b; each names the one before it.
func laned(t *testing.T, model *workflowtest.Model, concurrency int) (*rig, *workflow.Each[string, string]) {
	t.Helper()
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"a1", "b1", "a2", "a3", "b2"}, nil }, key,
		func(ctx context.Context, k string) (string, error) {
			before, ok, err := workflow.Previous[string](ctx)
			if err != nil {
				return "", err
			}
			if !ok {
				before = "nothing"
			}
			return ask(ctx, k+" after "+strings.Trim(before, "<>")[:2])
		}, workflow.Lane(func(k string) string { return k[:1] }), workflow.Concurrency(concurrency))
	return newRig(t, model, each), each
}

func TestLanesRunInOrderSideBySide(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 8} {
		r, each := laned(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "<$prompt>", Delay: 1}), n)
		require.NoError(t, r.run())
		texts, err := each.Results(r.reader())
		require.NoError(t, err)
		require.Equal(t, []string{"<a1 after no>", "<b1 after no>", "<a2 after a1>", "<a3 after a2>", "<b2 after b1>"}, texts)
		require.LessOrEqual(t, r.model.MostInFlight(), min(n, 2))
	}
}

func TestLaneStopsBehindFailedItem(t *testing.T) {
	t.Parallel()
	r, each := laned(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "a2", Err: class(resilience.ContentPolicy), Times: 1}, workflowtest.Answer{Text: "<$prompt>"}), 1)
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrPartial)
	require.ErrorContains(t, err, "1 item failed, 1 did not run")
	for k, want := range map[string]state.Status{
		"a1": state.StatusCompleted, "a2": state.StatusFailed, "a3": state.StatusPending, "b1": state.StatusCompleted, "b2": state.StatusCompleted,
	} {
		require.Equal(t, want, r.item("e", k), k)
	}
	texts, err := each.Results(r.reader())
	require.ErrorIs(t, err, workflow.ErrPartial)
	require.Len(t, texts, 3)
	require.Equal(t, 60.0, r.state().Progress())

	r.cfg.Retry = map[string][]string{"other": nil}
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, 4, r.model.Calls(), "what stands behind a failed item that is left alone stays pending")
	r.cfg.Retry = nil
	require.NoError(t, r.run())
	require.Equal(t, 6, r.model.Calls())
}

func TestPreviousNeedsAnItem(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		_, _, err := workflow.Previous[string](ctx)
		return 0, err
	}))
	require.ErrorContains(t, r.run(), "only an item has one")
	r = newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"a", "b"}, nil }, key,
		func(ctx context.Context, _ string) (bool, error) {
			_, ok, err := workflow.Previous[bool](ctx)
			return ok, err
		}))
	require.NoError(t, r.run(), "without lanes no item has one before it")
}

func TestCrashInLanesAtEveryEvent(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEverywhere(t, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"a1", "b1", "a2", "b2"}, nil }, key,
			func(ctx context.Context, k string) (string, error) {
				before, _, err := workflow.Previous[string](ctx)
				if err != nil {
					return "", err
				}
				return ask(ctx, fmt.Sprint(k, before, workflow.Now(ctx).IsZero()))
			}, workflow.Lane(func(k string) string { return k[:1] }), workflow.Concurrency(2))
		p, err := workflow.New("p", each)
		require.NoError(t, err)
		return p, workflow.Config{Model: echo(t)}
	})
}
