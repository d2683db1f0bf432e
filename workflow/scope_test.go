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
