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

const anObject = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`

// ollamaAsks returns the body that arrives at Ollama's own API.
func ollamaAsks(ctx context.Context, t *testing.T, s Settings, messages []llms.MessageContent, opts ...llms.CallOption) string {
	t.Helper()
	srv := wiretest.New(t, wiretest.Named("ollama"), wiretest.Good)
	s.BaseURL = srv.Base()
	_, err := opened(t, "ollama", s).LLM.GenerateContent(ctx, messages, opts...)
	require.NoError(t, err)
	require.Len(t, srv.Calls(), 1)
	require.Equal(t, "/api/chat", srv.Calls()[0].R.URL.Path)
	raw, err := json.Marshal(srv.Calls()[0].Body)
	require.NoError(t, err)
	return string(raw)
}

func TestOllamaIsAskedNotToCut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	want := `{"model":"m-1","messages":[{"role":"system","content":"You write."},{"role":"user","content":"Write something."}],"truncate":false,"shift":false,"options":{%s}%s}`
	require.JSONEq(t, fmt.Sprintf(want, "", ""), ollamaAsks(ctx, t, Settings{}, question()))
	require.JSONEq(t, fmt.Sprintf(want, `"temperature":0,"top_k":5,"top_p":0.5,"repeat_penalty":1.5,"seed":4,"num_predict":9,"stop":["x"]`, `,"format":"json"`),
		ollamaAsks(ctx, t, Settings{}, question(), llms.WithTemperature(0), llms.WithTopK(5), llms.WithTopP(0.5), llms.WithRepetitionPenalty(1.5),
			llms.WithSeed(4), llms.WithMaxTokens(9), llms.WithStopWords([]string{"x"}), llms.WithJSONMode()))
	require.JSONEq(t, fmt.Sprintf(want, "", `,"format":`+anObject),
		ollamaAsks(resilience.WithSchema(ctx, "x", []byte(anObject)), t, Settings{}, question()))
	require.JSONEq(t, fmt.Sprintf(want, "", `,"think":true`), ollamaAsks(ctx, t, Settings{}, question(), llms.WithThinkingMode(llms.ThinkingModeLow)))

	parts := []llms.MessageContent{{Role: llms.ChatMessageTypeHuman, Parts: []llms.ContentPart{
		llms.TextContent{Text: "one"}, llms.BinaryContent{MIMEType: "image/png", Data: []byte("png")},
		llms.CachedContent{ContentPart: llms.TextContent{Text: "two"}},
	}}}
	require.JSONEq(t, `{"model":"m-1","messages":[{"role":"user","content":"one\ntwo","images":["cG5n"]}],"truncate":false,"shift":false,"options":{}}`,
		ollamaAsks(ctx, t, Settings{}, parts))
}

func TestOllamaGetsAWindowThatFits(t *testing.T) {
	t.Parallel()
	srv := wiretest.New(t, wiretest.Named("ollama"), wiretest.Good)
	m := opened(t, "ollama", Settings{BaseURL: srv.Base(), Context: 100_000}).LLM
	for i, c := range []struct {
		prompt, answer int // characters, tokens
		window         string
	}{{100, 0, "4096"}, {12_000, 0, "8192"}, {100, 0, "8192"}, {60_000, 10_000, "32768"}, {400_000, 0, "100000"}, {800_000, 0, "100000"}} {
		_, err := m.GenerateContent(context.Background(), []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, strings.Repeat("word ", c.prompt/5))}, llms.WithMaxTokens(c.answer))
		require.NoError(t, err)
		var o map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(srv.Calls()[i].Body["options"], &o))
		require.Equal(t, c.window, string(o["num_ctx"]))
	}
}

func TestOllamaAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("the tide came in ", 60_000) // a line longer than the client reads
	line := func(text, rest string) string {
		return fmt.Sprintf(`{"message":{"role":"assistant","content":%q}%s}`+"\n", text, rest)
	}
	for name, c := range map[string]struct {
		parts  []string
		text   string
		finish string
		class  resilience.Class
	}{
		"length":                 {[]string{line("abc", ""), line("", `,"done":true,"done_reason":"length","prompt_eval_count":11,"eval_count":22`)}, "abc", "length", ""},
		"a long line":            {[]string{line(long, ""), line("", `,"done":true,"done_reason":"stop"`)}, long, "stop", ""},
		"a long line at the end": {[]string{line(long, `,"done":true,"done_reason":"stop"`)}, long, "stop", ""},
		"odd times":              {[]string{line("abc", `,"created_at":"today","total_duration":1.5`), "\n", line("", `,"done":true,"done_reason":"stop"`)}, "abc", "stop", ""},
		"an error line":          {[]string{line("abc", ""), `{"error":"an error was encountered while running the model: CUDA out of memory"}` + "\n"}, "", "", resilience.Server},
		"half a line":            {[]string{line("abc", ""), `{"message":{"role":"assi`}, "", "", resilience.InvalidResponse},
		"content is a list":      {[]string{`{"message":{"content":["abc"]},"done":true}` + "\n"}, "", "", resilience.InvalidResponse},
		"a page":                 {[]string{"<html>502 Bad Gateway</html>"}, "", "", resilience.Server},
		"too long a prompt":      {[]string{`{"error":"the input length exceeds the context length"}` + "\n"}, "", "", resilience.ContextLength},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", name, stream), func(t *testing.T) {
				t.Parallel()
				srv := wiretest.New(t, wiretest.Named("ollama"), wiretest.Stream(c.parts...))
				var opts []llms.CallOption
				if stream {
					opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
				}
				resp, err := opened(t, "ollama", Settings{BaseURL: srv.Base()}).LLM.GenerateContent(context.Background(), question(), opts...)
				require.Equal(t, c.class, resilience.Classify(err), err)
				if c.class == "" {
					require.Equal(t, c.text, resp.Choices[0].Content)
					require.Equal(t, c.finish, resp.Choices[0].StopReason)
				}
			})
		}
	}
}

