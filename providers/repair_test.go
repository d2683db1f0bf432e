package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/ollama"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/providers/internal/wiretest"
	"github.com/dogear-go/dogear/resilience"
)

// say asks a provider whose server answers so, in a stream.
func say(t *testing.T, name string, parts ...string) (*llms.ContentResponse, string, error) {
	t.Helper()
	s := wiretest.New(t, wiretest.Named(name), wiretest.Stream(parts...))
	var got strings.Builder
	resp, err := opened(t, name, Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question(),
		llms.WithStreamingFunc(func(_ context.Context, p []byte) error { got.Write(p); return nil }))
	return resp, got.String(), err
}

func lines(events ...string) string { return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n" }

// quoted is a text as JSON.
func quoted(text string) string {
	raw, _ := json.Marshal(text) // a text always can
	return string(raw)
}

func chatDeltas(deltas ...string) string {
	var b strings.Builder
	for _, d := range deltas {
		b.WriteString(lines(`{"choices":[{"index":0,"delta":` + d + `,"finish_reason":null}]}`))
	}
	return b.String()
}

const (
	chatStop  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	chatTools = `{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`
)

// TestChatStreamsAreMended: what langchaingo's client would mix up, skip or die of.
func TestChatStreamsAreMended(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("the tide, in <b>quotes</b> & äöü ", 4000)
	type call = [3]string // id, name, arguments
	for _, c := range []struct {
		name   string
		stream string
		text   string
		finish string
		calls  []call
		class  resilience.Class
	}{
		{"no space after data", "data:" + `{"choices":[{"delta":{"content":"abc"}}]}` + "\n\ndata:" + chatStop + "\n\ndata:[DONE]\n\n", "abc", "stop", nil, ""},
		{"CRLF, comments, other fields", "\xef\xbb\xbf: hi\r\nid: 1\r\nretry: 5\r\nevent: x\r\n" + strings.ReplaceAll(chatDeltas(`{"content":"abc"}`)+lines(chatStop, "[DONE]"), "\n", "\r\n"), "abc", "stop", nil, ""},
		{"no blank lines", strings.ReplaceAll(chatDeltas(`{"content":"ab"}`, `{"content":"c"}`)+lines(chatStop, "[DONE]"), "\n\n", "\n"), "abc", "stop", nil, ""},
		{"an event in two lines", "data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"abc\"}}]}\n\n" + lines(chatStop, "[DONE]"), "abc", "stop", nil, ""},
		{"a comment longer than a client reads", ": " + long + long + "\n" + chatDeltas(`{"content":"abc"}`) + lines(chatStop, "[DONE]"), "abc", "stop", nil, ""},
		{"a line longer than a client reads", chatDeltas(`{"content":`+quoted(long)+`}`) + lines(chatStop, "[DONE]"), long, "stop", nil, ""},
		{"a second answer", chatDeltas(`{"content":"a"}`) + lines(`{"choices":[{"index":1,"delta":{"content":"X"}}]}`, `{"choices":[{"index":1,"delta":{"content":"Y"}},{"index":0,"delta":{"content":"b"}}]}`, chatStop, `{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}`, "[DONE]"), "ab", "stop", nil, ""},
		{"a finish reason, and null after it", chatDeltas(`{"content":"abc"}`) + lines(strings.Replace(chatStop, "stop", "length", 1), `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, "[DONE]"), "abc", "length", nil, ""},
		{"content in parts", chatDeltas(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}`, `{"content":[{"type":"text","text":"ab"}]}`, `{"content":"c"}`) + lines(chatStop, "[DONE]"), "abc", "stop", nil, ""},
		{"numbers as texts", lines(`{"created":"now","choices":[{"index":"0","delta":{"content":"abc"}}]}`, chatStop, "[DONE]"), "abc", "stop", nil, ""},
		{"words between events", lines("OK", `{"choices":[{"delta":{"content":"abc"}}]}`, "null", chatStop, "[DONE]"), "abc", "stop", nil, ""},
		{"broken JSON", chatDeltas(`{"content":"a"}`) + "data: {\"choices\":[{\"delta\":{\"content\":\"b\n\n" + lines(chatStop, "[DONE]"), "a", "", nil, resilience.InvalidResponse},
		{"content is a number", lines(`{"choices":[{"delta":{"content":5}}]}`, chatStop, "[DONE]"), "", "", nil, resilience.InvalidResponse},
		{"an error without data", chatDeltas(`{"content":"a"}`) + `{"error":{"message":"busy","code":503}}` + "\n\n", "a", "", nil, resilience.Overloaded},
		{"a page in the stream", chatDeltas(`{"content":"a"}`) + "<html>502</html>\n\n", "a", "", nil, resilience.Server},
		{
			"parallel tool calls", chatDeltas(
				`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}`,
				`{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}`,
				`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}`, `{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":2}"}},{"index":0,"function":{"arguments":"1}"}}]}`,
			) + lines(chatTools, "[DONE]"), "", "tool_calls", []call{{"a", "f", `{"x":1}`}, {"b", "g", `{"y":2}`}}, "",
		},
		{"tool calls that all have the index 0", chatDeltas(
			`{"content":"Well: ","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`, `{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]}`,
		) + lines(chatTools, "[DONE]"), "Well: ", "tool_calls", []call{{"a", "f", "{}"}, {"b", "f", "{}"}}, ""},
		{"tool calls without an index", chatDeltas(
			`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}},{"function":{"name":"g","arguments":"{"}}]}`, `{"tool_calls":[{"function":{"arguments":"}"}}]}`,
		) + lines(chatTools, "[DONE]"), "", "tool_calls", []call{{"a", "f", `{"x":1}`}, {"", "g", "{}"}}, ""},
		{"long arguments", chatDeltas(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":`+quoted(quoted(long))+`}}]}`) + lines(chatTools, "[DONE]"),
			"", "tool_calls", []call{{"a", "f", quoted(long)}}, ""},
		{"a function call", chatDeltas(`{"function_call":{"name":"f","arguments":"{\"x\""}}`, `{"function_call":{"arguments":":1}"}}`) + lines(strings.Replace(chatStop, "stop", "function_call", 1), "[DONE]"),
			"", "tool_calls", []call{{"", "f", `{"x":1}`}}, ""},
		{"no function call", chatDeltas(`{"content":"a"}`) + lines(strings.Replace(chatStop, "stop", "function_call", 1), "[DONE]"), "a", "", nil, resilience.InvalidResponse},
		{"a null tool call", chatDeltas(`{"tool_calls":[null]}`) + lines(chatTools, "[DONE]"), "", "", nil, resilience.InvalidResponse},
		{"arguments of nothing", chatDeltas(`{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`) + lines(chatTools, "[DONE]"), "", "", nil, resilience.InvalidResponse},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			resp, streamed, err := say(t, "openai", c.stream)
			require.Equal(t, c.text, streamed, "and no tool call between the words")
			require.Equal(t, c.class, resilience.Classify(err), err)
			if c.class != "" {
				return
			}
			require.Equal(t, c.text, resp.Choices[0].Content)
			require.Equal(t, c.finish, resp.Choices[0].StopReason)
			var calls []call
			for _, tc := range resp.Choices[0].ToolCalls {
				require.Equal(t, "function", tc.Type)
				calls = append(calls, call{tc.ID, tc.FunctionCall.Name, tc.FunctionCall.Arguments})
			}
			require.Equal(t, c.calls, calls)
			if c.calls != nil {
				require.Equal(t, c.calls[0][1], resp.Choices[0].FuncCall.Name)
			}
		})
	}
}

