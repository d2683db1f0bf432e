package price

import (
	"math"
	"time"
)

// Reviewed is when the table was last compared with its sources.
const Reviewed = "2026-11-27"

// table is the list prices, in dollars for a million tokens, without discounts for batches, without surcharges for a region or
// for speed. The figures are those of the providers' documentation and of the public list models.dev, in copies read on
// 2026-11-26; where a copy was older, the line says so. Where a price depends on the time of day, it is the dearer one.
func table() []row {
	var all []row
	for _, of := range []func() list{groq, anthropic, gemini, openrouter, openai, deepseek, together, mistral} {
		all = append(all, of().rows...)
	}
	return all
}

// usd is a price in dollars for a million tokens.
func usd(input, cached, output float64) Price {
	return Price{Input: micro(input), Cached: micro(cached), Output: micro(output)}
}

func micro(dollars float64) int64 { return int64(math.Round(dollars * 1e6)) }

// writing adds what it costs to be written into the provider's cache, in parts of the input's price.
func (p Price) writing(times float64) Price {
	p.Written = int64(math.Round(float64(p.Input) * times))
	return p
}

// long adds what a request costs whose prompt is longer: input and caches, and output, so many times as much.
func (p Price) long(above int64, input, output float64) Price {
	times := func(price int64, by float64) int64 { return int64(math.Round(float64(price) * by)) }
	p.Long = &Long{
		Above: above, Input: times(p.Input, input), Cached: times(p.Cached, input), Written: times(p.Written, input), Output: times(p.Output, output),
	}
	return p
}

func groq() list { // console.groq.com; the qwen model is a preview
	l := list{provider: "groq"}
	l.add("openai/gpt-oss-120b", usd(0.15, 0.075, 0.60))
	l.add("openai/gpt-oss-20b", usd(0.075, 0.0375, 0.30))
	l.add("qwen/qwen3.8-27b", usd(0.80, 0.40, 4.00))
	return l
}

// Writing into the cache, for five minutes, costs 1.25 times the input (platform.claude.com/docs/en/about-claude/pricing); what
// is kept for an hour costs twice the input, which is not told apart here. A long prompt costs Haiku 5.5 five times as much
// (platform.claude.com/docs/en/models/haiku-5-5/overview, released on 2026-10-07).
func anthropic() list { // platform.claude.com
	l := list{provider: "anthropic"}
	l.add("claude-sonnet-5-5", usd(2, 0.10, 10).writing(1.25))
	l.add("claude-sonnet-5", usd(2, 0.20, 10).writing(1.25))
	l.add("claude-sonnet-4-6", usd(3, 0.30, 15).writing(1.25))
	l.add("claude-haiku-5-5", usd(0.10, 0.01, 0.50).writing(1.25).long(100_000, 5, 5))
	l.add("claude-haiku-4-5", usd(1, 0.10, 5).writing(1.25))
	l.add("claude-opus-5-5", usd(4, 0.20, 20).writing(1.25))
	l.add("claude-fable-5-2", usd(8, 0.20, 40).writing(1.25))
	return l
}

func gemini() list { // ai.google.dev
	l := list{provider: "gemini"}
	flash := "gemini-flash-latest gemini-3.8-flash" // the first is an alias of the second in November 2026
	l.add(flash, usd(0.75, 0.075, 3.75))
	l.addFrom(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), flash, usd(1.50, 0.15, 7.50))
	l.add("gemini-3.6-flash", usd(0.75, 0.075, 3.75))
	l.add("gemini-3.5-flash-lite", usd(0.30, 0.03, 2.50))
	l.add("gemini-3.1-flash-lite", usd(0.25, 0.025, 1.50))
	l.add("gemini-4-argon", usd(2, 0.10, 10))
	return l
}

func openrouter() list { // openrouter.ai; a model's price is that of the cheapest host, openrouter/auto is billed as what it chooses
	l := list{provider: "openrouter"}
	l.add("openai/gpt-oss-120b", usd(0.15, 0.075, 0.60))
	l.add("openai/gpt-6-luna", usd(0.10, 0.01, 0.50))
	l.add("anthropic/claude-sonnet-5.5", usd(2, 0.10, 10))
	l.add("mistralai/mistral-small-2603", usd(0.15, 0.015, 0.60))
	l.add("openrouter/free", Price{})
	return l
}

// From the 5.6 family on, writing into the cache costs 1.25 times the input, and happens by itself
// (developers.openai.com/api/docs/guides/prompt-caching). A prompt of more than 272,000 tokens doubles the price of the input
// and of the caches and makes that of the output half as much again, for all of the request (the models' own pages below
// developers.openai.com/api/docs/models, read on 2026-11-27).
func openai() list {
	l := list{provider: "openai"}
	long := func(p Price) Price { return p.writing(1.25).long(272_000, 2, 1.5) }
	l.add("gpt-6-luna", long(usd(0.10, 0.01, 0.50)))
	l.add("gpt-6.1-terra", long(usd(1, 0.05, 5)))
	l.add("gpt-6.1-sol gpt-6.2-sol", long(usd(2, 0.10, 10)))
	l.add("gpt-5.6-luna", long(usd(0.20, 0.02, 1.20)))
	l.add("gpt-4o-mini", usd(0.15, 0.075, 0.60)) // ends on 2027-01-14
	l.add("gpt-4.1-mini", usd(0.40, 0.10, 1.60)) // ends on 2027-01-14
	return l
}

func deepseek() list { // api-docs.deepseek.com, of 2026-11-15; at the peak hours, 01 to 04 and 06 to 10 UTC on weekdays, else half
	l := list{provider: "deepseek"}
	l.add("deepseek-flash", usd(0.30, 0.006, 1.20))
	l.add("deepseek-v4-pro", usd(1.32, 0.044, 3.96))
	return l
}

func together() list { // docs.together.ai
	l := list{provider: "together_ai"}
	l.add("openai/gpt-oss-120b", usd(0.15, 0.15, 0.60)) // no price for cached input
	l.add("zai-org/GLM-5.3-Flash", usd(0.15, 0.03, 0.50))
	l.add("deepseek-ai/DeepSeek-V4.1-Flash", usd(0.30, 0.006, 1.20))
	l.add("MiniMaxAI/MiniMax-M3", usd(0.30, 0.06, 1.20))
	l.add("moonshotai/Kimi-K3.1-Pro", usd(2, 0.20, 10))
	return l
}

func mistral() list { // docs.mistral.ai, of 2026-09-29; the names with latest are aliases
	l := list{provider: "mistral"}
	l.add("mistral-small-latest mistral-small-2603", usd(0.15, 0.015, 0.60))
	l.add("mistral-medium-latest", usd(1.50, 0.15, 7.50))
	l.add("mistral-large-latest mistral-large-2512", usd(0.50, 0.05, 1.50))
	l.add("mistral-large-4", usd(0.68, 0.07, 2.09)) // a preview at half the list price
	l.add("ministral-8b-latest", usd(0.15, 0.015, 0.15))
	return l
}
