package providers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/internal/limitapi"
	"github.com/dogear-go/dogear/resilience"
)

// limited opens a provider on a server with limits.
func limited(t testing.TB, a http.RoundTripper, l providers.Limits) providers.Provider {
	p, err := providers.Open("openai", providers.Settings{Key: testKey, BaseURL: "http://api.test/v1", Model: "m-1", Transport: a})
	require.NoError(t, err)
	p.Limits = l
	return p
}

// askMany makes calls side by side, and returns those that failed.
func askMany(ctx context.Context, c *providers.Chain, calls, workers int, prompt func(i int) string) []error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	next := make(chan int)
	for range workers {
		wg.Go(func() {
			for i := range next {
				if _, err := c.GenerateContent(ctx, human(prompt(i))); err != nil {
					mu.Lock()
					errs = append(errs, err)
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
	return errs
}

func somePrompt(i int) string { return fmt.Sprintf("run%d ", i%2) + strings.Repeat("word ", 60+i%40) }

// TestSaturation: a server that refuses beyond its limits is used to the full, and hardly ever asked in vain.
func TestSaturation(t *testing.T) {
	t.Parallel()
	const calls, workers = 300, 40
	for name, c := range map[string]struct {
		api    *limitapi.API
		limits providers.Limits
		warm   bool // the limits are learned by one call
	}{
		"requests, configured": {api: &limitapi.API{PerSecond: 20, Burst: 20}, limits: providers.Limits{RequestsPerMinute: 1200, Burst: 1}},
		"tokens, configured":   {api: &limitapi.API{TokensPerSecond: 4000, TokensMax: 8000}, limits: providers.Limits{TokensPerMinute: 240_000, Burst: 2}},
		"both, configured": {
			api:    &limitapi.API{PerSecond: 20, Burst: 20, TokensPerSecond: 5000, TokensMax: 10_000},
			limits: providers.Limits{RequestsPerMinute: 1200, TokensPerMinute: 300_000, Burst: 1},
		},
		"requests, learned": {api: &limitapi.API{PerSecond: 20, Burst: 20, Headers: true}, warm: true},
		"tokens, learned":   {api: &limitapi.API{TokensPerSecond: 4000, TokensMax: 8000, Headers: true}, warm: true},
		"both, learned":     {api: &limitapi.API{PerSecond: 20, Burst: 30, TokensPerSecond: 5000, TokensMax: 10_000, Headers: true}, warm: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := c.api
				api.Latency, api.Answer = 150*time.Millisecond, 200
				chain := chain(t, limited(t, api, c.limits))
				if c.warm {
					require.Empty(t, askMany(t.Context(), chain, 1, 1, somePrompt))
				}
				start := time.Now()
				require.Empty(t, askMany(t.Context(), chain, calls, workers, somePrompt))
				took := time.Since(start)
				t.Logf("%s: %v of at least %v (%.3f), %d refused", name, took, api.Least(), took.Seconds()/api.Least().Seconds(), api.Seen().Refused)
				require.LessOrEqual(t, took.Seconds(), 1.10*api.Least().Seconds())
				require.LessOrEqual(t, api.Seen().Refused, calls/100)
			})
		})
	}
}

// TestRefusalsAloneSlowDown: a server that tells nothing is found out by its refusals, and is tried again with more as time passes.
func TestRefusalsAloneSlowDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{PerSecond: 20, Burst: 20, Latency: 50 * time.Millisecond, Answer: 20, RetryAfter: true}
		c := chain(t, limited(t, api, providers.Limits{}))
		errs := askMany(t.Context(), c, 1000, 8, somePrompt)
		learning := api.Seen().Refused
		start, served := time.Now(), api.Seen().Served
		errs = append(errs, askMany(t.Context(), c, 1000, 8, somePrompt)...)
		rate := float64(api.Seen().Served-served) / time.Since(start).Seconds()
		t.Logf("%d refused, then %d; %.1f a second; %d errors", learning, api.Seen().Refused-learning, rate, len(errs))
		require.Empty(t, errs)
		require.Greater(t, rate, 16.0)
		require.Less(t, api.Seen().Refused-learning, 50)

		api.Set(func(a *limitapi.API) { a.PerSecond, a.Burst = 100, 100 })
		require.Empty(t, askMany(t.Context(), c, 5000, 8, somePrompt))
		start, served = time.Now(), api.Seen().Served
		require.Empty(t, askMany(t.Context(), c, 1000, 8, somePrompt))
		require.Greater(t, float64(api.Seen().Served-served)/time.Since(start).Seconds(), 60.0, "it finds out that more is allowed now")
	})
}

// TestRunsTakeTurns: a run that came later, with few requests, does not wait until all of the first are done.
func TestRunsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Latency: 10 * time.Millisecond, Answer: 20}
		p := limited(t, api, providers.Limits{RequestsPerMinute: 600, Burst: 0.2})
		pool := providers.NewPool()
		var wg sync.WaitGroup
		for _, run := range []string{"large", "small"} {
			c := chainWith(t, providers.ChainConfig{Pool: pool}, p) // chains of their own, one pool
			ctx := resilience.WithHooks(t.Context(), resilience.Hooks{Run: run})
			calls := map[string]int{"large": 200, "small": 20}[run]
			wg.Go(func() {
				for _, err := range askMany(ctx, c, calls, calls, func(int) string { return run + " " + somePrompt(0) }) {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		last := 0
		for i, run := range api.Seen().Runs {
			if run == "small" {
				last = i
			}
		}
		require.Len(t, api.Seen().Runs, 220)
		require.Less(t, last, 60, "20 of the one while 20 of the other go")
	})
}

func TestRequestsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Latency: time.Second, Answer: 20}
		c := chain(t, limited(t, api, providers.Limits{InFlight: 3}))
		start := time.Now()
		require.Empty(t, askMany(t.Context(), c, 30, 30, somePrompt))
		require.Equal(t, 3, api.Seen().MostInFlight)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

