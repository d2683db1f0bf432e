package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// changing is a task that asks other things in its second session. It ends its first with an error that kills nothing.
func changing(first, second []string) *workflow.Task[string] {
	begin := once()
	return workflow.NewTask("t", func(ctx context.Context) (string, error) {
		prompts, broken := second, begin()
		if broken {
			prompts = first
		}
		for _, prompt := range prompts {
			if _, err := ask(ctx, prompt); err != nil {
				return "", err
			}
		}
		if broken {
			return "", class(resilience.Server)
		}
		return "done", nil
	})
}

func TestDivergenceWarnsNamesMessageCountsWaste(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), changing([]string{"a", "b", "c"}, []string{"a", "other", "another", "c"}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, "a | b | c | other | another", r.asked())
	st := r.state()
	require.Equal(t, 1, r.warned("divergence"), "once an attempt")
	require.Contains(t, st.Warnings[0].Message, "step t asks something that it did not ask before")
	require.Contains(t, st.Warnings[0].Message, "message 1 is the first that differs")
	require.EqualValues(t, 10, st.Usage.Waste.Input, "only b was never used")
	require.Equal(t, 2, st.Usage.Replayed)
}

func TestDivergenceOfASuccessfulAttemptThatAsksLess(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), changing([]string{"a", "b"}, []string{"a"}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.EqualValues(t, 10, r.state().Usage.Waste.Input)
	require.Zero(t, r.warned("divergence"))
}

func TestDivergenceStop(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), changing([]string{"a", "b"}, []string{"a", "other"}))
	r.cfg.OnDivergence = workflow.DivergenceStop
	require.Error(t, r.run())
	require.ErrorIs(t, r.run(), workflow.ErrDiverged)
	require.Equal(t, 2, r.model.Calls(), "nothing was paid")
	r.cfg.OnDivergence = workflow.DivergencePay
	require.NoError(t, r.run())
	require.Equal(t, "a | b | other", r.asked(), "nothing was killed")
}

func TestEqualRequestsQueueInOrder(t *testing.T) {
	t.Parallel()
	begin := once()
	var got []string
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "first", Times: 1}, workflowtest.Answer{Text: "second", Times: 1}, workflowtest.Answer{Text: "third"}),
		workflow.NewTask("t", func(ctx context.Context) (int, error) {
			got = nil
			for range 3 {
				text, err := ask(ctx, "the same")
				if err != nil {
					return 0, err
				}
				if got = append(got, text); len(got) == 2 && begin() {
					return 0, class(resilience.Server)
				}
			}
			return 0, nil
		}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, []string{"first", "second", "third"}, got)
	require.Equal(t, 3, r.model.Calls())
}

func TestReplayAtTheTry(t *testing.T) {
	t.Parallel()
	setup := func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
		p, err := workflow.New("p", workflow.NewTask("t", func(ctx context.Context) (string, error) {
			text, err := ask(ctx, "long")
			if err != nil {
				return "", err
			}
			return generate(ctx, "after "+text, 3, func(s string) error {
				if strings.Contains(s, "#1") {
					return class(resilience.InvalidResponse)
				}
				return nil
			})
		}))
		require.NoError(t, err)
		model := chain{cutter{echo(t)}, 3, 0}
		return p, workflow.Config{Model: model, Policy: quick}
	}
	workflowtest.CrashEverywhere(t, setup)
}

// cutter cuts the first answer of a chain short.
type cutter struct{ llms.Model }

func (c cutter) GenerateContent(ctx context.Context, msgs []llms.MessageContent, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	resp, err := c.Model.GenerateContent(ctx, msgs, opts...)
	if err == nil && len(msgs) == 1 && strings.HasPrefix(fmt.Sprint(msgs[0].Parts[0]), "long") {
		resp.Choices[0].StopReason = "length"
	}
	return resp, err
}

func TestStreamingReplayGivesWholeTextOnce(t *testing.T) {
	t.Parallel()
	begin := once()
	var chunks []string
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		chunks = nil
		text, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model(""), "a", llms.WithStreamingFunc(func(_ context.Context, b []byte) error {
			chunks = append(chunks, string(b))
			return nil
		}))
		if err == nil && begin() {
			err = class(resilience.Server)
		}
		return text, err
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, []string{"<a>"}, chunks)
	require.Equal(t, 1, r.model.Calls())
}

func TestRequestHashIgnoresStreamingAndProvider(t *testing.T) {
	t.Parallel()
	begin := once()
	step := workflow.NewTask("t", func(ctx context.Context) (string, error) {
		opts := []llms.CallOption{llms.WithTemperature(0.5)}
		if begin() {
			_, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("w"), "a", append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))...)
			return "", errors.Join(err, class(resilience.Server))
		}
		return llms.GenerateFromSinglePrompt(ctx, workflow.Model("w"), "a", opts...)
	})
	r := newRig(t, echo(t), step)
	require.Error(t, r.run())
	other := echo(t)
	r.cfg.Model = chain{other, 1, 0}
	require.NoError(t, r.run())
	require.Zero(t, other.Calls())

	begin = once()
	r = newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		temperature := 0.5
		if begin() {
			_, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("w"), "a", llms.WithTemperature(temperature))
			return "", errors.Join(err, class(resilience.Server))
		}
		return llms.GenerateFromSinglePrompt(ctx, workflow.Model("w"), "a", llms.WithTemperature(0.9))
	}))
	require.Error(t, r.run())
	require.NoError(t, r.run())
	require.Equal(t, 2, r.model.Calls(), "another temperature is another request")
	require.Contains(t, r.state().Warnings[0].Message, "options differ")
}