func TestReasoningStreams(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("thinking ", 10000)
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Stream(
		chatDeltas(`{"reasoning_content":"hm, "}`, `{"reasoning_content":"`+long+`"}`, `{"content":"abc"}`)+lines(chatStop, "[DONE]")))
	var thoughts, text strings.Builder
	resp, err := opened(t, "openai", Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question(),
		llms.WithStreamingReasoningFunc(func(_ context.Context, r, p []byte) error { thoughts.Write(r); text.Write(p); return nil }))
	require.NoError(t, err)
	require.Equal(t, "hm, "+long, thoughts.String())
	require.Equal(t, "abc", text.String())
	require.Equal(t, "hm, "+long, resp.Choices[0].ReasoningContent)
}

func blockStart(index, block string) string {
	return fmt.Sprintf(`{"type":"content_block_start","index":%s,"content_block":%s}`, index, block)
}

func blockDelta(index, delta string) string {
	return fmt.Sprintf(`{"type":"content_block_delta","index":%s,"delta":%s}`, index, delta)
}

// TestMessageStreamsAreMended: the same for Anthropic's.
func TestMessageStreamsAreMended(t *testing.T) {
	t.Parallel()
	const (
		open  = `{"type":"message_start","message":{"id":"1","role":"assistant","usage":{"input_tokens":11,"output_tokens":1}}}`
		text  = `{"type":"text","text":""}`
		abc   = `{"type":"text_delta","text":"abc"}`
		final = `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":22}}`
		stop  = `{"type":"message_stop"}`
	)
	end := func(index string) string { return `{"type":"content_block_stop","index":` + index + `}` }
	tool := `{"type":"tool_use","id":"t","name":"f","input":{}}`
	input := func(part string) string {
		return `{"type":"input_json_delta","partial_json":` + quoted(part) + `}`
	}
	long := strings.Repeat("the tide, in <b>quotes</b> ", 4000)
	cut := strings.Replace(final, "end_turn", "max_tokens", 1)
	for _, c := range []struct {
		name   string
		events []string
		text   string
		finish string
		args   string
		class  resilience.Class
	}{
		{"plain", []string{open, blockStart("0", text), blockDelta("0", abc), end("0"), final, stop}, "abc", "end_turn", "", ""},
		{"no usage anywhere", []string{`{"type":"message_start","message":{}}`, blockStart("0", text), blockDelta("0", abc), end("0"), `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`, stop}, "abc", "end_turn", "", ""},
		{"unknown events and blocks", []string{
			open, `{"type":"news","x":1}`, blockStart("0", `{"type":"redacted_thinking","data":"`+long+`"}`), end("0"), blockStart("1", `{"type":"server_tool_use","id":"x","name":"web","input":{}}`),
			blockDelta("1", input("{}")), end("1"), blockStart("2", text), blockDelta("2", abc), end("2"), final, stop,
		}, "abc", "end_turn", "", ""},
		{"text in the start", []string{open, blockStart("0", `{"type":"text","text":"ab"}`), blockDelta("0", `{"type":"text_delta","text":"c"}`), end("0"), final, stop}, "abc", "end_turn", "", ""},
		{"signature and citation", []string{open, blockStart("0", `{"type":"thinking","thinking":"hm"}`), blockDelta("0", `{"type":"signature_delta","signature":"s"}`), end("0"), blockStart("1", text), blockDelta("1", abc), blockDelta("1", `{"type":"citations_delta","citation":{}}`), end("1"), final, stop}, "abc", "end_turn", "", ""},
		{"long text", []string{open, blockStart("0", text), blockDelta("0", `{"type":"text_delta","text":`+quoted(long)+`}`), end("0"), final, stop}, long, "end_turn", "", ""},
		{"a tool", []string{open, blockStart("0", text), blockDelta("0", abc), end("0"), blockStart("1", tool), blockDelta("1", input(`{"x":`)), blockDelta("1", input(`1}`)), end("1"), final, stop}, "abc", "end_turn", `{"x":1}`, ""},
		{"a tool with its input in the start", []string{open, blockStart("0", `{"type":"tool_use","id":"t","name":"f","input":{"x":1}}`), end("0"), final, stop}, "", "end_turn", `{"x":1}`, ""},
		{"a tool that does not end", []string{open, blockStart("0", tool), blockDelta("0", input(`{"x":1}`)), final, stop}, "", "end_turn", `{"x":1}`, ""},
		{"a tool that the limit cut", []string{open, blockStart("0", tool), blockDelta("0", input(`{"x":`)), end("0"), cut, stop}, "", "", "", resilience.Truncated},
		{"a tool with broken input", []string{open, blockStart("0", tool), blockDelta("0", input(`[1]`)), end("0"), final, stop}, "", "", "", resilience.InvalidResponse},
		{"a refusal without a word", []string{open, strings.Replace(final, "end_turn", "refusal", 1), stop}, "", "", "", resilience.ContentPolicy},
		{"nothing", []string{open, final, stop}, "", "", "", resilience.EmptyResponse},
		{"a negative index", []string{open, blockStart("0", text), blockDelta("-1", abc), stop}, "", "", "", resilience.InvalidResponse},
		{"a negative index from the start", []string{open, blockStart("-1", text), blockDelta("-1", abc), end("-1"), final, stop}, "abc", "end_turn", "", ""},
		{"an index of two", []string{open, blockStart("0", text), `{"type":"content_block_delta","index":-1,"Index":0,"delta":` + abc + `}`, end("0"), final, stop}, "abc", "end_turn", "", ""},
		{"an enormous index", []string{open, blockStart("1e300", text), blockDelta("1e300", abc), end("1e300"), final, stop}, "abc", "end_turn", "", ""},
		{"no index", []string{open, `{"type":"content_block_start","content_block":` + text + `}`, stop}, "", "", "", resilience.InvalidResponse},
		{"a part that never began", []string{open, blockDelta("3", abc), stop}, "", "", "", resilience.InvalidResponse},
		{"a delta of another kind", []string{open, blockStart("0", tool), blockDelta("0", abc), stop}, "", "", "", resilience.InvalidResponse},
		{"DONE instead of an end", []string{open, blockStart("0", text), blockDelta("0", abc), end("0"), final, "[DONE]"}, "abc", "", "", resilience.InvalidResponse},
		{"an overload", []string{open, blockStart("0", text), blockDelta("0", abc), `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`}, "abc", "", "", resilience.Overloaded},
	} {
		for _, space := range []string{"data: ", "data:"} {
			t.Run(c.name+"/"+space, func(t *testing.T) {
				t.Parallel()
				resp, streamed, err := say(t, "anthropic", strings.ReplaceAll(lines(c.events...), "data: ", space))
				require.Equal(t, c.class, resilience.Classify(err), err)
				require.Equal(t, c.text, streamed)
				if c.class != "" {
					return
				}
				require.Len(t, resp.Choices, 1)
				require.Equal(t, c.text, resp.Choices[0].Content)
				require.Equal(t, c.finish, resp.Choices[0].StopReason)
				args := ""
				for _, tc := range resp.Choices[0].ToolCalls {
					args += tc.FunctionCall.Arguments
				}
				require.Equal(t, c.args, args)
			})
		}
	}
}

