package providers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

const claudeAnswer = `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"{\"b\":\"The tide came in.\"}"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}`

var oneTool = llms.WithTools([]llms.Tool{{Type: "function", Function: &llms.FunctionDefinition{Name: "f", Parameters: map[string]any{"type": "object"}}}})

// openModel opens a provider of the catalogue with a model at a server of the test.
func openModel(t *testing.T, a *api, name, model string) providers.Provider {
	t.Helper()
	p, err := providers.Open(name, providers.Settings{Key: testKey, BaseURL: a.URL + "/v1", Model: model})
	require.NoError(t, err)
	return p
}

// TestModelsAreToldWhatTheyWantToHearWithTools, and not without.
func TestModelsAreToldWhatTheyWantToHearWithTools(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		provider, model, field string
		want                   any
	}{
		{"openai", "gpt-6-luna", "reasoning_effort", "none"},
		{"deepseek", "deepseek-flash", "thinking", map[string]any{"type": "disabled"}},
		{"openai", "gpt-4o-mini", "reasoning_effort", nil},
	} {
		a := serve(t, answers(200, nil, completion(good, "stop")))
		ch := chain(t, openModel(t, a, c.provider, c.model))
		_, err := ask(context.Background(), ch, oneTool)
		require.NoError(t, err)
		_, err = ask(context.Background(), ch)
		require.NoError(t, err)
		require.Equal(t, c.want, a.bodies[0][c.field], c.model)
		require.NotContains(t, a.bodies[1], c.field, c.model)
	}
}

func TestGeminiGetsOnlyWhatItKnows(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, completion(good, "stop")))
	b := script(says("b " + good))
	ch := chain(t, openModel(t, a, "gemini", "gemini-flash-latest"), member("b", b))
	_, err := ask(context.Background(), ch, llms.WithMaxTokens(100), llms.WithMetadata(map[string]any{"k": "v"}))
	require.NoError(t, err)
	require.Equal(t, 100.0, a.bodies[0]["max_tokens"])
	for _, k := range []string{"max_completion_tokens", "metadata", "stream_options", "seed"} {
		require.NotContains(t, a.bodies[0], k)
	}
	got, err := ask(context.Background(), ch, llms.WithSeed(4))
	require.NoError(t, err)
	require.Equal(t, "b "+good, got, "what it would reject goes to who takes it")
	require.Len(t, a.bodies, 1)
}

// TestAnthropicIsToldTheSchema in its own words, as far as it takes it.
func TestAnthropicIsToldTheSchema(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, body map[string]any) {
		if _, has := body["output_config"]; has && n == 2 {
			answers(400, nil, `{"type":"error","error":{"type":"invalid_request_error","message":"output_config: this model does not support it"}}`)(n, w, r, body)
			return
		}
		answers(200, nil, claudeAnswer)(n, w, r, body)
	})
	ch := chain(t, openModel(t, a, "anthropic", "claude-sonnet-5-5"))
	type answer struct {
		B string `json:"b"`
	}
	got, err := providers.Generate[answer](context.Background(), ch, "A line.")
	require.NoError(t, err)
	require.Equal(t, "The tide came in.", got.B)
	format := a.bodies[0]["output_config"].(map[string]any)["format"].(map[string]any)
	require.Equal(t, "json_schema", format["type"])
	require.Contains(t, format["schema"], "properties")

	_, err = providers.Generate[answer](context.Background(), ch, "Another line.")
	require.NoError(t, err, "a model that rejects it is asked without")
	require.NotContains(t, a.bodies[len(a.bodies)-1], "output_config")
	n := len(a.bodies)
	_, err = providers.Generate[answer](context.Background(), ch, "A third.")
	require.NoError(t, err)
	require.Len(t, a.bodies, n+1, "and that is remembered")
}

// TestATemperatureThatIsNotTakenIsToldOnce.
func TestATemperatureThatIsNotTakenIsToldOnce(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, completion(good, "stop")))
	ch := chain(t, openModel(t, a, "openai", "gpt-6-luna"))
	j := newJournal()
	warnings := func() (n int) {
		for _, line := range j.log {
			if line == "warn sampling" {
				n++
			}
		}
		return n
	}
	_, err := ask(j.ctx(context.Background()), ch)
	require.NoError(t, err)
	require.Zero(t, warnings())
	for range 3 {
		_, err = ask(j.ctx(context.Background()), ch, llms.WithTemperature(0.7), llms.WithTopK(4))
		require.NoError(t, err)
	}
	require.Equal(t, 1, warnings())
	for _, b := range a.bodies {
		require.NotContains(t, b, "temperature")
		require.NotContains(t, b, "top_k")
	}
}

