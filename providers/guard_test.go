package providers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

// testKey has no provider's shape, so that only knowing it helps to hide it.
const testKey = "Zq7x0123456789abcdefSECRET"

// api is a loopback server; handle gets the decoded request.
type api struct {
	*httptest.Server
	bodies []map[string]any
	heads  []http.Header
}

func serve(t testing.TB, handle func(n int, w http.ResponseWriter, r *http.Request, body map[string]any)) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body map[string]any
		_ = json.Unmarshal(raw, &body)
		a.bodies, a.heads = append(a.bodies, body), append(a.heads, r.Header)
		handle(len(a.bodies), w, r, body)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) open(t testing.TB, name string) providers.Provider {
	t.Helper()
	p, err := providers.Open(name, providers.Settings{Key: testKey, BaseURL: a.URL + "/v1", Model: "m-1"})
	require.NoError(t, err)
	return p
}

func answers(status int, headers map[string]string, body string) func(int, http.ResponseWriter, *http.Request, map[string]any) {
	return func(_ int, w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		for k, v := range headers {
			w.Header().Set(k, v)
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func completion(text, finish string) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":%q}],
		"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33,"prompt_tokens_details":{"cached_tokens":4}}}`, text, finish)
}

func sse(events ...string) string { return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n" }

func delta(text string) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"content":%q}}]}`, text)
}

const (
	sseEnd   = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	groqEnd  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":5,"completion_tokens":9}}}`
	usageEnd = `{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":22}}`
)

var eventStream = map[string]string{"Content-Type": "text/event-stream"}

func streaming(to *strings.Builder) llms.CallOption {
	return llms.WithStreamingFunc(func(_ context.Context, p []byte) error { to.Write(p); return nil })
}

func TestOpenAIAnswers(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, nil, completion(good, "stop")))
	j := newJournal()
	got, err := ask(j.ctx(context.Background()), chain(t, a.open(t, "openai")))
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Equal(t, resilience.Usage{Input: 11, Output: 22, Cached: 4}, j.tries[0].Usage)
	require.Equal(t, 200, j.tries[0].Status)
	require.Equal(t, "Bearer "+testKey, a.heads[0].Get("Authorization"))
	require.Equal(t, "m-1", a.bodies[0]["model"])
	require.NotContains(t, a.bodies[0], "temperature", "left to the provider")

	_, err = ask(context.Background(), chain(t, a.open(t, "openai")), llms.WithTemperature(0), llms.WithTopP(0.5))
	require.NoError(t, err)
	require.Equal(t, 0.0, a.bodies[1]["temperature"])
	require.Equal(t, 0.5, a.bodies[1]["top_p"])
}

func TestOpenAIStreams(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"openai": usageEnd, "groq": groqEnd} {
		a := serve(t, answers(200, eventStream, ": keep-alive\n\n"+sse(delta("The tide came in "), delta("over the flats."), sseEnd, end, "[DONE]")))
		j := newJournal()
		var streamed strings.Builder
		got, err := ask(j.ctx(context.Background()), chain(t, a.open(t, name)), streaming(&streamed))
		require.NoError(t, err)
		require.Equal(t, "The tide came in over the flats.", got)
		require.Equal(t, got, streamed.String())
		require.Positive(t, j.tries[0].Usage.Output, name)
		require.Positive(t, j.tries[0].Usage.Input, name)
		recorded := j.answers[j.tries[0].Hash][0].Choices[0].GenerationInfo
		require.Equal(t, int(j.tries[0].Usage.Output), recorded["CompletionTokens"], "the recorded answer knows what it cost")
	}
}

