package main

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/tools"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func TestChainIsDurable(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEverywhere(t, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		p, _, err := newPipeline()
		require.NoError(t, err)
		return p, workflow.Config{Model: workflowtest.NewModel(t, workflowtest.Answer{Text: "<$prompt>"})}
	})
}

func TestExampleRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	text, err := run(context.Background())
	require.NoError(t, err)
	require.NotEmpty(t, text)
	again, err := run(context.Background())
	require.NoError(t, err)
	require.Equal(t, text, again)
}

// counting is a tool that counts its calls.
type counting struct{ calls atomic.Int64 }

func (*counting) Name() string        { return "count" }
func (*counting) Description() string { return "counts things" }

func (c *counting) Call(context.Context, string) (string, error) {
	c.calls.Add(1)
	return "tides: two a day", nil
}

// TestAgentIsDurable crashes an agent with a tool at every event and resumes it.
func TestAgentIsDurable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for n := 1; ; n++ {
		tool := &counting{}
		model := workflowtest.NewModel(t,
			workflowtest.Answer{Match: "Observation: tides", Text: "Thought: I know.\nFinal Answer: twice a day"},
			workflowtest.Answer{Match: "how often", Text: "Thought: look it up\nAction: count\nAction Input: tides"})
		agent := agents.NewOneShotAgent(workflow.Model("writer"), []tools.Tool{workflow.Tool(tool)}, agents.WithMaxIterations(4))
		executor := agents.NewExecutor(agent)
		answer := workflow.NewTask("answer", func(ctx context.Context) (string, error) { return chains.Run(ctx, executor, "how often?") })
		p, err := workflow.New("agent", answer)
		require.NoError(t, err)
		store := memstore.New()
		store.CrashAfter(n, n%2 == 0)
		cfg := workflow.Config{Store: store, Model: model}
		run, err := p.Run(ctx, "r", cfg)
		whole := err == nil
		if !whole {
			store.Restart()
			run, err = p.Run(ctx, "r", cfg)
			require.NoError(t, err, "crash after event %d", n)
		}
		text, err := answer.Result(run.Context(ctx))
		require.NoError(t, err)
		require.Equal(t, "twice a day", text)
		st, err := state.Load(ctx, store, "r")
		require.NoError(t, err)
		require.Equal(t, 2, st.Usage.Calls, "crash after event %d: recorded answers", n)
		require.LessOrEqual(t, model.Calls(), 3, "only a call whose answer was lost is made again")
		require.LessOrEqual(t, tool.calls.Load(), int64(2))
		if whole {
			require.Greater(t, n, 6, "the sweep has crashed at every event")
			return
		}
	}
}
