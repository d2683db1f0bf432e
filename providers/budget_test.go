package providers_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// errAsked ends a call before it leaves.
var errAsked = errors.New("asked")

// mostOf is the most that the first request of a call can use.
func mostOf(t *testing.T, m llms.Model, options ...llms.CallOption) resilience.Usage {
	t.Helper()
	var most resilience.Usage
	ctx := resilience.WithHooks(t.Context(), resilience.Hooks{Before: func(_ context.Context, t resilience.Try) error {
		most = t.Most
		return errAsked
	}})
	_, err := llms.GenerateFromSinglePrompt(ctx, m, "A scene.", options...)
	require.ErrorIs(t, err, errAsked)
	return most
}

// TestMostOfATry: the limit that is asked for, else the client's own, else the model's longest answer, of each of the answers.
func TestMostOfATry(t *testing.T) {
	t.Parallel()
	opened := func(name, model string) providers.Provider {
		p, err := providers.Open(name, providers.Settings{Key: "k", Model: model, BaseURL: "http://127.0.0.1:1/v1"})
		require.NoError(t, err)
		return p
	}
	long := member("a", script(says(good)))
	long.MaxOutput = 1000
	for what, c := range map[string]struct {
		member  providers.Provider
		options []llms.CallOption
		want    int64
	}{
		"nothing known":               {member("a", script(says(good))), nil, 0},
		"asked for":                   {member("a", script(says(good))), []llms.CallOption{llms.WithMaxTokens(50)}, 50},
		"the model's":                 {long, nil, 1000},
		"asked for less":              {long, []llms.CallOption{llms.WithMaxTokens(50)}, 50},
		"asked for more":              {long, []llms.CallOption{llms.WithMaxTokens(5000)}, 1000},
		"several answers":             {long, []llms.CallOption{llms.WithMaxTokens(50), llms.WithN(3)}, 150},
		"anthropic's client limits":   {opened("anthropic", "claude-sonnet-5-5"), nil, 16_384},
		"anthropic's, asked for more": {opened("anthropic", "claude-sonnet-5-5"), []llms.CallOption{llms.WithMaxTokens(20_000)}, 20_000},
		"the catalogue's":             {opened("openai", "gpt-4o-mini"), nil, 16_384},
		"not in the catalogue":        {opened("openai", "gpt-unheard-of"), nil, 0},
	} {
		most := mostOf(t, chain(t, c.member), c.options...)
		require.Equal(t, c.want, most.Output, what)
		require.GreaterOrEqual(t, most.Input, int64(len("A scene.")), what)
	}
}

// TestBudgetOfAChain: each member reserves at its own price; a fallback that is cheaper fits where the first one would not
// any more, and what the first one may have billed before it failed counts.
func TestBudgetOfAChain(t *testing.T) {
	t.Parallel()
	priced := func(name string, dollars int64, m *scripted) providers.Provider {
		p := member(name, m)
		p.MaxOutput, p.Price = 100, &providers.Price{Output: dollars * 1_000_000}
		return p
	}
	const tokens = 10 // of good
	for what, c := range map[string]struct {
		first step
		limit int64
		cost  int64
		calls []int
	}{
		"the first answers":           {says(good), 1000, 10 * tokens, []int{1, 0}},
		"it refuses":                  {fails(resilience.Auth, 0), 1000, tokens, []int{1, 1}},
		"it is cut off":               {fails(resilience.ContentPolicy, 0), 1100, 1000 + tokens, []int{1, 1}},
		"it is cut off, nothing left": {fails(resilience.ContentPolicy, 0), 1099, 1000, []int{1, 0}},
		"it does not even fit":        {says(good), 999, 0, []int{0, 0}},
	} {
		dear, cheap := script(c.first), script(says(good))
		models := providers.Models{Default: chain(t, priced("dear", 10, dear), priced("cheap", 1, cheap))}
		cost := models.Cost()
		store := memstore.New()
		p, err := workflow.New("p", workflow.NewTask("task", func(ctx context.Context) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, "A scene.")
		}))
		require.NoError(t, err)
		_, err = p.Run(t.Context(), "r", workflow.Config{
			Store: store, Model: models.Default, Budget: workflow.Budget{Run: c.limit},
			Price: func(provider, model string, u state.Usage) (int64, bool) {
				return cost(provider, model, resilience.Usage{Input: u.Input, Output: u.Output})
			},
		})
		require.Equal(t, c.calls, []int{dear.calls(), cheap.calls()}, what)
		st, loadErr := state.Load(t.Context(), store, "r")
		require.NoError(t, loadErr)
		require.Equal(t, c.cost, st.Usage.Cost, what)
		require.LessOrEqual(t, st.Usage.Cost, c.limit, what)
		if c.calls[0]+c.calls[1] > 0 && st.Usage.Calls == 1 {
			require.NoError(t, err, what)
			continue
		}
		var why *workflow.BudgetError
		require.ErrorAs(t, err, &why, what)
		require.Equal(t, state.StatusPaused, st.Status)
	}
}
