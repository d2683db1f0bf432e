package providers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/internal/wiretest"
)

// BenchmarkGuard compares langchaingo's clients as they are with those of Open and with a chain of one, on a loopback server that
// answers after a millisecond. The three take turns, so that each sees the same machine. It reports medians, and what the
// guard adds in microseconds for a call.
func BenchmarkGuard(b *testing.B) {
	for _, name := range []string{"openai", "anthropic"} {
		for _, prompt := range []int{200, 50_000} {
			for _, stream := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/prompt=%d/stream=%t", name, prompt, stream), func(b *testing.B) { compare(b, name, prompt, stream) })
			}
		}
	}
}

func compare(b *testing.B, name string, prompt int, stream bool) {
	p := wiretest.Named(name)
	texts := strings.SplitAfter(strings.Repeat("the tide came in over the flats without a sound, ", 20), " ")
	body, kind := p.Whole(strings.Join(texts, ""), "stop"), "application/json"
	if stream {
		body, kind = strings.Join(p.Parts(texts...), "")+p.End, p.Stream
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for start := time.Now(); time.Since(start) < time.Millisecond; {
			continue // a sleep is not as exact
		}
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, body)
	}))
	defer srv.Close()
	guarded := opened(b, name, Settings{BaseURL: srv.URL + p.Base})
	chain, err := NewChain(ChainConfig{}, guarded)
	require.NoError(b, err)
	models := []llms.Model{bareClient(b, name, srv.URL+p.Base), guarded.LLM, chain}
	messages := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, strings.Repeat("word ", prompt/5))}
	var opts []llms.CallOption
	if stream {
		opts = append(opts, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
	}
	took := make([][]time.Duration, len(models))
	ask := func(i int) {
		start := time.Now()
		_, err := models[i].GenerateContent(context.Background(), messages, opts...)
		took[i] = append(took[i], time.Since(start))
		require.NoError(b, err)
	}
	for range 20 { // connections, memory
		for i := range models {
			ask(i)
		}
	}
	clear(took)
	for n := 0; b.Loop(); n++ {
		for i := range models {
			ask((i + n) % len(models))
		}
	}
	median := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2].Nanoseconds()) / 1000
	}
	bare := median(0)
	b.ReportMetric(bare, "bare-µs")
	b.ReportMetric(median(1)-bare, "guard-µs")
	b.ReportMetric(median(2)-bare, "chain-µs")
	b.ReportMetric(100*(median(2)/bare-1), "chain-%")
	b.ReportMetric(0, "ns/op")
}

// bareClient is langchaingo's client as it is.
func bareClient(b *testing.B, name, base string) (m llms.Model) {
	var err error
	if name == "anthropic" {
		m, err = anthropic.New(anthropic.WithToken(wiretest.Key), anthropic.WithModel("m-1"), anthropic.WithBaseURL(base), anthropic.WithHTTPClient(&http.Client{}))
	} else {
		m, err = openai.New(openai.WithToken(wiretest.Key), openai.WithModel("m-1"), openai.WithBaseURL(base), openai.WithHTTPClient(&http.Client{}))
	}
	require.NoError(b, err)
	return m
}