func TestLiveAndReplayedValuesAreTheSame(t *testing.T) {
	t.Parallel()
	begin := once()
	var seen []*llms.ContentResponse
	r := newRig(t, nil, workflow.NewTask("t", func(ctx context.Context) (string, error) {
		resp, err := workflow.Model("w").GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "a")})
		if err != nil {
			return "", err
		}
		seen = append(seen, resp)
		if begin() {
			return "", class(resilience.Server)
		}
		return resp.Choices[0].Content, nil
	}))
	r.cfg.Model = odd{}
	require.Error(t, r.run())
	r.cfg.Model = workflowtest.NewModel(t) // answers nothing
	require.NoError(t, r.run())
	require.Len(t, seen, 2)
	require.Equal(t, seen[0], seen[1])
	c := seen[1].Choices[0]
	require.Equal(t, "bad \uFFFD text <&>", c.Content)
	require.IsType(t, 0, c.GenerationInfo["PromptTokens"])
	require.Equal(t, 0.25, c.GenerationInfo["Float"])
	require.NotContains(t, c.GenerationInfo, "Channel")
	require.Equal(t, `{"x":1}`, c.ToolCalls[0].FunctionCall.Arguments)
	require.Equal(t, state.Usage{Input: 7, Output: 3, Cached: 2}, r.state().Usage.Usage)
}

// odd answers with everything that is hard to record.
type odd struct{ modelFunc }

func (odd) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{
		Content: "bad \xff text <&>", StopReason: "stop",
		ToolCalls:      []llms.ToolCall{{ID: "1", Type: "function", FunctionCall: &llms.FunctionCall{Name: "f", Arguments: `{"x":1}`}}},
		GenerationInfo: map[string]any{"PromptTokens": 7, "CompletionTokens": int64(3), "CacheReadInputTokens": int32(2), "Float": 0.25, "Channel": make(chan int), "List": []int{1}},
	}, {Content: "two"}}}, nil
}

func TestAnswerOfNothingFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, workflow.NewTask("t", func(ctx context.Context) (string, error) { return ask(ctx, "a") }))
	r.cfg.Model = hollow{}
	require.Error(t, r.run())
	require.Equal(t, "empty_response", r.state().Step("t").Class)
	require.Equal(t, 0, r.state().Usage.Calls)
	require.Equal(t, 1, r.state().Usage.FailedCalls)
}

type hollow struct{ modelFunc }

func (hollow) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{nil}}, nil
}

func TestStrictDecodingNamesStepAndRemedy(t *testing.T) {
	t.Parallel()
	type v1 struct{ A, B int }
	type v2 struct{ A int }
	old := workflow.NewTask("plan", func(context.Context) (v1, error) { return v1{1, 2}, nil })
	r := newRig(t, echo(t), old)
	require.NoError(t, r.run())
	grown := workflow.NewTask("plan", func(context.Context) (v2, error) { return v2{}, nil })
	attempts := 0
	p, err := workflow.New("p", grown, workflow.NewTask("next", func(ctx context.Context) (int, error) {
		attempts++
		v, err := grown.Result(ctx)
		return v.A, err
	}))
	require.NoError(t, err)
	r.p = p
	err = r.run()
	require.ErrorContains(t, err, "step plan")
	require.ErrorContains(t, err, `unknown field "B"`)
	require.ErrorContains(t, err, "start a new run")
	require.Equal(t, 1, attempts)
}

func TestResultsAreFreshCopies(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(context.Context) (map[string]int, error) { return map[string]int{"a": 1}, nil })
	r := newRig(t, echo(t), plan, workflow.NewTask("next", func(ctx context.Context) (int, error) {
		v, err := plan.Result(ctx)
		v["a"] = 2
		w, err2 := plan.Result(ctx)
		return w["a"], errors.Join(err, err2)
	}))
	require.NoError(t, r.run())
	require.Equal(t, `1`, string(events[state.StepCompleted](r)[1].Result))
}

// Calls that run side by side may be asked for in another order after a crash; that is no divergence.
func TestConcurrentCallsOfAnAttemptDoNotDiverge(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), changing([]string{"b"}, []string{"a", "b"}))
	require.Error(t, r.run(), "of two calls only b was answered before the crash")
	require.NoError(t, r.run(), "now a is asked first")
	require.Equal(t, "b | a", r.asked())
	require.Zero(t, r.warned("divergence"))
	require.Zero(t, r.state().Usage.Waste.Input)
}

func TestWarningOfAReplayedAttemptCountsOnce(t *testing.T) {
	t.Parallel()
	begin := once()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		text, err := ask(ctx, "a")
		workflow.Warn(ctx, "short", "too short")
		if begin() {
			return "", class(resilience.Server)
		}
		workflow.Warn(ctx, "short", "another one")
		return text, err
	}))
	require.Error(t, r.run())
	require.Equal(t, 1, r.warned("short"))
	require.NoError(t, r.run())
	require.Equal(t, 2, r.warned("short"))
}
