package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// TestRequestsAreSentWhole: the parts of messages and the options that langchaingo's clients drop without a word.
func TestRequestsAreSentWhole(t *testing.T) {
	t.Parallel()
	call := func(id, args string) llms.ContentPart {
		return llms.ToolCall{ID: id, FunctionCall: &llms.FunctionCall{Name: "f", Arguments: args}}
	}
	result := func(id string) llms.ContentPart {
		return llms.ToolCallResponse{ToolCallID: id, Name: "f", Content: "r" + id}
	}
	cached := llms.CachedContent{ContentPart: llms.TextContent{Text: "human 1"}, CacheControl: &llms.CacheControl{Type: "ephemeral"}}
	messages := []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeSystem, "system 1", "system 2"),
		llms.TextParts(llms.ChatMessageTypeSystem, "system 3"),
		{Role: llms.ChatMessageTypeHuman, Parts: []llms.ContentPart{cached, llms.TextContent{Text: "human 2"}, llms.BinaryContent{MIMEType: "image/png", Data: []byte("png")}}},
		{Role: llms.ChatMessageTypeAI, Parts: []llms.ContentPart{llms.TextContent{Text: "model 1"}, call("a", `{"x":1}`), call("b", "")}},
		{Role: llms.ChatMessageTypeTool, Parts: []llms.ContentPart{result("a"), result("b")}},
		llms.TextParts(llms.ChatMessageTypeGeneric, "human 3"),
	}
	tools := llms.WithTools([]llms.Tool{{Type: "function", Function: &llms.FunctionDefinition{Name: "f", Parameters: map[string]any{"type": "object"}}}})
	body := func(name string, opts ...llms.CallOption) string {
		s := wiretest.New(t, wiretest.Named(name), func(c *wiretest.Call) {
			if name == "ollama" { // tools go to the compatible endpoint
				c.Protocol = wiretest.Named("openai")
			}
			wiretest.Good(c)
		})
		_, err := opened(t, name, Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), messages, opts...)
		require.NoError(t, err)
		raw, err := json.Marshal(s.Calls()[0].Body)
		require.NoError(t, err)
		return string(raw)
	}

	got := body("anthropic", tools, llms.WithToolChoice("required"), llms.WithTopK(5))
	require.JSONEq(t, `{"model":"m-1","max_tokens":16384,"top_k":5,"tool_choice":{"type":"any"},"system":"system 1\n\nsystem 2\n\nsystem 3",
		"tools":[{"name":"f","input_schema":{"type":"object"}}],
		"messages":[
		{"role":"user","content":[{"type":"text","text":"human 1","cache_control":{"type":"ephemeral"}},{"type":"text","text":"human 2"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"cG5n"}}]},
		{"role":"assistant","content":[{"type":"text","text":"model 1"},{"type":"tool_use","id":"a","name":"f","input":{"x":1}},{"type":"tool_use","id":"b","name":"f","input":{}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"ra"},{"type":"tool_result","tool_use_id":"b","content":"rb"},{"type":"text","text":"human 3"}]}]}`, got)

	want := `{"model":"m-1","messages":[
		{"role":"system","content":[{"type":"text","text":"system 1"},{"type":"text","text":"system 2"}]},{"role":"system","content":"system 3"},
		{"role":"user","content":[{"type":"text","text":"human 1"},{"type":"text","text":"human 2"},{"type":"image_url","image_url":{"url":"data:image/png;base64,cG5n"}}]},
		{"role":"assistant","content":"model 1","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},
		{"role":"tool","content":"ra","tool_call_id":"a"},{"role":"tool","content":"rb","tool_call_id":"b"},{"role":"user","content":"human 3"}],
		"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]%s}`
	functions := llms.WithFunctions([]llms.FunctionDefinition{{Name: "f", Parameters: map[string]any{"type": "object"}}})
	require.JSONEq(t, fmt.Sprintf(want, `,"top_p":0.5`), body("openai", functions, llms.WithTopP(0.5)))
	require.JSONEq(t, fmt.Sprintf(want, `,"top_k":5,"repetition_penalty":1.5,"n":2,"response_format":{"type":"json_object"},"temperature":0,"max_tokens":9`),
		body("together_ai", tools, llms.WithTopK(5), llms.WithRepetitionPenalty(1.5), llms.WithCandidateCount(2), llms.WithResponseMIMEType("application/json"), llms.WithTemperature(0), llms.WithMaxTokens(9)))
	require.JSONEq(t, fmt.Sprintf(want, ""), body("ollama", tools))
}

