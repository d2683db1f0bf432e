package providers

import (
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// fillUsage puts counts from the wire where the client left zeros, under the names of the OpenAI client.
func fillUsage(resp *llms.ContentResponse, u resilience.Usage) {
	if u == (resilience.Usage{}) || len(resp.Choices) == 0 || resp.Choices[0] == nil {
		return
	}
	have := resilience.UsageOf(resp)
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
		"PromptCachedTokens": u.Cached, "PromptCacheWrittenTokens": u.Written, "ReasoningTokens": u.Reasoning,
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
