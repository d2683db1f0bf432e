package providers_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.RateLimit, 30*time.Second), says(good))
		start := time.Now()
		_, err := ask(t.Context(), chain(t, member("a", a)))
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(start), 30*time.Second)
		require.Less(t, time.Since(start), 33*time.Second)
	})
}

func TestLongRetryAfterSwitchesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(fails(resilience.RateLimit, 30*time.Second), says("again "+good)), script(says(good))
		c := chain(t, member("a", a), member("b", b))
		start := time.Now()
		_, err := ask(t.Context(), c)
		require.NoError(t, err)
		require.Zero(t, time.Since(start))
		<-time.After(29 * time.Second)
		got, err := ask(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, good, got, "a still cools down")
		<-time.After(5 * time.Second)
		got, err = ask(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, "again "+good, got, "a is back")
	})
}

func TestAllCoolingWaitsForTheSoonest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.RateLimit, 10*time.Minute), says(good))
		b := script(fails(resilience.RateLimit, 2*time.Minute), says("b "+good))
		start := time.Now()
		got, err := ask(t.Context(), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, "b "+good, got)
		require.InDelta(t, 2*time.Minute, time.Since(start), float64(10*time.Second))
	})
}

func TestTooLongAWaitSaysUntilWhen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.RateLimit, 3*time.Hour), says(good))
		c := chain(t, member("a", a))
		start := time.Now()
		for range 2 { // the second call does not even ask
			_, err := ask(t.Context(), c)
			var wait *providers.WaitError
			require.ErrorAs(t, err, &wait)
			require.InDelta(t, float64(3*time.Hour), float64(wait.Until.Sub(start)), float64(3*time.Second))
			require.Equal(t, resilience.RateLimit, resilience.Classify(err))
			var until interface{ WaitUntil() time.Time }
			require.ErrorAs(t, err, &until)
			var typed *resilience.Error
			require.ErrorAs(t, err, &typed)
			require.NotZero(t, typed.After)
		}
		require.Equal(t, 1, a.calls())
		require.Zero(t, time.Since(start))
	})
}

func TestKnownCooldownsAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(says(good)), script(says("b "+good))
		j := newJournal()
		j.until["a"] = time.Now().Add(time.Hour)
		got, err := ask(j.ctx(t.Context()), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, "b "+good, got)
		require.Zero(t, a.calls())

		_, err = ask(j.ctx(t.Context()), chain(t, member("a", a)))
		var wait *providers.WaitError
		require.ErrorAs(t, err, &wait)
		require.Equal(t, resilience.Overloaded, resilience.Classify(err), "as the run knows it, not as a guess")
	})
}

func TestOneProbeAfterACooldown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
			<-time.After(time.Second)
			return content(good, "stop"), nil
		}
		a, b := script(fails(resilience.RateLimit, time.Minute), slow), script(says("b "+good))
		c := chain(t, member("a", a), member("b", b))
		_, err := ask(t.Context(), c)
		require.NoError(t, err)
		<-time.After(2 * time.Minute)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := ask(t.Context(), c)
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.Equal(t, 2, a.calls(), "one call probes, the others go elsewhere")
		_, err = ask(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, 3, a.calls(), "it is well again")
	})
}

func TestPauseEndsWaitsAndStartsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		a := script(fails(resilience.RateLimit, time.Minute))
		time.AfterFunc(5*time.Second, func() { close(j.pause) })
		start := time.Now()
		_, err := ask(j.ctx(t.Context()), chain(t, member("a", a)))
		require.ErrorIs(t, err, errPaused)
		require.Equal(t, 5*time.Second, time.Since(start))
		_, err = ask(j.ctx(t.Context()), chain(t, member("a", a)))
		require.ErrorIs(t, err, errPaused)
		require.Equal(t, 1, a.calls())
	})
}

// TestADaysQuotaIsWaitedForOrPaused: what comes back by itself is no reason to fail where nobody else can answer.
func TestADaysQuotaIsWaitedForOrPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := script(fails(resilience.Quota, 7*time.Minute), says(good))
		got, err := ask(t.Context(), chain(t, member("a", a)))
		require.NoError(t, err)
		require.Equal(t, good, got)
		require.InDelta(t, 7*time.Minute, time.Since(start), float64(10*time.Second))

		a = script(fails(resilience.Quota, 7*time.Hour), says(good))
		_, err = ask(t.Context(), chain(t, member("a", a)))
		var wait *providers.WaitError
		require.ErrorAs(t, err, &wait)
		require.Equal(t, resilience.Quota, resilience.Classify(err))

		start = time.Now()
		a, b := script(fails(resilience.Quota, 7*time.Minute), says(good)), script(says("b "+good))
		got, err = ask(t.Context(), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, "b "+good, got)
		require.Zero(t, time.Since(start))
	})
}