// TestAWaitInLineIsSeenAndEnds: by a pause and by the context, and nobody behind waits longer for it.
func TestAWaitInLineIsSeenAndEnds(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"pause", "cancel", "deadline"} {
		synctest.Test(t, func(t *testing.T) {
			api := &limitapi.API{Answer: 20}
			c := chain(t, limited(t, api, providers.Limits{RequestsPerMinute: 2, Burst: 30}))
			j := newJournal()
			require.Empty(t, askMany(t.Context(), c, 1, 1, somePrompt))
			ctx, cancel := context.WithCancel(t.Context())
			if how == "deadline" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
			}
			defer cancel()
			got := make(chan error, 1)
			start := time.Now()
			go func() {
				_, err := ask(j.ctx(ctx), c)
				got <- err
			}()
			synctest.Wait()
			switch how {
			case "pause":
				require.Equal(t, []string{"wait"}, j.log)
				close(j.pause)
				require.ErrorIs(t, <-got, errPaused)
			case "cancel":
				cancel()
				err := <-got
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, resilience.Canceled, resilience.Classify(err))
			case "deadline": // it would not end in time: that is said at once
				require.Error(t, <-got)
			}
			require.Zero(t, time.Since(start))
			require.Empty(t, askMany(t.Context(), c, 1, 1, somePrompt))
			require.InDelta(t, 30*time.Second, time.Since(start), float64(2*time.Second), "the place in line was given back")
			require.NotContains(t, strings.Join(j.log, " "), "before", "what did not leave was not announced")
		})
	}
}

func TestALongLineSendsOnToTheNextProvider(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Answer: 20}
		b := script(says(good))
		c := chain(t, limited(t, api, providers.Limits{RequestsPerMinute: 6, Burst: 10}), member("b", b))
		start := time.Now()
		require.Empty(t, askMany(t.Context(), c, 12, 12, somePrompt))
		require.Less(t, time.Since(start), 65*time.Second)
		require.InDelta(t, 7, api.Seen().Served, 1, "as many as a minute's patience allows")
		require.Equal(t, 12-api.Seen().Served, b.calls())
	})
}

func TestAUsedUpDaySaysUntilWhen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Answer: 20}
		c := chain(t, limited(t, api, providers.Limits{RequestsPerDay: 24}))
		require.Empty(t, askMany(t.Context(), c, 23, 1, somePrompt))
		start := time.Now()
		_, err := ask(t.Context(), c)
		var wait *providers.WaitError
		require.ErrorAs(t, err, &wait)
		require.InDelta(t, float64(time.Hour), float64(wait.Until.Sub(start)), float64(time.Minute))
		require.ErrorContains(t, err, "requests_per_day", "it names the limit")
	})
}

// TestAShortWaitIsWaitedForByAll: nobody goes to a dearer provider for two seconds.
func TestAShortWaitIsWaitedForByAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(fails(resilience.RateLimit, 2*time.Second), says(good)), script(says(good))
		c := chain(t, member("a", a), member("b", b))
		start := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, err := ask(t.Context(), c)
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		wg.Wait()
		require.Zero(t, b.calls())
		require.Equal(t, 6, a.calls())
		for _, at := range a.times[1:] {
			require.GreaterOrEqual(t, at.Sub(start), 2*time.Second)
		}
	})
}

// TestChainsOfAPoolShareWhatTheyKnow: what one chain was told keeps another from asking.
func TestChainsOfAPoolShareWhatTheyKnow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.RateLimit, 5*time.Minute), says(good))
		pool := providers.NewPool()
		one := chainWith(t, providers.ChainConfig{Pool: pool}, member("a", a), member("b", script(says(good))))
		_, err := ask(t.Context(), one)
		require.NoError(t, err)
		other := chainWith(t, providers.ChainConfig{Pool: pool}, member("a", a), member("c", script(says("c "+good))))
		got, err := ask(t.Context(), other)
		require.NoError(t, err)
		require.Equal(t, "c "+good, got)
		require.Equal(t, 1, a.calls())
	})
}

// TestALeaveThatWasNotUsedIsGivenBack: a request that the run refuses at the last moment takes no place.
func TestALeaveThatWasNotUsedIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Latency: time.Second, Answer: 20}
		c := chain(t, limited(t, api, providers.Limits{InFlight: 1, RequestsPerMinute: 3}))
		j := newJournal()
		j.before = func(resilience.Try) error { return errPaused }
		for range 5 {
			_, err := ask(j.ctx(t.Context()), c)
			require.ErrorIs(t, err, errPaused)
		}
		start := time.Now()
		require.Empty(t, askMany(t.Context(), c, 2, 2, somePrompt))
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// TestLimitsOfTwoChainsAreTheLower: whoever brings limits to a pool, all keep to them.
func TestLimitsOfTwoChainsAreTheLower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &limitapi.API{Latency: time.Second, Answer: 20}
		pool := providers.NewPool()
		wide := chainWith(t, providers.ChainConfig{Pool: pool}, limited(t, api, providers.Limits{InFlight: 9, RequestsPerMinute: 6000}))
		chainWith(t, providers.ChainConfig{Pool: pool}, limited(t, api, providers.Limits{InFlight: 2, RequestsPerMinute: 60, Burst: 5}))
		start := time.Now()
		require.Empty(t, askMany(t.Context(), wide, 20, 20, somePrompt))
		require.Equal(t, 2, api.Seen().MostInFlight)
		require.Greater(t, time.Since(start), 14*time.Second)
	})
}
