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

// abc is a task that asks a, b and c and then ends as end says.
func abc(end func() error, opts ...workflow.StepOption) *workflow.Task[string] {
	return workflow.NewTask("t", func(ctx context.Context) (string, error) {
		all := ""
		for _, prompt := range []string{"a", "b", "c"} {
			text, err := ask(ctx, prompt)
			if err != nil {
				return "", err
			}
			all += text
		}
		return all, end()
	}, opts...)
}

func TestNothingDiesForNetworkErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []resilience.Class{
		resilience.Network, resilience.RateLimit, resilience.Quota, resilience.Auth, resilience.Permission, resilience.NotFound,
		resilience.Overloaded, resilience.Server, resilience.Timeout,
	} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "c", Err: class(c), Times: 1}, workflowtest.Answer{Text: "<$prompt>"}),
				abc(func() error { return nil }))
			require.Error(t, r.run())
			require.Equal(t, state.StatusFailed, r.state().Status)
			require.Equal(t, string(c), r.state().Class)
			require.Equal(t, 3, r.model.Calls(), "a call that failed is not tried again by the level above")
			require.NoError(t, r.run())
			require.Equal(t, "a | b | c | c", r.asked())
			require.Zero(t, r.state().Usage.Waste)
		})
	}
}

func TestNothingDiesForAnErrorOfTheStepItselfWithAHarmlessClass(t *testing.T) {
	t.Parallel()
	first := once()
	r := newRig(t, echo(t), abc(func() error {
		if first() {
			return class(resilience.Server)
		}
		return nil
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 3, r.model.Calls())
}

func TestRejectKillsTheWholeAttempt(t *testing.T) {
	t.Parallel()
	first := once()
	r := newRig(t, echo(t), abc(func() error {
		if first() {
			return fmt.Errorf("wrapped: %w", workflow.Reject(errBoom))
		}
		return nil
	}))
	require.NoError(t, r.run())
	require.Equal(t, "a | b | c | a | b | c", r.asked())
	require.EqualValues(t, 30, r.state().Usage.Waste.Input)
	failed := events[state.AttemptFailed](r)
	require.Len(t, failed, 1)
	require.Equal(t, "invalid_response", failed[0].Class)
}

func TestRejectOfAReplayedAttemptKillsIt(t *testing.T) {
	t.Parallel()
	n := 0
	r := newRig(t, echo(t), abc(func() error {
		if n++; n == 1 {
			return workflow.Keep(class(resilience.Server))
		} else if n == 2 {
			return workflow.Reject(errBoom)
		}
		return nil
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 6, r.model.Calls())
	require.Equal(t, 3, r.state().Usage.Replayed)
	require.EqualValues(t, 30, r.state().Usage.Waste.Input)
}

func TestUnknownErrorKillsLastConsumedAnswerAndWhatFollowed(t *testing.T) {
	t.Parallel()
	first := once()
	step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
		for _, prompt := range []string{"a", "b"} {
			if _, err := ask(ctx, prompt); err != nil {
				return "", err
			}
		}
		text, err := workflow.Do(ctx, "c", func(ctx context.Context) (string, error) { return ask(ctx, "c") })
		if err == nil && first() {
			err = errBoom
		}
		return text, err
	})
	r := newRig(t, echo(t), step)
	require.NoError(t, r.run())
	require.Equal(t, "a | b | c | c", r.asked(), "what was consumed last is the result of the Do, which dies like an answer")

	first = once()
	r = newRig(t, echo(t), abc(func() error {
		if first() {
			return errBoom
		}
		return nil
	}))
	require.NoError(t, r.run())
	require.Equal(t, "a | b | c | c", r.asked())
	require.EqualValues(t, 10, r.state().Usage.Waste.Input)
	require.Equal(t, 2, r.state().Usage.Replayed)
}

func TestKeepOverrides(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"unknown": workflow.Keep(errBoom), "reject": workflow.Keep(workflow.Reject(errBoom))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := once()
			r := newRig(t, echo(t), abc(func() error {
				if first() {
					return err
				}
				return nil
			}))
			require.NoError(t, r.run())
			require.Equal(t, 3, r.model.Calls())
			require.Zero(t, r.state().Usage.Waste)
		})
	}
	require.NoError(t, workflow.Keep(nil))
	require.NoError(t, workflow.Reject(nil))
}

