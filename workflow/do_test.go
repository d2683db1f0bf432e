package workflow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func TestDoOnce(t *testing.T) {
	t.Parallel()
	effects, first := 0, once()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		n, err := workflow.Do(ctx, "mail/to=a b", func(context.Context) (int, error) { effects++; return effects, nil })
		if err == nil && first() {
			err = class(resilience.Server)
		}
		return n, err
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 1, effects)
	require.Equal(t, "1", string(events[state.StepCompleted](r)[0].Result))
}

func TestDoCrashedAtEveryEvent(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEverywhere(t, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		p, err := workflow.New("p", workflow.NewTask("t", func(ctx context.Context) (string, error) {
			a, err := workflow.Do(ctx, "one", func(ctx context.Context) (string, error) {
				text, err := ask(ctx, "inside")
				if err != nil {
					return "", err
				}
				return ask(ctx, "again "+text)
			})
			b, err2 := ask(ctx, "outside "+a)
			return b, errors.Join(err, err2)
		}))
		require.NoError(t, err)
		return p, workflow.Config{Model: echo(t)}
	})
}

func TestFailedDoIsNotRecorded(t *testing.T) {
	t.Parallel()
	tries := 0
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		return workflow.Do(ctx, "k", func(context.Context) (int, error) {
			if tries++; tries == 1 {
				return 0, errBoom
			}
			return tries, nil
		})
	}))
	require.NoError(t, r.run())
	require.Equal(t, 2, tries)
	require.Len(t, events[state.DoCompleted](r), 1)
}

func TestDoDuplicateKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		one := func(context.Context) (int, error) { return 1, nil }
		a, err := workflow.Do(ctx, "k", one)
		b, err2 := workflow.Do(ctx, "k", one)
		return a + b, errors.Join(err, err2)
	}))
	err := r.run()
	require.ErrorContains(t, err, `Do "k" in step t: the key was used before`)
	require.Len(t, events[state.AttemptFailed](r), 1, "another attempt would end the same way")
}

func TestNoDoInsideDo(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		return workflow.Do(ctx, "outer", func(ctx context.Context) (int, error) {
			return workflow.Do(ctx, "inner", func(context.Context) (int, error) { return 1, nil })
		})
	}))
	require.ErrorContains(t, r.run(), "a Do can't hold another")
}

func TestDoCallsInside(t *testing.T) {
	t.Parallel()
	first := once()
	step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
		return workflow.Do(ctx, "k", func(ctx context.Context) (string, error) {
			if _, err := ask(ctx, "a"); err != nil {
				return "", err
			}
			if first() {
				return "", class(resilience.Server)
			}
			return ask(ctx, "b")
		})
	})
	r := newRig(t, echo(t), step)
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, "a | b", r.asked(), "the calls of a Do that was not recorded are replayed")
	for e, err := range r.store.Events(t.Context(), "r", state.Query{}) {
		require.NoError(t, err)
		if e.Type == state.TypeCallAnswered {
			require.Equal(t, state.Scope{Step: "t", Do: "k"}, e.Scope)
		}
	}
	require.Equal(t, 2, r.state().Step("t").Usage.Calls)
}

func TestDoThatAsksLessAfterACrashCountsWaste(t *testing.T) {
	t.Parallel()
	first := once()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		return workflow.Do(ctx, "k", func(ctx context.Context) (string, error) {
			if first() {
				_, err := ask(ctx, "a")
				return "", errors.Join(err, class(resilience.Server))
			}
			return "nothing asked", nil
		})
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.EqualValues(t, 10, r.state().Usage.Waste.Input)
}

func TestDoResultsDieByReject(t *testing.T) {
	t.Parallel()
	effects, first := 0, once()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		n, err := workflow.Do(ctx, "k", func(context.Context) (int, error) { effects++; return effects, nil })
		if err == nil && first() {
			err = workflow.Reject(errBoom)
		}
		return n, err
	}))
	require.NoError(t, r.run())
	require.Equal(t, 2, effects)
}

func TestNowAndRandRecorded(t *testing.T) {
	t.Parallel()
	var times, numbers []any
	sessions := 0
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		sessions++
		for range 2 {
			times, numbers = append(times, workflow.Now(ctx)), append(numbers, workflow.Rand(ctx).Uint64())
		}
		text, err := ask(ctx, "a")
		if sessions == 1 {
			err = class(resilience.Server)
		}
		if sessions == 2 {
			_ = workflow.Now(ctx) // consumed last, but not to blame
			err = errBoom
		}
		return text, err
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 3, sessions)
	require.Equal(t, times[:2], times[2:4])
	require.Equal(t, times[:2], times[4:])
	require.Equal(t, numbers[:2], numbers[2:4])
	require.NotEqual(t, numbers[0], numbers[1], "each call is another source")
	require.Equal(t, 2, r.model.Calls(), "the error of unknown class killed the answer")
}