// TestOllamaThatCutThePrompt: an answer to a part of the question is none.
func TestOllamaThatCutThePrompt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words, read, context int
		cut                  bool
	}{
		"all":                         {9000, 12000, 0, false},
		"a full window":               {9000, 4096, 0, true},
		"half a window and a little":  {9000, 2050, 0, true},
		"the window that was set":     {30_000, 10_000, 10_000, true},
		"half of it":                  {30_000, 5002, 10_000, true},
		"what was not cached":         {9000, 3000, 0, false},
		"what was not cached, set":    {9000, 4096, 32768, false},
		"nothing was counted":         {9000, 0, 0, false},
		"few words in many tokens":    {3000, 4096, 0, false},
		"little that was not cached":  {9000, 512, 0, false},
		"a small window, all of it":   {1000, 1024, 0, false},
		"an answer of the other side": {9000, 8192, 0, false},
	} {
		for _, tools := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", name, tools), func(t *testing.T) {
				t.Parallel()
				srv := wiretest.New(t, wiretest.Named("ollama"), func(call *wiretest.Call) {
					text := fmt.Sprintf(`{"message":{"role":"assistant","content":"abc"},"done":true,"done_reason":"stop","prompt_eval_count":%d,"eval_count":1}`, c.read)
					if tools {
						text = fmt.Sprintf(`{"choices":[{"message":{"content":"abc"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":1}}`, c.read)
					}
					wiretest.Body(200, "application/json", text)(call)
				})
				var opts []llms.CallOption
				if tools {
					opts = append(opts, llms.WithTools([]llms.Tool{{Type: "function", Function: &llms.FunctionDefinition{Name: "f"}}}))
				}
				prompt := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, strings.Repeat("word ", c.words))}
				_, err := opened(t, "ollama", Settings{BaseURL: srv.Base(), Context: c.context}).LLM.GenerateContent(context.Background(), prompt, opts...)
				if tools && c.context > 0 {
					return // the window can't be set there
				}
				if !c.cut {
					require.NoError(t, err)
					return
				}
				require.Equal(t, resilience.ContextLength, resilience.Classify(err), err)
				require.ErrorContains(t, err, "Settings.Context")
			})
		}
	}
}

// TestOllamaAddresses: langchaingo's client ends the process when it can't read its address.
func TestOllamaAddresses(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"http://[::1", "http://%zz", "localhost:11434", "http://x\x7f", "ftp://x"} {
		_, err := Open("ollama", Settings{BaseURL: base})
		require.Error(t, err, base)
	}
	for _, base := range []string{"http://localhost:11434/", "http://localhost:11434/v1", "http://[::1]:11434/v1/"} {
		_, err := Open("ollama", Settings{BaseURL: base})
		require.NoError(t, err, base)
	}
}
