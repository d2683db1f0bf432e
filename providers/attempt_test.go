package providers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
)

// try makes one attempt with a client of the catalogue.
func try(t testing.TB, p Provider, options ...llms.CallOption) outcome {
	t.Helper()
	c, ok := p.LLM.(*client)
	require.True(t, ok)
	var o llms.CallOptions
	for _, option := range options {
		option(&o)
	}
	a := attempt{provider: p.Name, model: p.Model, ask: c.ask, timeout: defaultTimeout, sink: newSink(o, 0)}
	return a.run(context.Background(), []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "Write something.")}, options)
}

// TestHeadersOfEveryAnswer: rate limits are learned from answers and failures alike, streamed or not.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	const key = "Zq7x0123456789abcdefSECRET"
	stream := llms.WithStreamingFunc(func(context.Context, []byte) error { return nil })
	for name, c := range map[string]struct {
		status  int
		kind    string
		body    string
		options []llms.CallOption
	}{
		"answer":  {200, "application/json", `{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`, nil},
		"failure": {429, "application/json", `{"error":{"message":"wait"}}`, nil},
		"in band": {200, "application/json", `{"error":{"message":"wait","code":429}}`, nil},
		"stream":  {200, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n", []llms.CallOption{stream}},
		"cut":     {200, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", []llms.CallOption{stream}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				w.Header().Set("X-Ratelimit-Remaining-Requests", "7")
				w.Header().Set("X-Echo", "you sent "+key)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			p, err := Open("openai", Settings{Key: key, BaseURL: srv.URL, Model: "m"})
			require.NoError(t, err)
			o := try(t, p, c.options...)
			require.Equal(t, "7", o.header.Get("X-Ratelimit-Remaining-Requests"))
			require.Equal(t, "you sent [redacted]", o.header.Get("X-Echo"))
			require.Equal(t, 1, o.requests)
			require.Equal(t, c.status, o.status)
		})
	}
}