// TestFailuresOnTheWire: what langchaingo reports as text, as a success or by a panic has its class, and no error holds the key.
func TestFailuresOnTheWire(t *testing.T) {
	t.Parallel()
	abort := func(_ int, w http.ResponseWriter, _ *http.Request, _ map[string]any) { panic(http.ErrAbortHandler) }
	reset := func(_ int, w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, sse(delta("The tide came in over")))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, c := range []struct {
		name   string
		handle func(int, http.ResponseWriter, *http.Request, map[string]any)
		stream bool
		class  resilience.Class
		status int
		after  time.Duration
	}{
		{"429", answers(429, map[string]string{"Retry-After": "7"}, `{"error":{"message":"slow down `+testKey+`","type":"rate_limit_error","code":"rate_limit_exceeded"}}`), false, resilience.RateLimit, 429, 7 * time.Second},
		{"429 stream", answers(429, map[string]string{"Retry-After": "7"}, `{"error":{"message":"slow down"}}`), true, resilience.RateLimit, 429, 7 * time.Second},
		{"quota", answers(429, nil, `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`), false, resilience.Quota, 429, 0},
		{"401", answers(401, nil, `{"error":{"message":"Incorrect API key provided: `+testKey+`","code":"invalid_api_key"}}`), false, resilience.Auth, 401, 0},
		{"404", answers(404, nil, `{"error":{"message":"The model does not exist","code":"model_not_found"}}`), false, resilience.NotFound, 404, 0},
		{"500", answers(500, nil, `{"error":{"message":"oops"}}`), false, resilience.Server, 500, 0},
		{"html 502", answers(502, map[string]string{"Content-Type": "text/html"}, "<html><body>Bad gateway</body></html>"), false, resilience.Server, 502, 0},
		{"html 200", answers(200, map[string]string{"Content-Type": "text/html"}, "<html><body>Welcome</body></html>"), false, resilience.Server, 200, 0},
		{"context", answers(400, nil, `{"error":{"message":"This model's maximum context length is 16384 tokens","code":"context_length_exceeded"}}`), false, resilience.ContextLength, 400, 0},
		{"error in 200", answers(200, nil, `{"error":{"message":"Provider returned error: rate limited","code":429}}`), false, resilience.RateLimit, 429, 0},
		{"error in a choice", answers(200, nil, `{"choices":[{"error":{"message":"Overloaded","code":503},"finish_reason":"error","message":{"content":"x"}}]}`), false, resilience.Overloaded, 503, 0},
		{"error as a list", answers(200, nil, `[{"error":{"code":429,"message":"Resource exhausted","status":"RESOURCE_EXHAUSTED"}}]`), false, resilience.RateLimit, 429, 0},
		{"mistral error", answers(200, nil, `{"object":"error","message":"Service unavailable","type":"internal_server_error","code":"3000"}`), false, resilience.Server, 200, 0},
		{"null choice", answers(200, nil, `{"choices":[null]}`), false, resilience.InvalidResponse, 200, 0},
		{"no choices", answers(200, nil, `{"choices":[]}`), false, resilience.EmptyResponse, 200, 0},
		{"null", answers(200, nil, `null`), false, resilience.InvalidResponse, 200, 0},
		{"not json", answers(200, nil, `{"choices":[{"mess`), false, resilience.InvalidResponse, 200, 0},
		{"no body", answers(200, nil, ``), false, resilience.EmptyResponse, 200, 0},
		{"no content", answers(204, nil, ``), false, resilience.EmptyResponse, 204, 0},
		{"empty content", answers(200, nil, completion("", "stop")), false, resilience.EmptyResponse, 200, 0},
		{"function_call without one", answers(200, nil, `{"choices":[{"message":{"content":"x"},"finish_reason":"function_call"}]}`), false, resilience.InvalidResponse, 200, 0},
		{"refusal field", answers(200, nil, `{"choices":[{"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"}]}`), false, resilience.ContentPolicy, 200, 0},
		{"length", answers(200, nil, completion(good, "length")), false, resilience.Truncated, 0, 0},
		{"dropped", abort, false, resilience.Network, 0, 0},
		{"sse error", answers(200, eventStream, sse(delta("The tide "), `{"error":{"message":"overloaded","code":503}}`)), true, resilience.Overloaded, 503, 0},
		{"sse error at once", answers(200, eventStream, "event: error\n"+sse(`{"error":{"message":"rate limited","code":429}}`)), true, resilience.RateLimit, 429, 0},
		{"sse without end", answers(200, eventStream, sse(delta(good))), true, resilience.InvalidResponse, 200, 0},
		{"sse reset", reset, true, resilience.Network, 200, 0},
		{"json error to a stream", answers(200, nil, `{"error":{"message":"bad","code":500}}`), true, resilience.Server, 500, 0},
		{"json to a stream", answers(200, nil, completion(good, "stop")), true, resilience.InvalidResponse, 200, 0},
		{"null tool call", answers(200, eventStream, sse(`{"choices":[{"delta":{"tool_calls":[null]}}]}`, "[DONE]")), true, resilience.InvalidResponse, 200, 0},
		{"empty stream", answers(200, eventStream, sse("[DONE]")), true, resilience.EmptyResponse, 200, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, c.handle)
			var streamed strings.Builder
			var opts []llms.CallOption
			if c.stream {
				opts = append(opts, streaming(&streamed))
			}
			_, err := ask(context.Background(), chainWith(t, providers.ChainConfig{MaxTries: 1}, a.open(t, "openai")), opts...)
			require.Error(t, err)
			require.Equal(t, c.class, resilience.Classify(err), err)
			var typed *resilience.Error
			require.ErrorAs(t, err, &typed)
			if c.status != 0 && typed.Status != 0 {
				require.Equal(t, c.status, typed.Status)
			}
			require.Equal(t, c.after, typed.After)
			require.Equal(t, "openai", typed.Provider)
			noKey(t, err)

			if c.class != resilience.Truncated && c.class != resilience.EmptyResponse { // alone it is typed too
				_, err = ask(context.Background(), a.open(t, "openai").LLM, opts...)
				require.Equal(t, c.class, resilience.Classify(err), err)
				noKey(t, err)
			}
		})
	}
}

// noKey looks at an error and all its causes.
func noKey(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		require.NotContains(t, text, testKey)
		require.NotContains(t, text, "SECRET")
	}
	switch u := err.(type) { //nolint:errorlint // each layer is looked at on its own
	case interface{ Unwrap() error }:
		noKey(t, u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			noKey(t, e)
		}
	}
}

