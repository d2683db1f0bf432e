package workflow_test

import (
	"context"
	"iter"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func ok(name string, opts ...workflow.StepOption) workflow.Step {
	return workflow.NewTask(name, zero, opts...)
}

func bad(name string, opts ...workflow.StepOption) workflow.Step {
	return workflow.NewTask(name, func(context.Context) (int, error) { return 0, class(resilience.Server) }, opts...)
}

func half(name string, opts ...workflow.StepOption) workflow.Step {
	return workflow.NewEach(name, k1k2, key, func(_ context.Context, k string) (int, error) {
		if k == "k2" {
			return 0, class(resilience.ContentPolicy)
		}
		return 0, nil
	}, opts...)
}

func stopping(name string, ctrl *controller.Controller) workflow.Step {
	return workflow.NewTask(name, func(ctx context.Context) (int, error) {
		ctrl.Pause("a test")
		_, err := ask(ctx, "refused")
		return 0, err
	})
}

func TestWorstOfParallel(t *testing.T) {
	t.Parallel()
	ctrl := controller.New()
	for name, c := range map[string]struct {
		steps []workflow.Step
		run   state.Status
		step  state.Status
		next  state.Status
	}{
		"all well":                {[]workflow.Step{ok("a"), ok("b")}, state.StatusCompleted, state.StatusCompleted, state.StatusCompleted},
		"tolerated":               {[]workflow.Step{ok("a"), bad("b", workflow.Optional())}, state.StatusCompleted, state.StatusTolerated, state.StatusCompleted},
		"partial":                 {[]workflow.Step{half("a"), ok("b"), bad("c", workflow.Optional())}, state.StatusPartial, state.StatusPartial, state.StatusPending},
		"failed":                  {[]workflow.Step{ok("a"), bad("b"), half("c")}, state.StatusFailed, state.StatusFailed, state.StatusPending},
		"nested":                  {[]workflow.Step{ok("a"), workflow.NewParallel("inner", bad("b"), ok("c"))}, state.StatusFailed, state.StatusFailed, state.StatusPending},
		"paused comes before all": {[]workflow.Step{bad("a"), half("b"), stopping("c", ctrl)}, state.StatusPaused, "", state.StatusPending},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, echo(t), workflow.NewParallel("all", c.steps...), ok("next"))
			if c.run == state.StatusPaused {
				r.cfg.Controller = ctrl
			}
			err := r.run()
			require.Equal(t, c.run == state.StatusCompleted, err == nil, err)
			st := r.state()
			require.Equal(t, c.run, st.Status)
			if c.step != "" { // else it depends on who was first
				require.Equal(t, c.step, st.Step("all").Status)
			}
			require.Equal(t, c.next, st.Step("next").Status)
		})
	}
}

func TestProgressFormula(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps []workflow.Step
		want  float64
	}{
		"nothing":               {[]workflow.Step{bad("a"), ok("b")}, 0},
		"one of three":          {[]workflow.Step{ok("a"), bad("b"), ok("c")}, 33.3},
		"half an each":          {[]workflow.Step{half("a"), ok("b")}, 25},
		"mean of children":      {[]workflow.Step{workflow.NewParallel("p", ok("a"), half("b"), bad("c")), ok("d")}, 25},
		"nested parallel":       {[]workflow.Step{workflow.NewParallel("p", ok("a"), workflow.NewParallel("q", ok("b"), bad("c")))}, 75},
		"tolerated counts":      {[]workflow.Step{half("a", workflow.Optional()), bad("b", workflow.Optional()), bad("c")}, 66.6},
		"all":                   {[]workflow.Step{ok("a"), bad("b", workflow.Optional())}, 100},
		"seven of ten, rounded": {[]workflow.Step{ok("a"), ok("b"), ok("c"), ok("d"), ok("e"), ok("f"), ok("g"), bad("h"), ok("i"), ok("j")}, 70},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, echo(t), c.steps...)
			_ = r.run()
			require.Equal(t, c.want, r.state().Progress())
		})
	}
	t.Run("at most 99.9 before completed", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, echo(t), ok("a"))
		r.store.CrashBefore(5) // run.created, session.opened, step.started, step.completed
		require.ErrorIs(t, r.run(), state.ErrJournalFailed)
		r.store.Restart()
		require.Equal(t, state.StatusCompleted, r.state().Step("a").Status)
		require.Equal(t, 99.9, r.state().Progress())
	})
}

func TestCountersOfTries(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "a", Err: class(resilience.Server), Times: 2}, workflowtest.Answer{Text: "one two"}), abc(func() error { return nil }))
	r.cfg.Model = chain{r.model, 3, 0}
	r.cfg.Price = func(provider, _ string, u state.Usage) (int64, bool) { return u.Output * 5, provider == "fake" }
	require.NoError(t, r.run())
	st := r.state()
	require.Equal(t, 3, st.Usage.Calls)
	require.Equal(t, 2, st.Usage.FailedCalls)
	require.Equal(t, st.Usage, st.Providers["fake"])
	require.Equal(t, st.Usage, st.Step("t").Usage)
	require.Len(t, events[state.CallSent](r), 5)
	ids := map[string]int{}
	for _, sent := range events[state.CallSent](r) {
		ids[sent.Call] = max(ids[sent.Call], sent.Try)
	}
	require.Equal(t, map[string]int{"1-1": 3, "1-2": 1, "1-3": 1}, ids)
}

func TestInterruptedIsDerived(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	r.store.CrashAfter(6, false)
	require.ErrorIs(t, r.run(), state.ErrJournalFailed)
	r.store.Restart()
	st := r.state()
	require.Equal(t, state.StatusInterrupted, st.Status)
	require.Equal(t, state.StatusInterrupted, st.Step("t").Status)
	require.NoError(t, r.run())
	require.Equal(t, state.StatusCompleted, r.state().Status)
}

// passing is a store in which a session begins before the journal is read, and ends when it was.
type passing struct {
	*memstore.Store
	began, read func()
}

func (s passing) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		s.began()
		for e, err := range s.Store.Events(ctx, run, q) {
			if !yield(e, err) {
				break
			}
		}
		s.read()
	}
}

// TestASessionThatPassesIsNoInterruption: nobody holds the run before its journal is read, nor after, but what was read is of
// a session that was at work.
func TestASessionThatPassesIsNoInterruption(t *testing.T) {
	t.Parallel()
	inside, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := workflow.NewTask("first", func(context.Context) (int, error) { return 1, nil })
	r := newRig(t, echo(t), first)
	require.NoError(t, r.run())
	more, err := workflow.New("p", first, workflow.NewTask("second", func(context.Context) (int, error) {
		close(inside)
		<-release
		return 2, nil
	}))
	require.NoError(t, err)
	cfg := r.cfg
	var begin, end sync.Once
	cfg.Store = passing{r.store, func() {
		begin.Do(func() {
			go func() {
				_, err := more.Run(t.Context(), "r", r.cfg)
				ended <- err
			}()
			<-inside
		})
	}, func() {
		end.Do(func() {
			close(release)
			require.NoError(t, <-ended)
		})
	}}
	run, err := more.Open(t.Context(), "r", cfg)
	require.NoError(t, err)
	st, err := run.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, st.Status)
	require.Equal(t, state.StatusCompleted, st.Step("second").Status)
}
