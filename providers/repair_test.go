package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

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