func TestConnectionRefusedAndKeysInAddresses(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	p, err := providers.Open("openai", providers.Settings{Key: testKey, BaseURL: dead.URL + "/v1"})
	require.NoError(t, err)
	_, err = ask(context.Background(), p.LLM)
	require.Equal(t, resilience.Network, resilience.Classify(err))
	noKey(t, err)

	hc := &http.Client{Transport: providers.Guard(nil, "gemini")}
	req, err := http.NewRequest(http.MethodPost, dead.URL+"/v1?key="+testKey, strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = hc.Do(req)
	require.Equal(t, resilience.Network, resilience.Classify(err))
	var typed *resilience.Error
	require.ErrorAs(t, err, &typed)
	noKey(t, typed)
}

func TestCancelMidStream(t *testing.T) {
	t.Parallel()
	for range 20 {
		a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request, _ map[string]any) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, sse(delta("The tide came in over the flats")))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(context.Background())
		_, err := ask(ctx, chain(t, a.open(t, "openai")), llms.WithStreamingFunc(func(context.Context, []byte) error { cancel(); return nil }))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, resilience.Canceled, resilience.Classify(err))
		cancel()
	}
}

func TestSilentStreamTimesOut(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request, _ map[string]any) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 5 { // slower than the limit all in all, never for long
			_, _ = io.WriteString(w, sse(delta("The tide came in over the flats. ")))
			w.(http.Flusher).Flush()
			<-time.After(600 * time.Millisecond)
		}
		<-r.Context().Done()
	})
	var got strings.Builder
	_, err := ask(context.Background(), chainWith(t, providers.ChainConfig{Idle: 2 * time.Second, MaxTries: 1}, a.open(t, "openai")), streaming(&got))
	require.Equal(t, resilience.Timeout, resilience.Classify(err), err)
	require.ErrorContains(t, err, "silent")
	require.Equal(t, 5, strings.Count(got.String(), "flats"))
}

func TestAttemptTimeoutOverHTTP(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request, _ map[string]any) { <-r.Context().Done() })
	_, err := ask(context.Background(), chainWith(t, providers.ChainConfig{Timeout: 50 * time.Millisecond, MaxTries: 1}, a.open(t, "openai")))
	require.Equal(t, resilience.Timeout, resilience.Classify(err))
	require.ErrorContains(t, err, "50ms")
}

func TestRetryAfterOverHTTP(t *testing.T) {
	t.Parallel()
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, b map[string]any) {
		if n == 1 {
			answers(429, map[string]string{"Retry-After-Ms": "120"}, `{"error":{"message":"wait","code":"rate_limit_exceeded"}}`)(n, w, r, b)
			return
		}
		answers(200, nil, completion(good, "stop"))(n, w, r, b)
	})
	start := time.Now()
	got, err := ask(context.Background(), chain(t, a.open(t, "openai")))
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.GreaterOrEqual(t, time.Since(start), 120*time.Millisecond)
}

const objectSchema = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`

func TestPanicInAStreamingFunctionOnTheClientsGoroutine(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(200, eventStream, sse(
		`{"type":"message_start","message":{"id":"1","role":"assistant","usage":{"input_tokens":10,"output_tokens":1}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"The tide came in over the flats."}}`, `{"type":"message_stop"}`)))
	boom := llms.WithStreamingFunc(func(context.Context, []byte) error { panic("boom in the caller") })
	_, err := ask(context.Background(), chain(t, a.open(t, "anthropic")), boom)
	require.ErrorContains(t, err, "boom in the caller")
	_, err = ask(context.Background(), a.open(t, "anthropic").LLM, boom)
	require.ErrorContains(t, err, "boom in the caller")
}

func TestRedirectsElsewhereDoNotGetTheKey(t *testing.T) {
	t.Parallel()
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.Header.Get("X-Api-Key"), r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request, _ map[string]any) {
		http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
	})
	for _, name := range []string{"openai", "anthropic"} {
		_, err := ask(context.Background(), a.open(t, name).LLM)
		require.Error(t, err)
		noKey(t, err)
	}
	require.Empty(t, stolen)
}

func TestGuardBelowAForeignClient(t *testing.T) {
	t.Parallel()
	a := serve(t, answers(503, map[string]string{"Retry-After": "3"}, `{"error":{"message":"busy"}}`))
	hc := &http.Client{Transport: providers.Guard(nil, "mine")}
	m := script(func(ctx context.Context, _ llms.CallOptions) (*llms.ContentResponse, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, strings.NewReader(`{}`))
		if err != nil {
			return nil, err
		}
		if _, err = hc.Do(req); err != nil {
			return nil, errors.New("something went wrong") // as bad as clients get
		}
		return nil, nil
	})
	_, err := ask(context.Background(), chainWith(t, providers.ChainConfig{MaxTries: 1}, member("mine", m)))
	var typed *resilience.Error
	require.ErrorAs(t, err, &typed)
	require.Equal(t, 503, typed.Status)
	require.Equal(t, 3*time.Second, typed.After)
}
