package limit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers/internal/limit"
	"github.com/dogear-go/dogear/resilience"
)

// small is a request that one token of input and of output is enough for.
var small = resilience.Usage{Input: 1, Output: 1}

func ready(t *limit.Ticket) bool {
	select {
	case <-t.Ready():
		return true
	default:
		return false
	}
}

func TestWithoutLimitsNothingWaits(t *testing.T) {
	t.Parallel()
	var l limit.Limiter
	require.False(t, l.Known())
	for range 1000 {
		require.True(t, ready(l.Enter("run", small, time.Now())))
	}
	d, why := l.Wait("run", small, time.Now())
	require.Zero(t, d)
	require.Empty(t, why)
}

// TestAPlaceIsFreeAgain: after a request is over as after one that was not made, for those who stand in line.
func TestAPlaceIsFreeAgain(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*limit.Limiter, *limit.Ticket){
		"done": func(l *limit.Limiter, t *limit.Ticket) {
			l.Done(t, limit.Outcome{Answered: true, Used: small, Took: time.Second})
		},
		"leave": (*limit.Limiter).Leave,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var l limit.Limiter
				l.Configure(limit.Config{InFlight: 1}, time.Now())
				require.True(t, l.Known())
				first, gone, next := l.Enter("a", small, time.Now()), l.Enter("b", small, time.Now()), l.Enter("c", small, time.Now())
				require.True(t, ready(first))
				require.False(t, ready(gone))
				l.Leave(gone)
				require.False(t, ready(next), "it was in line only")
				<-time.After(time.Minute)
				leave(&l, first)
				require.True(t, ready(next))
				require.Equal(t, time.Now(), next.At())
				require.False(t, ready(gone))
			})
		})
	}
}

// TestARefusalThatNothingExplainsSlowsDown: from then on a limit is guessed, which is none that is known.
func TestARefusalThatNothingExplainsSlowsDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		over  limit.Outcome
		slows bool
	}{
		"a refusal":       {limit.Outcome{Class: resilience.RateLimit}, true},
		"come at once":    {limit.Outcome{Class: resilience.RateLimit, AtOnce: true}, false},
		"another failure": {limit.Outcome{Class: resilience.Server}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var l limit.Limiter
				l.Done(l.Enter("run", small, time.Now()), c.over)
				d, why := l.Wait("run", small, time.Now())
				require.Equal(t, c.slows, d > 0, d)
				require.Equal(t, c.slows, why == "slower, since it refused requests", why)
				require.False(t, l.Known())
			})
		})
	}
}

func TestABlockHoldsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l limit.Limiter
		until := time.Now().Add(10 * time.Second)
		l.Block(until)
		l.Block(until.Add(-time.Second))
		held := l.Enter("run", small, time.Now())
		require.False(t, ready(held))
		<-held.Ready()
		require.Equal(t, until, held.At())
	})
}
