package faulty_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/faulty"
	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

func model(t testing.TB, spec string, seed uint64) *faulty.Model {
	t.Helper()
	cfg, err := faulty.Parse(spec, seed)
	require.NoError(t, err)
	m, err := faulty.New(offline.New(), cfg)
	require.NoError(t, err)
	return m
}

func ask(ctx context.Context, m llms.Model, prompt string, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	return m.GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, prompt)}, opts...)
}

func TestParse(t *testing.T) {
	t.Parallel()
	cfg, err := faulty.Parse(" rate_limit=0.1, empty=5% ,hang@3,retry_after=2s,delay=10ms", 7)
	require.NoError(t, err)
	require.Equal(t, faulty.Config{
		Rates: map[faulty.Kind]float64{faulty.RateLimit: 0.1, faulty.Empty: 0.05}, Calls: map[int]faulty.Kind{3: faulty.Hang},
		Seed: 7, RetryAfter: 2 * time.Second, Delay: 10 * time.Millisecond,
	}, cfg)
	_, err = faulty.Parse("", 0)
	require.NoError(t, err)
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{
		"ratelimit=0.1", "rate_limit", "rate_limit=2", "rate_limit=-1", "rate_limit=NaN", "rate_limit=x", "empty@0", "empty@x", "nope@1",
		"retry_after=5", "delay=-1s", "=1", "empty=0.1,empty=0.2", "empty@1,slow@1",
	} {
		_, err := faulty.Parse(spec, 0)
		require.Error(t, err, spec)
		require.ErrorContains(t, err, "rate_limit, quota, auth", spec)
	}
	_, err := faulty.Parse("empty=0.6,slow=0.6", 0)
	require.ErrorContains(t, err, "add up to 1.2")
	_, err = faulty.New(nil, faulty.Config{})
	require.Error(t, err)
	_, err = faulty.New(offline.New(), faulty.Config{Rates: map[faulty.Kind]float64{"x": 1}})
	require.ErrorContains(t, err, "unknown kind")
}

func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	for kind, want := range map[faulty.Kind]resilience.Class{
		faulty.RateLimit: resilience.RateLimit, faulty.Quota: resilience.Quota, faulty.Auth: resilience.Auth,
		faulty.Overloaded: resilience.Overloaded, faulty.Server: resilience.Server, faulty.Network: resilience.Network,
		faulty.ContextLength: resilience.ContextLength,
	} {
		_, err := ask(context.Background(), model(t, string(kind)+"=1,retry_after=1500ms", 0), "x")
		var typed *resilience.Error
		require.ErrorAs(t, err, &typed, kind)
		require.Equal(t, want, resilience.Classify(err), kind)
		require.Equal(t, "faulty", typed.Provider)
		if kind == faulty.RateLimit {
			require.Equal(t, 1500*time.Millisecond, typed.After)
			require.Equal(t, 429, typed.Status)
		}
	}
}

func TestSpoiledAnswers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	resp, err := ask(ctx, model(t, "empty=1", 0), "x")
	require.NoError(t, err)
	require.Empty(t, resp.Choices[0].Content)

	whole, err := ask(ctx, offline.New(), "x")
	require.NoError(t, err)
	var streamed string
	resp, err = ask(ctx, model(t, "truncated=1", 0), "x", llms.WithStreamingFunc(func(_ context.Context, b []byte) error {
		streamed += string(b)
		return nil
	}))
	require.NoError(t, err)
	require.Equal(t, "length", resp.Choices[0].StopReason)
	require.Equal(t, resp.Choices[0].Content, streamed)
	require.Len(t, resp.Choices[0].Content, len(whole.Choices[0].Content)/2)

	resp, err = ask(ctx, model(t, "refusal=1", 0), "x")
	require.NoError(t, err)
	require.Error(t, resilience.NotRefused(resilience.Answer{Text: resp.Choices[0].Content}))

	withSchema := resilience.WithSchema(ctx, "x", []byte(`{"type":"array","minItems":5,"items":{"type":"string"}}`))
	resp, err = ask(withSchema, model(t, "malformed=1", 0), "x")
	require.NoError(t, err)
	require.Equal(t, "stop", resp.Choices[0].StopReason)
	require.False(t, json.Valid([]byte(resp.Choices[0].Content)))
}

func TestSlowAndHangObeyTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := ask(t.Context(), model(t, "slow=1,delay=3s", 0), "x")
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		for _, spec := range []string{"slow=1,delay=1h", "hang=1"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err = ask(ctx, model(t, spec, 0), "x")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
	})
}

func TestNthCall(t *testing.T) {
	t.Parallel()
	m := model(t, "server@2,network@4", 0)
	var failed []int
	for i := 1; i <= 5; i++ {
		if _, err := ask(context.Background(), m, "x"); err != nil {
			failed = append(failed, i)
		}
	}
	require.Equal(t, []int{2, 4}, failed)
	require.Equal(t, map[faulty.Kind]int{faulty.Server: 1, faulty.Network: 1}, m.Injected())
}

// outcomes asks 400 requests, each twice, and says which failed how.
func outcomes(t *testing.T, m llms.Model, workers int) map[string]resilience.Class {
	t.Helper()
	got := map[string]resilience.Class{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < 400; i += workers {
				for again := range 2 {
					_, err := ask(context.Background(), m, fmt.Sprint("about 5 words ", i))
					mu.Lock()
					got[fmt.Sprint(i, "/", again)] = resilience.Classify(err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return got
}

func TestRatesDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	spec := "rate_limit=0.1,server=0.2"
	one := outcomes(t, model(t, spec, 1), 1)
	require.Equal(t, one, outcomes(t, model(t, spec, 1), 8))
	require.NotEqual(t, one, outcomes(t, model(t, spec, 2), 8))
	n := map[resilience.Class]int{}
	both := 0
	for i := range 400 {
		a, b := one[fmt.Sprint(i, "/0")], one[fmt.Sprint(i, "/1")]
		n[a]++
		n[b]++
		if a != "" && b != "" {
			both++
		}
	}
	require.InDelta(t, 80, n[resilience.RateLimit], 30)
	require.InDelta(t, 160, n[resilience.Server], 40)
	require.Less(t, both, 80, "a request that failed once is not bound to fail again")
}

func TestUserErrorInStream(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	_, err := ask(context.Background(), model(t, "truncated=1", 0), "x", llms.WithStreamingFunc(func(context.Context, []byte) error { return stop }))
	require.ErrorIs(t, err, stop)
}