func TestPanicIsAttemptedOnceMore(t *testing.T) {
	t.Parallel()
	panics := 0
	r := newRig(t, echo(t), abc(func() error {
		panics++
		panic("at the disco")
	}, workflow.Attempts(5)))
	err := r.run()
	require.ErrorContains(t, err, "at the disco")
	require.Equal(t, 2, panics)
	require.Equal(t, 3, r.model.Calls(), "a panic kills nothing")

	t.Run("in a model", func(t *testing.T) {
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Panic: "ouch", Times: 1}, workflowtest.Answer{Text: "x"}), abc(func() error { return nil }))
		require.NoError(t, r.run())
		require.Equal(t, 1, r.state().Usage.FailedCalls)
		require.Equal(t, 0, r.state().Usage.InDoubt)
	})
}

func TestAttemptsPerSession(t *testing.T) {
	t.Parallel()
	task, item := 0, 0
	step := workflow.NewTask("t", func(context.Context) (int, error) { task++; return 0, errBoom }, workflow.Optional())
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"k"}, nil }, key,
		func(context.Context, string) (int, error) { item++; return 0, errBoom })
	r := newRig(t, echo(t), step, each)
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, []int{3, 2}, []int{task, item})
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, []int{6, 4}, []int{task, item})
}

func key(s string) string { return s }

func TestRetriesDontMultiply(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server)}), abc(func() error { return nil }, workflow.Attempts(7)))
	r.cfg.Model = chain{r.model, 4, 0}
	require.Error(t, r.run())
	require.Equal(t, 4, r.model.Calls(), "the chain's four tries, and nothing on top")
	require.Equal(t, 4, r.state().Usage.FailedCalls)
}

func TestMaxCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		for i := range 100 {
			if _, err := ask(ctx, fmt.Sprint(i)); err != nil && i == 99 {
				return "", errBoom // a runaway agent does not look at errors
			}
		}
		return "", nil
	}))
	r.cfg.MaxCalls = 5
	require.Error(t, r.run())
	require.Equal(t, 5, r.model.Calls())
	require.Equal(t, "invalid_request", r.state().Step("t").Class)
	require.Error(t, r.run())
	require.Equal(t, 10, r.model.Calls(), "replayed answers don't count: the next attempt goes on from there")
}

func TestErrorsOfTheEngineAreNotAttemptedAgain(t *testing.T) {
	t.Parallel()
	other := workflow.NewTask("other", func(context.Context) (int, error) { return 0, nil })
	for name, fn := range map[string]func(context.Context) error{
		"no result": func(ctx context.Context) error { _, err := other.Result(ctx); return err },
		"no params": func(ctx context.Context) error { _, err := workflow.Params[struct{ A int }](ctx); return err },
		"wrong ctx": func(context.Context) error { _, err := ask(context.Background(), "x"); return err },
		"empty Do key": func(ctx context.Context) error {
			_, err := workflow.Do(ctx, "", func(context.Context) (int, error) { return 0, nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
				n++
				if _, err := ask(ctx, "a"); err != nil {
					return 0, err
				}
				return 0, fmt.Errorf("my step: %w", fn(ctx))
			}), other)
			require.Error(t, r.run())
			require.Equal(t, 1, n)
			require.Equal(t, "invalid_request", r.state().Step("t").Class)
			require.Error(t, r.run())
			require.Equal(t, 1, r.model.Calls(), "and nothing that was paid is to blame")
		})
	}
}

func TestTimeoutBoundsAnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "x", Delay: time.Hour}),
			workflow.NewTask("t", func(ctx context.Context) (string, error) { return ask(ctx, "a") }, workflow.Timeout(time.Minute)))
		began := time.Now()
		err := r.run()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "timeout of 1m0s")
		require.Equal(t, time.Minute, time.Since(began))
		require.Equal(t, "timeout", r.state().Step("t").Class)
		require.Equal(t, 1, r.model.Calls())
	})
}

func TestACallThatTheStepTakesBackIsNoVerdict(t *testing.T) {
	t.Parallel()
	first := once()
	r := newRig(t, nil, workflow.NewTask("t", func(ctx context.Context) (string, error) {
		race, cancel := context.WithCancel(ctx)
		cancel()
		_, _ = ask(race, "loser")
		if first() {
			return "", errBoom
		}
		return "fine", nil
	}))
	r.cfg.Model = modelFunc(func(ctx context.Context, _ string) (string, error) { return "x", ctx.Err() })
	require.NoError(t, r.run(), "the error of unknown class is attempted again")
}
