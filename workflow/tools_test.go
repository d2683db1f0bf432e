package workflow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func TestToolQueuesByInput(t *testing.T) {
	t.Parallel()
	tool, first := &counting{}, once()
	var got [][]string
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		var texts []string
		for _, in := range []string{"x", "y", "x"} {
			text, err := workflow.Tool(tool).Call(ctx, in)
			if err != nil {
				return 0, err
			}
			texts = append(texts, text)
		}
		got = append(got, texts)
		if first() {
			return 0, class(resilience.Server)
		}
		return 0, nil
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, []string{"x 1", "y 2", "x 3"}, got[0])
	require.Equal(t, got[0], got[1])
	require.Equal(t, 3, tool.calls)
	require.Equal(t, "count", workflow.Tool(tool).Name())
}

func TestErrorOfAToolIsNotRecorded(t *testing.T) {
	t.Parallel()
	tool := &counting{err: errBoom}
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) { return workflow.Tool(tool).Call(ctx, "x") }))
	require.ErrorIs(t, r.run(), errBoom)
	require.Empty(t, events[state.DoCompleted](r))
}

func TestEmbedderRecorded(t *testing.T) {
	t.Parallel()
	inner, first := &embedder{}, once()
	var got [][]float32
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		e := workflow.Embedder(inner)
		vs, err := e.EmbedDocuments(ctx, []string{"a", "b"})
		if err != nil {
			return 0, err
		}
		v, err := e.EmbedQuery(ctx, "a")
		if err != nil {
			return 0, err
		}
		got = append(got, append(vs, v)...)
		if first() {
			return 0, class(resilience.Server)
		}
		return 0, nil
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 2, inner.calls)
	require.Equal(t, got[:3], got[3:])
	require.Equal(t, float32(0.1), got[0][0])
}

type embedder struct{ calls int }

func (e *embedder) EmbedDocuments(_ context.Context, texts []string) ([][]float32, error) {
	e.calls++
	out := make([][]float32, len(texts))
	for i := range texts {
		out[i] = []float32{0.1, float32(i)}
	}
	return out, nil
}

func (e *embedder) EmbedQuery(context.Context, string) ([]float32, error) {
	e.calls++
	return []float32{0.2}, nil
}

// TestAgentLoopIsDurable: a loop of model and tools, as langchaingo's agents make it, crashed at every event.
func TestAgentLoopIsDurable(t *testing.T) {
	t.Parallel()
	workflowtest.CrashEverywhere(t, func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		tool := workflow.Tool(lookup{})
		model := workflowtest.NewModel(t,
			workflowtest.Answer{Match: "Observation: twice\nObservation: twice", Text: "Final Answer: twice a day"},
			workflowtest.Answer{Text: "Action Input: tides"})
		p, err := workflow.New("p", workflow.NewTask("t", func(ctx context.Context) (string, error) {
			pad := "how often?"
			for range 5 {
				text, err := ask(ctx, pad)
				if err != nil {
					return "", err
				}
				input, more := strings.CutPrefix(text, "Action Input: ")
				if !more {
					return text, nil
				}
				seen, err := tool.Call(ctx, input)
				if err != nil {
					return "", err
				}
				pad += "\nObservation: " + seen
			}
			return "", errBoom
		}))
		require.NoError(t, err)
		return p, workflow.Config{Model: model}
	})
}

// lookup is a tool that always says the same.
type lookup struct{}

func (lookup) Name() string                                 { return "lookup" }
func (lookup) Description() string                          { return "looks up" }
func (lookup) Call(context.Context, string) (string, error) { return "twice", nil }
