package price_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/price"
	"github.com/dogear-go/dogear/resilience"
)

var today = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

func TestCost(t *testing.T) {
	t.Parallel()
	p := price.Price{Input: 1_000_000, Output: 3_000_000, Cached: 100_000, Written: 2_000_000, Long: &price.Long{Above: 1000, Input: 10_000_000, Output: 30_000_000, Cached: 1_000_000}}
	flat := price.Price{Input: 1_000_000, Output: 3_000_000}
	for what, c := range map[string]struct {
		price price.Price
		use   resilience.Usage
		want  int64
	}{
		"nothing":                       {p, resilience.Usage{}, 0},
		"in and out":                    {p, resilience.Usage{Input: 10, Output: 5}, 25},
		"reasoning is in the output":    {p, resilience.Usage{Input: 10, Output: 5, Reasoning: 4}, 25},
		"cached":                        {p, resilience.Usage{Input: 100, Cached: 90}, 19},
		"cached, rounded up":            {p, resilience.Usage{Input: 1, Cached: 1}, 1},
		"written":                       {p, resilience.Usage{Input: 100, Cached: 10, Written: 20}, 70 + 1 + 40},
		"written, without a price":      {flat, resilience.Usage{Input: 100, Written: 20}, 100},
		"cached, without a price":       {flat, resilience.Usage{Input: 100, Cached: 20}, 80},
		"more cached than there is":     {p, resilience.Usage{Input: 10, Cached: 1000, Written: 50}, 1},
		"long enough":                   {p, resilience.Usage{Input: 1000, Output: 1}, 1003},
		"too long":                      {p, resilience.Usage{Input: 1001, Output: 1}, 10_040},
		"too long, cached":              {p, resilience.Usage{Input: 1001, Cached: 1000}, 1010},
		"too long, written, no price":   {p, resilience.Usage{Input: 1001, Written: 1001}, 10_010},
		"a million tokens is the price": {p, resilience.Usage{Output: 1_000_000}, 3_000_000},
	} {
		require.Equal(t, c.want, c.price.Cost(c.use), what)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	dollars := func(provider, model string, at time.Time) []int64 {
		p, ok := price.Of(provider, model, at)
		if !ok {
			return nil
		}
		return []int64{p.Input, p.Cached, p.Output, p.Written}
	}
	require.Equal(t, []int64{150_000, 75_000, 600_000, 0}, dollars("groq", "openai/gpt-oss-120b", today))
	require.Equal(t, []int64{2_000_000, 100_000, 10_000_000, 2_500_000}, dollars("anthropic", "claude-sonnet-5-5", today))
	require.Equal(t, dollars("openai", "gpt-4o-mini", today), dollars("openai", "gpt-4o-mini-2024-07-18", today))
	require.Equal(t, dollars("anthropic", "claude-haiku-4-5", today), dollars("anthropic", "claude-haiku-4-5-20251001", today))
	require.Equal(t, []int64{0, 0, 0, 0}, dollars("openrouter", "openrouter/free", today))
	for _, unknown := range [][2]string{{"groq", "gpt-oss"}, {"openai", "gpt-4o-mini-latest"}, {"openai", "-2024-07-18"}, {"nobody", "gpt-4o-mini"}, {"openrouter", "openrouter/auto"}, {"", ""}} {
		require.Nil(t, dollars(unknown[0], unknown[1], today), unknown)
	}
	flash, later := dollars("gemini", "gemini-flash-latest", today), dollars("gemini", "gemini-flash-latest", today.AddDate(0, 2, 0))
	require.Equal(t, []int64{2 * flash[0], 2 * flash[1], 2 * flash[2], 0}, later)

	luna, _ := price.Of("openai", "gpt-6-luna", today)
	require.Equal(t, &price.Long{Above: 272_000, Input: 200_000, Cached: 20_000, Written: 250_000, Output: 750_000}, luna.Long)
	haiku, _ := price.Of("anthropic", "claude-haiku-5-5", today)
	require.Equal(t, &price.Long{Above: 100_000, Input: 500_000, Cached: 50_000, Written: 625_000, Output: 2_500_000}, haiku.Long)
}

// TestTable: every row makes sense, and is of a provider that there is.
func TestTable(t *testing.T) {
	t.Parallel()
	reviewed, err := time.Parse(time.DateOnly, price.Reviewed)
	require.NoError(t, err)
	require.False(t, reviewed.IsZero())
	n := 0
	for _, provider := range providers.Names() {
		seen := map[string]bool{}
		for _, model := range price.Models(provider) {
			require.False(t, seen[model], "%s %s twice", provider, model)
			seen[model] = true
			n++
			for _, at := range []time.Time{today, today.AddDate(20, 0, 0)} {
				p, ok := price.Of(provider, model, at)
				require.True(t, ok)
				require.LessOrEqual(t, p.Cached, p.Input, model)
				require.LessOrEqual(t, p.Input, p.Output, model)
				require.LessOrEqual(t, p.Output, int64(200_000_000), model)
				if p.Written != 0 {
					require.LessOrEqual(t, p.Input, p.Written, model)
				}
				if l := p.Long; l != nil {
					require.Positive(t, l.Above, model)
					require.Less(t, p.Input, l.Input, model)
					require.LessOrEqual(t, l.Cached, l.Input, model)
					require.Less(t, p.Output, l.Output, model)
				}
			}
		}
	}
	require.Greater(t, n, 40)
}
