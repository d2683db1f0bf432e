package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/internal/limitapi"
	"github.com/dogear-go/dogear/resilience"
)

const workers = 40

// scenario is one way to meet a server's limits.
type scenario struct {
	name    string
	headers bool             // the server tells what is left
	limits  providers.Limits // known before
	warm    bool             // one call before, from which the limits are learned
	naive   bool             // fixed concurrency and exponential backoff instead
}

// saturation makes calls side by side, in each of the ways, against a server that limits requests more than tokens, and one that limits
// tokens more.
func saturation(ctx context.Context, calls int) error {
	for _, server := range []struct{ requests, tokens int }{{20, 6000}, {40, 4000}} {
		fmt.Printf("\nsaturation: %d calls, %d at once, against %d requests and %d tokens a second with bursts of one second\n",
			calls, workers, server.requests, server.tokens)
		fmt.Printf("  %-34s %9s %9s %7s %9s %8s\n", "", "took", "least", "ratio", "refused", "failed")
		for _, s := range []scenario{
			{name: "limits configured", limits: providers.Limits{RequestsPerMinute: 60 * server.requests, TokensPerMinute: 60 * server.tokens, Burst: 1}},
			{name: "limits learned from headers", headers: true, warm: true},
			{name: "limits found by refusals only"},
			{name: "naive: backoff, no limits", naive: true},
		} {
			api := &limitapi.API{
				PerSecond: float64(server.requests), Burst: float64(server.requests),
				TokensPerSecond: float64(server.tokens), TokensMax: float64(server.tokens),
				Latency: 150 * time.Millisecond, Answer: 150, Headers: s.headers,
			}
			if err := s.run(ctx, api, calls); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s scenario) run(ctx context.Context, api *limitapi.API, calls int) error {
	server := httptest.NewServer(api)
	defer server.Close()
	p, err := providers.Open("loopback", providers.Settings{BaseURL: server.URL, Model: "m"})
	if err != nil {
		return err
	}
	p.Limits = s.limits
	chain, err := providers.NewChain(providers.ChainConfig{}, p)
	if err != nil {
		return err
	}
	ask := func(prompt string) error {
		_, err := chain.Call(ctx, prompt)
		return err
	}
	if s.naive {
		ask = func(prompt string) error { return backoff(ctx, p.LLM, prompt) }
	}
	if s.warm {
		if err := ask("first"); err != nil {
			return err
		}
	}
	start := time.Now()
	failed := sideBySide(calls, func(i int) error { return ask(strings.Repeat("word ", 60+i%40)) })
	took, seen := time.Since(start), api.Seen()
	fmt.Printf("  %-34s %9v %9v %7.3f %8.1f%% %8d\n", s.name, took.Round(10*time.Millisecond), api.Least().Round(10*time.Millisecond),
		took.Seconds()/api.Least().Seconds(), 100*float64(seen.Refused)/float64(seen.Refused+seen.Served), failed)
	return nil
}

// backoff is what programs do without limits: one second, doubled at each refusal, at most eight tries.
func backoff(ctx context.Context, m llms.Model, prompt string) (err error) {
	for n := range 8 {
		if _, err = llms.GenerateFromSinglePrompt(ctx, m, prompt); err == nil {
			return nil
		}
		wait := time.Duration((0.5 + rand.Float64()) * float64(time.Second<<n))
		if err := resilience.Sleep(ctx, wait, "backoff"); err != nil {
			return err
		}
	}
	return err
}

// sideBySide makes the calls with a fixed number of workers, and counts those that failed.
func sideBySide(calls int, do func(i int) error) (failed int) {
	var (
		wg sync.WaitGroup
		mu sync.Mutex // guards failed
	)
	next := make(chan int)
	for range workers {
		wg.Go(func() {
			for i := range next {
				if do(i) != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	for i := range calls {
		next <- i
	}
	close(next)
	wg.Wait()
	return failed
}