// TestWholeAnswersAreMended: the same for answers in one piece.
func TestWholeAnswersAreMended(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, provider, body string
		text, args           string
		class                resilience.Class
	}{
		{"content in parts", "mistral", `{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"abc"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":22}}`, "abc", "", ""},
		{"arguments as an object", "groq", `{"choices":[{"message":{"content":"","tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}}]},"finish_reason":"tool_calls"}]}`, "", `{"x":1}`, ""},
		{"unknown blocks", "anthropic", `{"type":"message","content":[{"type":"redacted_thinking","data":"x"},{"type":"text","text":"abc"},{"type":"web_search_tool_result","content":[]}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":22}}`, "abc", "", ""},
		{"a refusal without a word", "anthropic", `{"type":"message","content":[],"stop_reason":"refusal","usage":{"input_tokens":1,"output_tokens":0}}`, "", "", resilience.ContentPolicy},
		{"nothing", "anthropic", `{"type":"message","content":[],"stop_reason":"end_turn"}`, "", "", resilience.EmptyResponse},
		{"a tool call without a name", "openai", `{"choices":[{"message":{"content":"","tool_calls":[{"id":"a","function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`, "", "", resilience.InvalidResponse},
	} {
		t.Run(c.provider+" "+c.name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.New(t, wiretest.Named(c.provider), wiretest.Body(200, "application/json", c.body))
			resp, err := opened(t, c.provider, Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question())
			require.Equal(t, c.class, resilience.Classify(err), err)
			if c.class != "" {
				return
			}
			require.Equal(t, c.text, resp.Choices[0].Content)
			if c.args != "" {
				require.Equal(t, c.args, resp.Choices[0].ToolCalls[0].FunctionCall.Arguments)
			}
		})
	}
}

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