// TestWhatCanNotBeSentIsRefused: with a typed error, before anything is sent.
func TestWhatCanNotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	part := func(role llms.ChatMessageType, parts ...llms.ContentPart) []llms.MessageContent {
		return append(question(), llms.MessageContent{Role: role, Parts: parts})
	}
	call := llms.ToolCall{ID: "a", FunctionCall: &llms.FunctionCall{Name: "f", Arguments: "{}"}}
	result := llms.ToolCallResponse{ToolCallID: "a", Content: "r"}
	text, pdf := llms.TextContent{Text: "x"}, llms.BinaryContent{MIMEType: "application/pdf", Data: []byte("x")}
	stream := llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })
	all := []string{"openai", "anthropic", "ollama"}
	for name, c := range map[string]struct {
		to       []string
		messages []llms.MessageContent
		options  []llms.CallOption
	}{
		"top_k":              {[]string{"openai", "groq", "gemini", "mistral", "deepseek"}, question(), []llms.CallOption{llms.WithTopK(5)}},
		"repetition penalty": {[]string{"openai", "anthropic"}, question(), []llms.CallOption{llms.WithRepetitionPenalty(2)}},
		"seed":               {[]string{"anthropic"}, question(), []llms.CallOption{llms.WithSeed(2)}},
		"penalties":          {[]string{"anthropic"}, question(), []llms.CallOption{llms.WithFrequencyPenalty(2)}},
		"presence":           {[]string{"anthropic"}, question(), []llms.CallOption{llms.WithPresencePenalty(2)}},
		"JSON mode":          {[]string{"anthropic"}, question(), []llms.CallOption{llms.WithJSONMode()}},
		"n":                  {[]string{"anthropic", "ollama"}, question(), []llms.CallOption{llms.WithN(2)}},
		"n of a stream":      {[]string{"openai"}, question(), []llms.CallOption{llms.WithN(2), stream}},
		"lengths":            {all, question(), []llms.CallOption{llms.WithMinLength(2)}},
		"max length":         {all, question(), []llms.CallOption{llms.WithMaxLength(2)}},
		"MIME type":          {all, question(), []llms.CallOption{llms.WithResponseMIMEType("text/x.enum")}},
		"odd tool choice":    {[]string{"anthropic"}, question(), []llms.CallOption{llms.WithToolChoice(7)}},
		"a file":             {all, part(llms.ChatMessageTypeHuman, text, pdf), nil},
		"an address":         {[]string{"anthropic"}, part(llms.ChatMessageTypeHuman, llms.ImageURLContent{URL: "https://x/y.png"}), nil},
		"a human's call":     {all, part(llms.ChatMessageTypeHuman, call), nil},
		"a human's result":   {all, part(llms.ChatMessageTypeHuman, result), nil},
		"a tool's text":      {all, part(llms.ChatMessageTypeTool, text), nil},
		"a function's two":   {all, part(llms.ChatMessageTypeFunction, result, result), nil},
		"a nameless call":    {all, part(llms.ChatMessageTypeAI, llms.ToolCall{ID: "a", FunctionCall: &llms.FunctionCall{}}), nil},
		"odd arguments":      {[]string{"anthropic"}, part(llms.ChatMessageTypeAI, llms.ToolCall{ID: "a", FunctionCall: &llms.FunctionCall{Name: "f", Arguments: "[1"}}), nil},
	} {
		for _, to := range c.to {
			t.Run(to+" "+name, func(t *testing.T) {
				t.Parallel()
				s := wiretest.New(t, wiretest.Named(to), wiretest.Good)
				_, err := opened(t, to, Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), c.messages, c.options...)
				require.Equal(t, resilience.InvalidRequest, resilience.Classify(err), err)
				require.ErrorContains(t, err, "not sent")
				require.Empty(t, s.Calls())
			})
		}
	}
}

// TestForeignHostsGetWhatTheyMayKnow: a host of OpenAI's protocol that the catalogue does not know may know all of it.
func TestForeignHostsGetWhatTheyMayKnow(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Good)
	_, err := opened(t, "my-host", Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question(), llms.WithTopK(5), llms.WithMaxTokens(7))
	require.NoError(t, err)
	require.Equal(t, "5", string(s.Calls()[0].Body["top_k"]))
	require.Equal(t, "7", string(s.Calls()[0].Body["max_tokens"]))
}

// TestOptionsAreShared: langchaingo's options write into a map that the caller may use for other calls.
func TestOptionsAreShared(t *testing.T) {
	t.Parallel()
	shared := []llms.CallOption{
		llms.WithMetadata(map[string]any{"k": "v"}), anthropic.WithPromptCaching(), openai.WithMaxCompletionTokens(5), anthropic.WithExtendedOutput(), llms.WithThinkingMode(llms.ThinkingModeLow),
	}
	var wg sync.WaitGroup
	for _, name := range []string{"openai", "anthropic", "mistral", "ollama"} {
		s := wiretest.New(t, wiretest.Named(name), wiretest.Good)
		m := opened(t, name, Settings{BaseURL: s.Base()}).LLM
		for range 4 {
			wg.Go(func() {
				_, err := m.GenerateContent(context.Background(), question(), shared...)
				require.NoError(t, err)
			})
		}
	}
	wg.Wait()
}
