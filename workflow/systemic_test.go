package workflow_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func many(n int, opts ...workflow.StepOption) *workflow.Each[string, string] {
	return workflow.NewEach("e", func(context.Context) ([]string, error) {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf("k%02d", i))
		}
		return keys, nil
	}, key, func(ctx context.Context, k string) (string, error) { return ask(ctx, k) }, opts...)
}

func TestSystemicStop(t *testing.T) {
	t.Parallel()
	for _, c := range []resilience.Class{
		resilience.Auth, resilience.Quota, resilience.Permission, resilience.NotFound, resilience.Network, resilience.Overloaded,
		resilience.Server, resilience.RateLimit, resilience.Timeout,
	} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "x", Times: 2}, workflowtest.Answer{Err: class(c), Times: 5}, workflowtest.Answer{Text: "x"}), many(20))
			err := r.run()
			require.ErrorContains(t, err, "5 items in a row failed")
			require.Equal(t, c, resilience.Classify(err))
			require.Equal(t, 7, r.model.Calls())
			st := r.state()
			require.Equal(t, state.StatusFailed, st.Status)
			require.Equal(t, string(c), st.Class)
			require.Equal(t, state.StatusFailed, st.Step("e").Status)
			require.Equal(t, state.ItemCounts{Known: true, Total: 20, Done: 2}, st.Step("e").Items, "they are pending again")
			require.NoError(t, r.run())
			require.Equal(t, 25, r.model.Calls())
		})
	}
}

func TestNoSystemicStopForContent(t *testing.T) {
	t.Parallel()
	for _, c := range []resilience.Class{resilience.ContentPolicy, resilience.InvalidRequest, resilience.InvalidResponse, resilience.Unknown} {
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(c)}), many(7))
		require.ErrorIs(t, r.run(), workflow.ErrPartial, c)
		require.Equal(t, 7, r.state().Step("e").Items.Failed)
	}
}

func TestASuccessBetweenResetsSystemicFailures(t *testing.T) {
	t.Parallel()
	server := func(n int) workflowtest.Answer { return workflowtest.Answer{Err: class(resilience.Server), Times: n} }
	network := func(n int) workflowtest.Answer { return workflowtest.Answer{Err: class(resilience.Network), Times: n} }
	r := newRig(t, workflowtest.NewModel(t, server(4), workflowtest.Answer{Text: "x", Times: 1}, server(4), network(4), workflowtest.Answer{Text: "x"}), many(15))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, 12, r.state().Step("e").Items.Failed)
}

func TestMaxSystemicIsAtLeastTheConcurrency(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server)}), many(20))
	r.cfg.MaxSystemic, r.cfg.Concurrency = 2, 1
	require.ErrorContains(t, r.run(), "2 items in a row")
	r = newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server)}), many(20, workflow.Concurrency(8)))
	r.cfg.MaxSystemic = 2
	require.ErrorContains(t, r.run(), "8 items in a row")
}

func TestSystemicStopWithCallsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Of ten items at once two are still being asked for when the others fail: one succeeds then, and one fails.
		r := newRig(t, workflowtest.NewModel(t,
			workflowtest.Answer{Match: "k00", Text: "x", Delay: time.Hour}, workflowtest.Answer{Match: "k01", Err: class(resilience.Network), Delay: time.Hour},
			workflowtest.Answer{Err: class(resilience.Server), Delay: time.Minute}), many(50, workflow.Concurrency(10)))
		r.cfg.MaxSystemic = 10
		err := r.run()
		require.ErrorContains(t, err, "10 items in a row")
		require.Equal(t, resilience.Server, resilience.Classify(err))
		require.Less(t, r.model.Calls(), 30)
		st := r.state()
		require.Equal(t, state.ItemCounts{Known: true, Total: 50, Done: 1}, st.Step("e").Items, "what was answered completed; all others are pending")
		require.Equal(t, "server", st.Step("e").Class)
		well := echo(t)
		r.cfg.Model = well
		require.NoError(t, r.run())
		require.Equal(t, 49, well.Calls())
	})
}

func TestSystemicStopOfAnOptionalStepIsTolerated(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server)}), many(20, workflow.Optional()),
		workflow.NewTask("next", func(context.Context) (int, error) { return 0, nil }))
	require.NoError(t, r.run())
	require.Equal(t, state.StatusTolerated, r.state().Step("e").Status)
	require.Equal(t, 5, r.model.Calls())
}

func TestSystemicStopLeavesOtherStepsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "k", Err: class(resilience.Server)}, workflowtest.Answer{Text: "x"}),
		workflow.NewParallel("both", many(20), abc(func() error { return nil })))
	require.Error(t, r.run())
	require.Equal(t, state.StatusCompleted, r.state().Step("t").Status)
	require.Equal(t, state.StatusFailed, r.state().Step("both").Status)
}