// TestGuardAloneKeepsToolCalls: below a client that is in no chain, the guard still says streams in a form that is safe.
func TestGuardAloneKeepsToolCalls(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Stream(chatDeltas(
		`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}},{"index":1,"id":"b","function":{"name":"g"}}]}`,
		`{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":"{\"y\":2}"}}]}`)+lines(chatTools, `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, "[DONE]")))
	m, err := openai.New(openai.WithToken(wiretest.Key), openai.WithBaseURL(s.Base()), openai.WithModel("m-1"), openai.WithHTTPClient(newGuard(nil, "mine").Client()))
	require.NoError(t, err)
	resp, err := m.GenerateContent(resilience.WithSchema(context.Background(), "x", []byte(`{"type":"object"}`)), question(),
		llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	require.NoError(t, err)
	require.Len(t, resp.Choices[0].ToolCalls, 2)
	require.Equal(t, `{"y":2}`, resp.Choices[0].ToolCalls[1].FunctionCall.Arguments)
	require.Equal(t, "tool_calls", resp.Choices[0].StopReason, "null does not take it back")
	require.NotContains(t, s.Calls()[0].Body, "response_format", "nobody would step down")
}

// TestGuardAloneKeepsFinishReasons: and where the client keeps the last one it saw.
func TestGuardAloneKeepsFinishReasons(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("openai"), wiretest.Stream(chatDeltas(`{"content":"abc"}`)+
		lines(strings.Replace(chatStop, "stop", "length", 1), `{"choices":[{"index":0,"delta":{"content":""},"finish_reason":null}]}`, "[DONE]")))
	m, err := openai.New(openai.WithToken(wiretest.Key), openai.WithBaseURL(s.Base()), openai.WithModel("m-1"), openai.WithHTTPClient(newGuard(nil, "mine").Client()))
	require.NoError(t, err)
	resp, err := m.GenerateContent(context.Background(), question(), llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	require.NoError(t, err)
	require.Equal(t, "length", resp.Choices[0].StopReason)
}

// TestGuardAloneBelowOllama: that client takes whatever ends a connection for the end of the answer.
func TestGuardAloneBelowOllama(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    wiretest.Behaviour
		class resilience.Class
	}{
		"cut": {wiretest.Cut, resilience.InvalidResponse}, "reset": {wiretest.Reset, resilience.Network},
		"500": {wiretest.Body(500, "application/json", ""), resilience.Server}, "empty": {wiretest.Body(200, "application/x-ndjson", ""), resilience.EmptyResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.New(t, wiretest.Named("ollama"), c.do)
			hc := newGuard(nil, "mine").Client()
			hc.Transport = wire.WithKey(hc.Transport, wiretest.Key)
			m, err := ollama.New(ollama.WithServerURL(s.URL), ollama.WithModel("m-1"), ollama.WithHTTPClient(hc))
			require.NoError(t, err)
			for _, opts := range [][]llms.CallOption{nil, {llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })}} {
				_, err = m.GenerateContent(context.Background(), question(), opts...)
				require.Error(t, err)
				one, cerr := NewChain(ChainConfig{MaxTries: 1}, Provider{Name: "mine", LLM: m})
				require.NoError(t, cerr)
				_, err = one.GenerateContent(context.Background(), question(), opts...)
				require.Equal(t, c.class, resilience.Classify(err), err)
			}
		})
	}
}

func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	s := wiretest.New(t, wiretest.Named("groq"), wiretest.Redirect(308, ""))
	_, err := opened(t, "groq", Settings{BaseURL: s.Base()}).LLM.GenerateContent(context.Background(), question())
	require.ErrorContains(t, err, "check the base URL")
	require.Len(t, s.Calls(), 1+3)
}
