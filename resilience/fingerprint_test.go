package resilience

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
)

func human(parts ...llms.ContentPart) []llms.MessageContent {
	return []llms.MessageContent{{Role: llms.ChatMessageTypeHuman, Parts: parts}}
}

func fingerprint(t *testing.T, ctx context.Context, role string, msgs []llms.MessageContent, opts ...llms.CallOption) string {
	t.Helper()
	sum, short, err := Fingerprint(ctx, role, msgs, opts)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{32}$`, sum)
	require.Len(t, short, len(msgs))
	for _, s := range short {
		require.Regexp(t, `^[0-9a-f]{8}$`, s)
	}
	return sum
}

// TestFingerprintGolden: recorded runs depend on these. A change needs a new HashRecipe.
func TestFingerprintGolden(t *testing.T) {
	t.Parallel()
	msgs := append([]llms.MessageContent{llms.TextParts(llms.ChatMessageTypeSystem, "You write.")}, human(llms.TextPart("Tides."))...)
	sum, short, err := Fingerprint(t.Context(), "writer", msgs, []llms.CallOption{llms.WithTemperature(0.7), llms.WithMaxTokens(100)})
	require.NoError(t, err)
	require.Equal(t, 1, HashRecipe)
	require.Equal(t, "6f7a34acdfd94ff6234d2cfaab82c4de", sum)
	require.Equal(t, []string{"eda0b421", "e4c043c6"}, short)
}

// TestFingerprintDistinguishes: each of these requests differs from every other.
func TestFingerprintDistinguishes(t *testing.T) {
	t.Parallel()
	base := human(llms.TextPart("ab"))
	ctx := t.Context()
	tool := func(name string) llms.Tool {
		return llms.Tool{Type: "function", Function: &llms.FunctionDefinition{Name: name, Parameters: map[string]any{"b": 1, "a": 2}}}
	}
	sums := map[string]string{}
	add := func(name, sum string) {
		t.Helper()
		for other, s := range sums {
			require.NotEqual(t, s, sum, "%s = %s", name, other)
		}
		sums[name] = sum
	}
	add("base", fingerprint(t, ctx, "", base))
	add("role", fingerprint(t, ctx, "writer", base))
	add("no messages", fingerprint(t, ctx, "", nil))
	for name, msgs := range map[string][]llms.MessageContent{
		"speaker":        {llms.TextParts(llms.ChatMessageTypeAI, "ab")},
		"two parts":      human(llms.TextPart("a"), llms.TextPart("b")),
		"moved boundary": human(llms.TextPart("ab"), llms.TextPart("")),
		"two messages":   append(human(llms.TextPart("a")), human(llms.TextPart("b"))...),
		"bytes":          human(llms.TextPart("ab\xff")),
		"other bytes":    human(llms.TextPart("ab\xfe")),
		"no parts":       human(),
		"url":            human(llms.ImageURLPart("ab")),
		"detail":         human(llms.ImageURLWithDetailPart("ab", "low")),
		"binary":         human(llms.BinaryPart("image/png", []byte("ab"))),
		"mime":           human(llms.BinaryPart("image/gif", []byte("ab"))),
		"data":           human(llms.BinaryPart("image/png", []byte("abc"))),
		"call":           human(llms.ToolCall{ID: "1", FunctionCall: &llms.FunctionCall{Name: "f", Arguments: "{}"}}),
		"call's args":    human(llms.ToolCall{ID: "1", FunctionCall: &llms.FunctionCall{Name: "f", Arguments: "[]"}}),
		"empty call":     human(llms.ToolCall{ID: "1"}),
		"tool's answer":  human(llms.ToolCallResponse{ToolCallID: "1", Name: "f", Content: "{}"}),
	} {
		add(name, fingerprint(t, ctx, "", msgs))
	}
	for name, opt := range map[string]llms.CallOption{
		"model": llms.WithModel("m"), "n": llms.WithN(2), "candidates": llms.WithCandidateCount(2), "max tokens": llms.WithMaxTokens(2),
		"temperature": llms.WithTemperature(0.1), "top k": llms.WithTopK(2), "top p": llms.WithTopP(0.1), "seed": llms.WithSeed(2),
		"stop": llms.WithStopWords([]string{"ab"}), "stops": llms.WithStopWords([]string{"a", "b"}), "min": llms.WithMinLength(2), "max": llms.WithMaxLength(2),
		"repetition": llms.WithRepetitionPenalty(0.1), "frequency": llms.WithFrequencyPenalty(0.1), "presence": llms.WithPresencePenalty(0.1),
		"json": llms.WithJSONMode(), "mime type": llms.WithResponseMIMEType("application/json"),
		"tools": llms.WithTools([]llms.Tool{tool("f")}), "other tools": llms.WithTools([]llms.Tool{tool("g")}), "choice": llms.WithToolChoice("auto"),
		"functions": llms.WithFunctions([]llms.FunctionDefinition{{Name: "f"}}), "behavior": llms.WithFunctionCallBehavior(llms.FunctionCallBehaviorAuto),
		"metadata": llms.WithMetadata(map[string]any{"a": 1}), "metadata's key": llms.WithMetadata(map[string]any{"b": 1}), "metadata's value": llms.WithMetadata(map[string]any{"a": 2}),
	} {
		add("option "+name, fingerprint(t, ctx, "", base, opt))
	}
	add("schema", fingerprint(t, WithSchema(ctx, "s", json.RawMessage(`{}`)), "", base))
	add("schema's name", fingerprint(t, WithSchema(ctx, "t", json.RawMessage(`{}`)), "", base))
	add("schema's text", fingerprint(t, WithSchema(ctx, "s", json.RawMessage(`{"a":1}`)), "", base))
}

// TestFingerprintEqual: what does not shape the answer does not count.
func TestFingerprintEqual(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	base := human(llms.TextPart("ab"))
	want := fingerprint(t, ctx, "w", base)
	require.Equal(t, want, fingerprint(t, ctx, "w", base, nil, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })))
	require.Equal(t, want, fingerprint(t, ctx, "w", base, llms.WithTemperature(0), llms.WithMetadata(nil), llms.WithModel("")))
	require.Equal(t, want, fingerprint(t, ctx, "w", human(llms.WithCacheControl(llms.TextPart("ab"), nil))), "caching does not shape the answer")
	require.Equal(t, want, fingerprint(t, WithSchema(ctx, "x", nil), "w", base))

	many := map[string]any{}
	for _, k := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		many[k] = map[string]any{"z": k, "y": 1}
	}
	first := fingerprint(t, ctx, "w", base, llms.WithMetadata(many))
	for range 50 {
		require.Equal(t, first, fingerprint(t, ctx, "w", base, llms.WithMetadata(many)), "sorted")
	}
	a, b := llms.WithTopK(3), llms.WithSeed(4)
	require.Equal(t, fingerprint(t, ctx, "w", base, a, b), fingerprint(t, ctx, "w", base, b, a))
}

// TestFingerprintLeavesMetadata: an option that writes into the caller's map does so in a copy.
func TestFingerprintLeavesMetadata(t *testing.T) {
	t.Parallel()
	mine := map[string]any{"a": 1}
	fingerprint(t, t.Context(), "w", nil, llms.WithMetadata(mine), llms.WithPromptCaching(true))
	require.Equal(t, map[string]any{"a": 1}, mine)
}

func TestFingerprintErrors(t *testing.T) {
	t.Parallel()
	_, _, err := Fingerprint(t.Context(), "", nil, []llms.CallOption{llms.WithMetadata(map[string]any{"f": func() {}})})
	require.ErrorContains(t, err, `metadata "f"`)
	_, _, err = Fingerprint(t.Context(), "", nil, []llms.CallOption{llms.WithToolChoice(math.Inf(1))})
	require.Error(t, err)
	_, _, err = Fingerprint(t.Context(), "", human(&llms.TextContent{Text: "x"}), nil)
	require.ErrorContains(t, err, "message 0")
}