// TestAnOptionWithoutAPlaceBurnsNoTry: a request that the client could not say goes to another member at once.
func TestAnOptionWithoutAPlaceBurnsNoTry(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, claudeAnswer))
	b := script(says("b " + good))
	j := newJournal()
	claude := openModel(t, a, "anthropic", "claude-sonnet-4-6")
	got, err := ask(j.ctx(context.Background()), chain(t, claude, member("b", b)), llms.WithJSONMode())
	require.NoError(t, err)
	require.Equal(t, "b "+good, got)
	require.Empty(t, a.bodies)
	require.Equal(t, []string{"before b", "after b answered"}, j.log)

	_, err = ask(context.Background(), chain(t, claude), llms.WithJSONMode())
	require.ErrorContains(t, err, "the API has no place for WithJSONMode")
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
}

// TestAStreamMayEndWithItsFinishReason: several servers that imitate OpenAI's send no [DONE]. Without a finish reason it is cut.
func TestAStreamMayEndWithItsFinishReason(t *testing.T) {
	t.Parallel()
	finish := `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	call := `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`
	for body, want := range map[string]resilience.Class{
		sse(delta(good), finish):                          "",
		strings.TrimSpace(sse(delta(good), finish)):       "",
		sse(delta(good), finish) + "data: {\"choices\":[": resilience.InvalidResponse,
		sse(delta(good)):                                  resilience.InvalidResponse,
	} {
		var seen strings.Builder
		a := serve(t, answers(200, eventStream, body))
		p, err := providers.Open("my-host", providers.Settings{Key: testKey, BaseURL: a.URL + "/v1", Model: "m-1"})
		require.NoError(t, err)
		got, err := ask(context.Background(), chainWith(t, providers.ChainConfig{MaxTries: 1}, p), streaming(&seen))
		require.Equal(t, want, resilience.Classify(err), body)
		if want == "" {
			require.Equal(t, good, got)
			require.Equal(t, good, seen.String())
		}
	}
	a := serve(t, answers(200, eventStream, sse(call)))
	p, err := providers.Open("my-host", providers.Settings{Key: testKey, BaseURL: a.URL + "/v1", Model: "m-1"})
	require.NoError(t, err)
	resp, err := p.LLM.GenerateContent(context.Background(), human("x"), streaming(new(strings.Builder)))
	require.NoError(t, err)
	require.Equal(t, "f", resp.Choices[0].ToolCalls[0].FunctionCall.Name)
}

// TestHTTPRequestsOfACallAreBounded: whatever fails, and however an endpoint rejects what it is told, one call makes no more
// requests than MaxTries.
func TestHTTPRequestsOfACallAreBounded(t *testing.T) {
	t.Parallel()
	nowait := resilience.Policy{Rules: map[resilience.Class]resilience.Rule{}}
	for _, c := range resilience.Classes() {
		nowait.Rules[c] = resilience.Rule{Attempts: 50, Wait: resilience.Never, Switch: 3}
	}
	for _, status := range []int{400, 401, 404, 408, 413, 422, 429, 500, 503} {
		requests := 0
		a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, body map[string]any) {
			requests++
			answers(status, map[string]string{"Retry-After": "0"}, `{"error":{"message":"no","type":"invalid_request_error"}}`)(n, w, r, body)
		})
		var members []providers.Provider
		for _, name := range []string{"groq", "openai", "mistral"} {
			members = append(members, openModel(t, a, name, "m-1"))
		}
		ctx := resilience.WithSchema(context.Background(), "x", []byte(objectSchema))
		_, err := ask(ctx, chainWith(t, providers.ChainConfig{Policy: nowait}, members...))
		require.Error(t, err, status)
		require.LessOrEqual(t, requests, resilience.MaxTries, status)
		require.GreaterOrEqual(t, requests, 3, "each was asked: %d", status)
	}
}

// TestAddressesAsOtherClientsTakeThem: variables that are set for other programs work here too.
func TestAddressesAsOtherClientsTakeThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ provider, path, want string }{
		{"anthropic", "", "/v1/messages"}, {"anthropic", "/v1", "/v1/messages"}, {"anthropic", "/v1/", "/v1/messages"},
		{"anthropic", "/proxy", "/proxy/v1/messages"}, {"ollama", "", "/api/chat"}, {"ollama", "/v1", "/api/chat"},
		{"openai", "", "/chat/completions"}, {"groq", "/openai/v1", "/openai/v1/chat/completions"},
	} {
		var path string
		a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request, _ map[string]any) {
			path = r.URL.Path
			http.Error(w, "{}", http.StatusTeapot)
		})
		p, err := providers.Open(c.provider, providers.Settings{Key: testKey, BaseURL: a.URL + c.path})
		require.NoError(t, err)
		_, err = p.LLM.GenerateContent(context.Background(), human("x"))
		require.Error(t, err)
		require.Equal(t, c.want, path, "%s %s", c.provider, c.path)
	}
	var to string
	p, err := providers.Open("groq", providers.Settings{Key: testKey, BaseURL: "https://api.groq.com", Transport: transport(func(r *http.Request) (*http.Response, error) {
		to = r.URL.String()
		return nil, context.Canceled
	})})
	require.NoError(t, err)
	_, err = p.LLM.GenerateContent(context.Background(), human("x"))
	require.Error(t, err)
	require.Equal(t, "https://api.groq.com/openai/v1/chat/completions", to)
}
