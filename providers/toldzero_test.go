package providers_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

// failsNow fails as a server does that says "Retry-After: 0".
func failsNow(class resilience.Class) step {
	return func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return nil, &resilience.Error{Class: class, Now: true, Err: errors.New("scripted")}
	}
}

// TestToldToComeAtOnce: a server that asks for no wait is asked again at once, does not rest, and is not hammered.
func TestToldToComeAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(failsNow(resilience.RateLimit), says(good)), script(says("b "+good))
		c := chain(t, member("a", a), member("b", b))
		start := time.Now()
		got, err := ask(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, good, got)
		require.Zero(t, time.Since(start), "the first time at its word")
		require.Zero(t, b.calls())

		a = script(failsNow(resilience.RateLimit), failsNow(resilience.RateLimit), says(good))
		start = time.Now()
		_, err = ask(t.Context(), chain(t, member("a", a)))
		require.NoError(t, err)
		require.Greater(t, time.Since(start), 10*time.Second, "the second time the rule's own wait")

		a, b = script(failsNow(resilience.Quota)), script(says(good))
		c = chain(t, member("a", a), member("b", b))
		for range 2 {
			_, err = ask(t.Context(), c)
			require.NoError(t, err)
		}
		require.Equal(t, 1, a.calls(), "no money is no money: it stays out")

		a, b = script(failsNow(resilience.RateLimit), says(good)), script(says("b "+good))
		never := resilience.Policy{Rules: map[resilience.Class]resilience.Rule{resilience.RateLimit: {Wait: resilience.Never}}}
		got, err = ask(t.Context(), chainWith(t, providers.ChainConfig{Policy: never}, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, good, got, "a rule without waits does not make nothing too long")
	})
}
