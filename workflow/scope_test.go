package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestWrongContextIsErrNoRun(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	task := workflow.NewTask("t", func(context.Context) (int, error) { return 0, nil })
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return nil, nil }, key, func(context.Context, string) (int, error) { return 0, nil })
	for name, fn := range map[string]func(context.Context) error{
		"model": func(ctx context.Context) error { _, err := ask(ctx, "a"); return err },
		"do": func(ctx context.Context) error {
			_, err := workflow.Do(ctx, "k", func(context.Context) (int, error) { return 0, nil })
			return err
		},
		"tool":     func(ctx context.Context) error { _, err := workflow.Tool(&counting{}).Call(ctx, "k"); return err },
		"result":   func(ctx context.Context) error { _, err := task.Result(ctx); return err },
		"results":  func(ctx context.Context) error { _, err := each.Results(ctx); return err },
		"item":     func(ctx context.Context) error { _, err := each.Result(ctx, "k"); return err },
		"params":   func(ctx context.Context) error { _, err := workflow.Params[int](ctx); return err },
		"previous": func(ctx context.Context) error { _, _, err := workflow.Previous[int](ctx); return err },
		"task":     task.Run, "each": each.Run, "parallel": workflow.NewParallel("p", task).Run,
	} {
		err := fn(ctx)
		require.ErrorIs(t, err, workflow.ErrNoRun, name)
		require.ErrorContains(t, err, "use the ctx that the step got", name)
	}
	require.False(t, workflow.Now(ctx).IsZero())
	require.NotNil(t, workflow.Rand(ctx))
	workflow.Logger(ctx).Info("silent")
	workflow.Warn(ctx, "code", "message")
}

func TestClosedScope(t *testing.T) {
	t.Parallel()
	leak, later := make(chan context.Context, 1), make(chan struct{})
	plan := workflow.NewTask("plan", func(context.Context) (int, error) { return 1, nil })
	done := make(chan error, 2)
	leaky := workflow.NewTask("leaky", func(ctx context.Context) (int, error) {
		go func() {
			for range 100 { // reads while the step ends: the race detector watches
				if _, err := plan.Result(ctx); err != nil {
					done <- err
					return
				}
			}
			<-later
			_, err := ask(ctx, "too late")
			done <- err
			_, err = workflow.Do(ctx, "k", func(context.Context) (int, error) { return 0, nil })
			done <- err
		}()
		leak <- ctx
		return 2, nil
	})
	r := newRig(t, echo(t), plan, leaky, workflow.NewTask("next", func(context.Context) (int, error) {
		close(later)
		for range 2 {
			if err := <-done; !errors.Is(err, workflow.ErrScopeClosed) {
				return 0, fmt.Errorf("a closed scope gave %w", err)
			}
		}
		return 0, nil
	}))
	require.NoError(t, r.run())
	_, err := ask(<-leak, "after the run")
	require.ErrorIs(t, err, workflow.ErrScopeClosed)
	require.Zero(t, r.model.Calls())
}

func TestAnotherRunsScope(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(context.Context) (int, error) { return 1, nil })
	first := newRig(t, echo(t), plan)
	require.NoError(t, first.run())
	elsewhere := first.reader()
	task := workflow.NewTask("t", func(context.Context) (int, error) {
		v, err := plan.Result(elsewhere) // reading another run is fine; it is no dependency of this one
		if err != nil {
			return 0, err
		}
		_, err = ask(elsewhere, "paid by whom?")
		require.ErrorIs(t, err, workflow.ErrNoRun)
		_, err = workflow.Do(elsewhere, "k", func(context.Context) (int, error) { return 0, nil })
		require.ErrorIs(t, err, workflow.ErrNoRun)
		return v, nil
	})
	r := newRig(t, echo(t), task)
	require.NoError(t, r.run())
	require.Zero(t, r.model.Calls())
	require.Empty(t, events[state.StepCompleted](r)[0].Reads)
}

func TestARunInsideAStepHasAScopeOfItsOwn(t *testing.T) {
	t.Parallel()
	inner := newRig(t, echo(t), workflow.NewTask("inner", func(ctx context.Context) (string, error) { return ask(ctx, "inside") }))
	r := newRig(t, echo(t), workflow.NewTask("outer", func(ctx context.Context) (int, error) {
		_, err := inner.p.Run(ctx, "r", inner.cfg)
		return 0, err
	}))
	require.NoError(t, r.run())
	require.Equal(t, 1, inner.state().Usage.Calls)
	require.Equal(t, 0, r.state().Usage.Calls)
}

func TestItemsFunctionMayNotCall(t *testing.T) {
	t.Parallel()
	for name, fn := range map[string]func(context.Context) error{
		"model": func(ctx context.Context) error { _, err := ask(ctx, "a"); return err },
		"do": func(ctx context.Context) error {
			_, err := workflow.Do(ctx, "k", func(context.Context) (int, error) { return 0, nil })
			return err
		},
		"tool": func(ctx context.Context) error { _, err := workflow.Tool(&counting{}).Call(ctx, "a"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, echo(t), workflow.NewEach("e", func(ctx context.Context) ([]string, error) { return nil, fn(ctx) }, key,
				func(context.Context, string) (int, error) { return 0, nil }))
			require.ErrorContains(t, r.run(), "may only read results and params")
			require.Equal(t, "invalid_request", r.state().Step("e").Class)
			require.Zero(t, r.model.Calls())
		})
	}
}

// TestAReaderMixesNoTwoRuns: a context that has read one run gives nothing of another one that took its name, whether that
// has as many events or fewer.
func TestAReaderMixesNoTwoRuns(t *testing.T) {
	t.Parallel()
	what, items := "old", []string{"k1", "k2"}
	text := func(_ context.Context, of string) (string, error) { return what + " " + of, nil }
	first := workflow.NewTask("first", func(ctx context.Context) (string, error) { return text(ctx, "first") })
	each := workflow.NewEach("each", func(context.Context) ([]string, error) { return items, nil }, key, text)
	last := workflow.NewTask("last", func(ctx context.Context) (string, error) { return text(ctx, "last") })
	r := newRig(t, echo(t), first, each, last)
	read := func(ctx context.Context) map[string]error {
		_, one := first.Result(ctx)
		_, item := each.Result(ctx, "k2")
		_, all := each.Results(ctx)
		_, end := last.Result(ctx)
		return map[string]error{"a task": one, "an item": item, "all items": all, "the last task": end}
	}
	require.NoError(t, r.run())
	ctx := r.reader()
	for name, err := range read(ctx) {
		require.NoError(t, err, name)
	}
	require.NoError(t, r.store.Remove(t.Context(), "r", state.RemoveOptions{Archive: true}))
	for name, err := range read(ctx) {
		require.ErrorIs(t, err, state.ErrNotFound, name)
	}

	what = "new"
	require.NoError(t, r.run())
	for name, err := range read(ctx) {
		require.ErrorIs(t, err, workflow.ErrReplaced, name)
	}
	for name, err := range read(r.reader()) {
		require.NoError(t, err, name)
	}

	require.NoError(t, r.store.Remove(t.Context(), "r", state.RemoveOptions{}))
	p, err := workflow.New("p", workflow.NewTask("other", func(context.Context) (int, error) { return 1, nil }))
	require.NoError(t, err)
	r.p = p
	require.NoError(t, r.run())
	for name, err := range read(ctx) {
		require.ErrorIs(t, err, workflow.ErrReplaced, name)
		require.NotErrorIs(t, err, state.ErrDamaged, name)
	}
}
