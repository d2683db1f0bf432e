package resilience

import "github.com/tmc/langchaingo/llms"

// UsageOf reads the token counts that langchaingo's clients put into GenerationInfo, each under names of its own. Anthropic's
// repeats them in every choice, so the first choice that has any counts. All zero: the provider did not say.
func UsageOf(resp *llms.ContentResponse) Usage {
	if resp == nil {
		return Usage{}
	}
	for _, c := range resp.Choices {
		if c == nil || len(c.GenerationInfo) == 0 {
			continue
		}
		if u := usageIn(c.GenerationInfo); u != (Usage{}) {
			return u
		}
	}
	return Usage{}
}

func usageIn(info map[string]any) (u Usage) {
	n := func(names ...string) int64 {
		for _, name := range names {
			if v := tokenCount(info[name]); v > 0 {
				return v
			}
		}
		return 0
	}
	u.Cached = n("PromptCachedTokens", "CacheReadInputTokens", "CachedTokens")
	u.Input = n("PromptTokens", "input_tokens")
	if u.Input == 0 { // Anthropic counts apart what is read from its cache, and what is written there
		u.Input = n("InputTokens") + n("CacheReadInputTokens") + n("CacheCreationInputTokens")
	}
	u.Written = n("PromptCacheWrittenTokens", "CacheCreationInputTokens")
	u.Output = n("CompletionTokens", "OutputTokens", "output_tokens")
	u.Reasoning = n("ReasoningTokens", "CompletionReasoningTokens", "ThinkingTokens")
	return u.Whole(n("TotalTokens"))
}

// Whole returns the usage with the output that the total shows. Some servers of OpenAI's protocol leave what a model thought
// out of the answer's tokens, which it is billed with, and only count it in the total of prompt and answer (Gemini's did, as
// gateways in front of it: github.com/router-for-me/CLIProxyAPI/issues/5733, September 2026). A total of zero is not known.
func (u Usage) Whole(total int64) Usage {
	if u.Input > 0 && u.Reasoning > 0 {
		u.Output = max(u.Output, min(total-u.Input, u.Output+u.Reasoning))
	}
	return u
}

func tokenCount(v any) int64 {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}
