package workflow_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func TestContentExhaustedKillsFromFirstAsk(t *testing.T) {
	t.Parallel()
	bad := once()
	step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
		if _, err := ask(ctx, "before"); err != nil {
			return "", err
		}
		refuse := bad()
		_, err := generate(ctx, "shape", 3, func(string) error {
			if refuse {
				return class(resilience.InvalidResponse)
			}
			return nil
		})
		return "", err
	})
	r := newRig(t, echo(t), step)
	require.Error(t, r.run())
	require.Equal(t, "before | shape #1 | shape #2 | shape #3", r.asked(), "one attempt: its content was asked again already")
	require.EqualValues(t, 30, r.state().Usage.Waste.Input, "judged and killed, but counted once")
	require.NoError(t, r.run())
	require.Equal(t, "before | shape #1 | shape #2 | shape #3 | shape #1", r.asked())
}

func TestContentExhaustedInTheChainKillsItsAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		if _, err := ask(ctx, "before"); err != nil {
			return "", err
		}
		return ask(ctx, "long")
	}))
	r.cfg.Model = chain{cutter{r.model}, 1, 0} // there is no second try
	require.Error(t, r.run())
	require.Equal(t, "truncated", r.state().Step("t").Class)
	r.cfg.Model = chain{r.model, 1, 0}
	require.NoError(t, r.run(), "the answer that was cut short is not found again")
	require.Equal(t, "before | long | long", r.asked())
}

func TestScopeRemembersExhaustedCall(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]func(error) (string, error){
		"rewritten": func(error) (string, error) { return "", errBoom },
		"panicked":  func(error) (string, error) { panic("at the disco") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
				if _, err := ask(ctx, "a"); err != nil {
					return "", err
				}
				_, err := ask(ctx, "b")
				return rewrite(err)
			})
			r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "b", Err: class(resilience.Auth)}, workflowtest.Answer{Text: "x"}), step)
			require.Error(t, r.run())
			require.Equal(t, "a | b", r.asked(), "not attempted again, and nothing killed")
			require.Equal(t, "auth", r.state().Step("t").Class)
			require.Error(t, r.run())
			require.Equal(t, "a | b | b", r.asked())
		})
	}
	t.Run("swallowed", func(t *testing.T) {
		t.Parallel()
		step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
			if _, err := ask(ctx, "b"); err == nil {
				return "", errBoom
			}
			return ask(ctx, "instead") // a fallback of the user's own is fine: the engine refused nothing
		})
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "b", Err: class(resilience.Auth)}, workflowtest.Answer{Text: "x"}), step)
		require.NoError(t, r.run())
	})
}

func TestRejectComesBeforeAnExhaustedCall(t *testing.T) {
	t.Parallel()
	step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
		if _, err := ask(ctx, "b"); err != nil {
			return "", workflow.Reject(err)
		}
		return "fine", nil
	})
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server), Times: 2}, workflowtest.Answer{Text: "x"}), step)
	require.NoError(t, r.run())
	require.Equal(t, 3, r.model.Calls())
}
