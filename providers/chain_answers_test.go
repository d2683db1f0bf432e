package providers_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func TestTruncatedAsksForMore(t *testing.T) {
	t.Parallel()
	a := script(finishes(good, "length"), finishes(good, "max_tokens"), says(good+" Whole."))
	j := newJournal()
	got, err := ask(j.ctx(context.Background()), chain(t, member("a", a)), llms.WithMaxTokens(1000))
	require.NoError(t, err)
	require.Equal(t, good+" Whole.", got)
	require.Equal(t, []int{1000, 2048, 4096}, []int{a.opts[0].MaxTokens, a.opts[1].MaxTokens, a.opts[2].MaxTokens})
	require.Equal(t, []string{"before a", "after a answered", "wasted a1", "before a", "after a answered", "wasted a2", "before a", "after a answered"}, j.log)
}

func TestTruncatedGivesUpInTheEnd(t *testing.T) {
	t.Parallel()
	a, b := script(finishes(good, "length")), script(says(good))
	_, err := ask(context.Background(), chain(t, member("a", a), member("b", b)))
	require.Equal(t, resilience.Truncated, resilience.Classify(err))
	require.Equal(t, 4, a.calls())
	require.Zero(t, b.calls(), "another provider would cut it too")

	got, err := ask(context.Background(), chainWith(t, providers.ChainConfig{AcceptTruncated: true}, member("a", a)))
	require.NoError(t, err)
	require.Equal(t, good, got)

	small := member("a", script(finishes(good, "length")))
	small.MaxOutput = 1500
	_, err = ask(context.Background(), chain(t, small), llms.WithMaxTokens(1000), llms.WithJSONMode())
	require.Error(t, err)
	require.Equal(t, 2, small.LLM.(*scripted).calls(), "JSON is not continued, and the limit can't be raised further")
	require.Equal(t, 1500, small.LLM.(*scripted).opts[1].MaxTokens)
}

func TestEmptyAnswers(t *testing.T) {
	t.Parallel()
	none := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return &llms.ContentResponse{}, nil
	}
	null := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return &llms.ContentResponse{Choices: []*llms.ContentChoice{nil}}, nil
	}
	nothing := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) { return nil, nil }
	for name, s := range map[string]step{"": says(""), "space": says(" \n"), "none": none, "null": null, "nil": nothing} {
		synctest.Test(t, func(t *testing.T) {
			j := newJournal()
			_, err := ask(j.ctx(t.Context()), chain(t, member("a", script(s)), member("b", script(says(good)))))
			require.NoError(t, err, name)
			require.Equal(t, []string{
				"before a", "after a empty_response retry", "wait", "before a", "after a empty_response switch", "cools a empty_response",
				"before b", "after b answered",
			}, j.log, name)
		})
	}
	synctest.Test(t, func(t *testing.T) { // with a little text it is recorded before it is judged
		j := newJournal()
		_, err := ask(j.ctx(t.Context()), chain(t, member("a", script(says("Ok."), says(good)))))
		require.NoError(t, err)
		require.Equal(t, []string{"before a", "after a answered", "wasted a1", "wait", "before a", "after a answered"}, j.log)
	})
	tool := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return &llms.ContentResponse{Choices: []*llms.ContentChoice{{ToolCalls: []llms.ToolCall{{ID: "1", FunctionCall: &llms.FunctionCall{Name: "f"}}}}}}, nil
	}
	_, err := ask(context.Background(), chain(t, member("a", script(tool))))
	require.NoError(t, err, "a tool call is an answer")
}

func TestFinishReasonsThatAreNoAnswer(t *testing.T) {
	t.Parallel()
	a, b := script(finishes(good, "content_filter")), script(says("b "+good))
	j := newJournal()
	got, err := ask(j.ctx(context.Background()), chain(t, member("a", a), member("b", b)))
	require.NoError(t, err)
	require.Equal(t, "b "+good, got)
	require.Contains(t, j.log, "wasted a1")
}
