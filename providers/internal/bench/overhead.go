package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers"
)

// overhead compares the bare client with the chain, for prompts of several lengths.
func overhead(ctx context.Context, pairs int) error {
	if pairs <= 0 {
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the answer tells whether it arrived
		<-time.After(time.Millisecond)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"`+
			strings.Repeat("The tide came in. ", 40)+`"}}],"usage":{"prompt_tokens":100,"completion_tokens":160,"total_tokens":260}}`)
	}))
	defer server.Close()
	bare, err := openai.New(openai.WithToken("none"), openai.WithModel("m"), openai.WithBaseURL(server.URL))
	if err != nil {
		return err
	}
	p, err := providers.Open("loopback", providers.Settings{BaseURL: server.URL, Model: "m"})
	if err != nil {
		return err
	}
	p.Limits = providers.Limits{RequestsPerMinute: 10_000_000, TokensPerMinute: 2_000_000_000, InFlight: 100}
	chain, err := providers.NewChain(providers.ChainConfig{}, p)
	if err != nil {
		return err
	}
	fmt.Printf("\noverhead of chain, guard and limits on an answer after 1 ms (medians of %d interleaved pairs)\n", pairs)
	for _, words := range []int{50, 2000, 10_000} {
		messages := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, strings.Repeat("word ", words))}
		var times [2][]time.Duration
		for i := range pairs {
			for _, which := range []int{i % 2, 1 - i%2} {
				m := []llms.Model{bare, chain}[which]
				start := time.Now()
				if _, err := m.GenerateContent(ctx, messages); err != nil {
					return err
				}
				times[which] = append(times[which], time.Since(start))
			}
		}
		a, b := median(times[0]), median(times[1])
		fmt.Printf("  prompt of %5d words: bare client %7v, chain %7v, ratio %.3f\n", words, a.Round(time.Microsecond), b.Round(time.Microsecond), float64(b)/float64(a))
	}
	return nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
