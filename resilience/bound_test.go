package resilience_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// TestPromptBound: everything that is sent counts, and each byte of it at least as one token.
func TestPromptBound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	long := strings.Repeat("漢", 1000) // 3,000 bytes
	base := resilience.PromptBound(ctx, nil, nil)
	require.Positive(t, base)
	of := func(parts ...llms.ContentPart) int64 {
		return resilience.PromptBound(ctx, []llms.MessageContent{{Role: llms.ChatMessageTypeHuman, Parts: parts}}, nil) - base
	}
	for what, part := range map[string]llms.ContentPart{
		"text":      llms.TextContent{Text: long},
		"cached":    llms.CachedContent{ContentPart: llms.TextContent{Text: long}},
		"call":      llms.ToolCall{ID: "1", FunctionCall: &llms.FunctionCall{Name: "n", Arguments: long}},
		"answer":    llms.ToolCallResponse{ToolCallID: "1", Name: "n", Content: long},
		"binary":    llms.BinaryContent{MIMEType: "text/plain", Data: []byte(long)},
		"picture":   llms.ImageURLContent{URL: "https://example.org/a.png"},
		"two texts": nil,
	} {
		parts := []llms.ContentPart{part}
		if part == nil {
			parts = []llms.ContentPart{llms.TextContent{Text: long[:1500]}, llms.TextContent{Text: long[1500:]}}
		}
		require.GreaterOrEqual(t, of(parts...), int64(3000), what)
		require.Less(t, of(parts...), int64(60_000), what)
	}
	require.GreaterOrEqual(t, of(llms.BinaryContent{Data: make([]byte, 200_000)}), int64(200_000))
	require.Zero(t, of(llms.ToolCall{})-of(llms.TextContent{}))

	tool := llms.Tool{Type: "function", Function: &llms.FunctionDefinition{Name: "f", Description: long}}
	require.GreaterOrEqual(t, resilience.PromptBound(ctx, nil, []llms.CallOption{llms.WithTools([]llms.Tool{tool})})-base, int64(3000))
	require.GreaterOrEqual(t, resilience.PromptBound(resilience.WithSchema(ctx, "s", json.RawMessage(`"`+long+`"`)), nil, nil)-base, int64(3000))
}

func TestAnswerBound(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, 100, resilience.AnswerBound(llms.CallOptions{}, 100))
	require.EqualValues(t, 300, resilience.AnswerBound(llms.CallOptions{N: 3}, 100))
	require.EqualValues(t, 400, resilience.AnswerBound(llms.CallOptions{N: 3, CandidateCount: 4}, 100))
	require.Zero(t, resilience.AnswerBound(llms.CallOptions{N: 3}, -1))
}

// TestUsageOf: the names of each client; what Anthropic counts apart; what a total shows.
func TestUsageOf(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		info map[string]any
		want resilience.Usage
	}{
		"openai": {map[string]any{"PromptTokens": 10, "CompletionTokens": 5, "TotalTokens": 15, "PromptCachedTokens": 4, "ReasoningTokens": 2},
			resilience.Usage{Input: 10, Output: 5, Cached: 4, Reasoning: 2}},
		"anthropic": {map[string]any{"InputTokens": 10, "OutputTokens": 5, "CacheReadInputTokens": 100, "CacheCreationInputTokens": 20},
			resilience.Usage{Input: 130, Output: 5, Cached: 100, Written: 20}},
		"anthropic, all of it cached": {map[string]any{"InputTokens": 0, "OutputTokens": 5, "CacheReadInputTokens": 100}, resilience.Usage{Input: 100, Output: 5, Cached: 100}},
		"thought apart":               {map[string]any{"PromptTokens": 21, "CompletionTokens": 0, "ReasoningTokens": 60, "TotalTokens": 81}, resilience.Usage{Input: 21, Output: 60, Reasoning: 60}},
		"thought within":              {map[string]any{"PromptTokens": 21, "CompletionTokens": 70, "ReasoningTokens": 60, "TotalTokens": 91}, resilience.Usage{Input: 21, Output: 70, Reasoning: 60}},
		"a total of other things":     {map[string]any{"PromptTokens": 21, "CompletionTokens": 7, "TotalTokens": 900}, resilience.Usage{Input: 21, Output: 7}},
		"floats":                      {map[string]any{"PromptTokens": 2.0, "CompletionTokens": int32(3), "ReasoningTokens": int64(1)}, resilience.Usage{Input: 2, Output: 3, Reasoning: 1}},
		"nothing":                     {map[string]any{"x": 1}, resilience.Usage{}},
	} {
		resp := &llms.ContentResponse{Choices: []*llms.ContentChoice{nil, {}, {GenerationInfo: c.info}}}
		require.Equal(t, c.want, resilience.UsageOf(resp), what)
	}
	require.Zero(t, resilience.UsageOf(nil))
}
