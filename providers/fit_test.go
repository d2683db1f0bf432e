package providers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func TestMembersThatCantTakeARequestAreNotAsked(t *testing.T) {
	t.Parallel()
	tool := llms.WithTools([]llms.Tool{{Type: "function", Function: &llms.FunctionDefinition{Name: "f"}}})
	image := []llms.MessageContent{{Role: llms.ChatMessageTypeHuman, Parts: []llms.ContentPart{llms.TextPart("What is it?"), llms.BinaryPart("image/png", []byte("x"))}}}
	long := human(strings.Repeat("word ", 2000))
	for name, c := range map[string]struct {
		lacks    func(*providers.Provider)
		messages []llms.MessageContent
		option   llms.CallOption
	}{
		"tools":       {func(p *providers.Provider) { p.Without = []providers.Feature{providers.FeatureTools} }, human("x"), tool},
		"images":      {func(p *providers.Provider) { p.Without = []providers.Feature{providers.FeatureImages} }, image, nil},
		"streaming":   {func(p *providers.Provider) { p.Without = []providers.Feature{providers.FeatureStreaming} }, human("x"), streaming(new(strings.Builder))},
		"JSON mode":   {func(p *providers.Provider) { p.JSON = providers.JSONNone }, human("x"), llms.WithJSONMode()},
		"the window":  {func(p *providers.Provider) { p.Context = 2000 }, long, nil},
		"with answer": {func(p *providers.Provider) { p.Context = 3000 }, long, llms.WithMaxTokens(1000)},
	} {
		a, b := member("a", script(says(good))), member("b", script(says("b "+good)))
		c.lacks(&a)
		resp, err := chain(t, a, b).GenerateContent(context.Background(), c.messages, c.option)
		require.NoError(t, err, name)
		require.Equal(t, "b "+good, resp.Choices[0].Content, name)
		require.Zero(t, a.LLM.(*scripted).calls(), name)

		_, err = chain(t, a).GenerateContent(context.Background(), human("x"))
		require.NoError(t, err, "what does not need it goes to it")
	}
}

func TestARequestThatNobodyCanTakeSaysWhy(t *testing.T) {
	t.Parallel()
	a := member("a", script(says(good)))
	a.Without = []providers.Feature{providers.FeatureImages, providers.FeatureStreaming}
	_, err := chain(t, a).GenerateContent(context.Background(), []llms.MessageContent{{Parts: []llms.ContentPart{llms.ImageURLPart("http://x/y.png")}}})
	require.ErrorContains(t, err, "needs images")
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
	require.Zero(t, a.LLM.(*scripted).calls())
}

// TestAnEstimateIsNoProof: where every window seems too small, the largest is asked all the same.
func TestAnEstimateIsNoProof(t *testing.T) {
	t.Parallel()
	a, b, c := member("a", script(says(good))), member("b", script(says("b "+good))), member("c", script(says("c "+good)))
	a.Context, b.Context, c.Context = 1000, 2000, 1500
	resp, err := chain(t, a, b, c).GenerateContent(context.Background(), human(strings.Repeat("word ", 2000)))
	require.NoError(t, err)
	require.Equal(t, "b "+good, resp.Choices[0].Content)
}

func TestAStreamThatBreaksOffHandsOutWhatArrived(t *testing.T) {
	t.Parallel()
	breaks := func(ctx context.Context, o llms.CallOptions) (*llms.ContentResponse, error) {
		_ = o.StreamingFunc(ctx, []byte(good))
		return nil, &resilience.Error{Class: resilience.Server}
	}
	b := script(says("b " + good))
	var seen strings.Builder
	_, err := ask(context.Background(), chain(t, member("a", script(breaks)), member("b", b)), streaming(&seen))
	var partial *providers.PartialError
	require.ErrorAs(t, err, &partial)
	require.Equal(t, good, partial.Text)
	require.Equal(t, good, seen.String())
	require.Equal(t, resilience.Server, resilience.Classify(err))
	require.NotContains(t, err.Error(), "tide", "texts stay out of errors")
	var all *providers.ChainError
	require.ErrorAs(t, err, &all)
	require.Zero(t, b.calls(), "no second answer behind the first half")
}
