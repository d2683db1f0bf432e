package providers

import (
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// usageOf reads the token counts that langchaingo's clients put into GenerationInfo, each under its own names. Anthropic
// repeats them in every choice, so the first choice that has any counts.
func usageOf(resp *llms.ContentResponse) (u resilience.Usage) {
	if resp == nil {
		return u
	}
	for _, c := range resp.Choices {
		if c == nil || len(c.GenerationInfo) == 0 {
			continue
		}
		n := func(names ...string) int64 {
			for _, name := range names {
				if v := integer(c.GenerationInfo[name]); v > 0 {
					return v
				}
			}
			return 0
		}
		u.Cached = n("PromptCachedTokens", "CacheReadInputTokens", "CachedTokens")
		u.Input = n("PromptTokens", "input_tokens")
		if u.Input == 0 {
			u.Input = n("InputTokens")
			if u.Input > 0 {
				u.Input += n("CacheReadInputTokens") + n("CacheCreationInputTokens")
			}
		}
		u.Output = n("CompletionTokens", "OutputTokens", "output_tokens")
		u.Reasoning = n("ReasoningTokens", "CompletionReasoningTokens", "ThinkingTokens")
		if u != (resilience.Usage{}) {
			return u
		}
	}
	return u
}

func integer(v any) int64 {
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

// fillUsage puts counts from the wire where the client left zeros, under the names of the OpenAI client.
func fillUsage(resp *llms.ContentResponse, u resilience.Usage) {
	if u == (resilience.Usage{}) || len(resp.Choices) == 0 || resp.Choices[0] == nil {
		return
	}
	have := usageOf(resp)
	u = wire.MaxUsage(have, u)
	if u == have {
		return
	}
	setUsage(resp.Choices[0], u)
}

// setUsage puts counts into an answer, under the names of the OpenAI client.
func setUsage(c *llms.ContentChoice, u resilience.Usage) {
	if c.GenerationInfo == nil {
		c.GenerationInfo = map[string]any{}
	}
	for name, n := range map[string]int64{
		"PromptTokens": u.Input, "CompletionTokens": u.Output, "TotalTokens": u.Input + u.Output,
		"PromptCachedTokens": u.Cached, "ReasoningTokens": u.Reasoning,
	} {
		c.GenerationInfo[name] = int(n)
	}
}

// fillFinish puts the reason from the wire where the client left none, as Ollama's does.
func fillFinish(resp *llms.ContentResponse, reason string) {
	if reason != "" && finishOf(resp) == "" && len(resp.Choices) > 0 {
		resp.Choices[0].StopReason = reason
	}
}

func textOf(p llms.ContentPart) string {
	switch p := p.(type) {
	case llms.TextContent:
		return p.Text
	case llms.ToolCallResponse:
		return p.Content
	case llms.ToolCall:
		if p.FunctionCall != nil {
			return p.FunctionCall.Arguments
		}
	case llms.CachedContent:
		return textOf(p.ContentPart)
	}
	return ""
}

// answerText is the text of an answer: the first choice that has any. Anthropic's client makes a choice of each block.
func answerText(resp *llms.ContentResponse) string {
	if resp == nil {
		return ""
	}
	for _, c := range resp.Choices {
		if c != nil && strings.TrimSpace(c.Content) != "" {
			return c.Content
		}
	}
	return ""
}

func finishOf(resp *llms.ContentResponse) string {
	if resp == nil {
		return ""
	}
	for _, c := range resp.Choices {
		if c != nil && c.StopReason != "" && c.StopReason != "<nil>" {
			return c.StopReason
		}
	}
	return ""
}

func callsTools(resp *llms.ContentResponse) bool {
	if resp == nil {
		return false
	}
	for _, c := range resp.Choices {
		if c != nil && (len(c.ToolCalls) > 0 || c.FuncCall != nil) {
			return true
		}
	}
	return false
}
