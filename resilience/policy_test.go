package resilience

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultWaits(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for c, want := range map[Class][]time.Duration{
		RateLimit:     {5 * s, 15 * s, 45 * s, 135 * s, 300 * s, 300 * s},
		Network:       {5 * s, 10 * s, 20 * s, 40 * s, 60 * s},
		EmptyResponse: {5 * s, 7500 * time.Millisecond, 11250 * time.Millisecond},
		Unknown:       {5 * s, 10 * s},
	} {
		for i, w := range want {
			require.Equal(t, w, Policy{}.Rule(c).Backoff(i+1), "%s %d", c, i+1)
		}
	}
}

func TestPolicyRule(t *testing.T) {
	t.Parallel()
	p := Policy{Rules: map[Class]Rule{
		RateLimit: {Attempts: 6},
		Network:   {Wait: Never, Switch: Never, Attempts: -7},
		Server:    {Wait: time.Hour},
		Canceled:  {Attempts: 9, Switch: 1},
		"mine":    {Attempts: 4},
	}}
	require.Equal(t, Rule{Attempts: 6, Wait: 5 * time.Second, Factor: 3, MaxWait: 5 * time.Minute, Switch: 2}, p.Rule(RateLimit))
	require.Zero(t, p.Rule(Network).Backoff(3))
	require.Equal(t, Never, p.Rule(Network).Switch)
	require.Equal(t, 1, p.Rule(Network).Attempts)
	require.Equal(t, time.Hour, p.Rule(Server).Backoff(1), "a longer wait lifts its bound")
	require.Equal(t, 1, p.Rule(Canceled).Attempts, "a cancellation is never tried again")
	require.Equal(t, 4, p.Rule("mine").Attempts)
	require.Equal(t, Policy{}.Rule(Auth), p.Rule(Auth))
	for _, c := range Classes() { // a resolved rule may be put back
		back := Policy{Rules: map[Class]Rule{c: p.Rule(c)}}
		require.Equal(t, p.Rule(c), back.Rule(c), c)
	}
}

func TestPolicyClassOf(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	p := Policy{Classify: func(err error) (Class, bool) { return Overloaded, errors.Is(err, mine) }}
	require.Equal(t, Overloaded, p.ClassOf(mine))
	require.Equal(t, Quota, p.ClassOf(&Error{Class: Quota}))
	require.Equal(t, Class(""), p.ClassOf(nil))
	require.Equal(t, Unknown, Policy{}.ClassOf(mine))
}

// TestBackoffProperties: for any rule the wait never falls, stays within its bound, and does not overflow.
func TestBackoffProperties(t *testing.T) {
	t.Parallel()
	rules := []Rule{
		{}, {Wait: 1, Factor: 1e300}, {Wait: math.MaxInt64, Factor: 2, MaxWait: math.MaxInt64}, {Wait: -1}, {Wait: time.Second, MaxWait: -1},
		{Wait: time.Second, Factor: math.NaN()}, {Wait: time.Second, Factor: math.Inf(1)}, {Wait: time.Second, Factor: -3}, {Wait: time.Minute, Factor: 2, MaxWait: time.Second},
	}
	for _, c := range Classes() {
		rules = append(rules, Policy{}.Rule(c))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rules = append(rules, Rule{Wait: time.Duration(rng.Int64()), Factor: rng.Float64() * 10, MaxWait: time.Duration(rng.Int64())})
	}
	for _, r := range rules {
		limit := r.MaxWait
		if limit == 0 {
			limit = unboundedWait
		}
		last := time.Duration(0)
		for n := -1; n <= 1_000_000; n = n + 1 + n*n/4 {
			d := r.Backoff(n)
			require.GreaterOrEqual(t, d, last, "%+v n=%d", r, n)
			require.LessOrEqual(t, d, max(limit, 0), "%+v n=%d", r, n)
			last = d
			for _, f := range []float64{0, 0.5, 0.999999, 1, -4, 7, math.NaN()} {
				j := r.Jittered(n, func() float64 { return f })
				require.GreaterOrEqual(t, j, time.Duration(0), "%+v n=%d", r, n)
				require.LessOrEqual(t, j, max(limit, 0), "%+v n=%d", r, n)
			}
		}
		require.GreaterOrEqual(t, r.Backoff(1_000_000), last)
		require.GreaterOrEqual(t, r.Backoff(math.MaxInt), last)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for _, f := range []float64{0, 0.3, 1} {
		p := Policy{Rand: func() float64 { return f }}
		d := p.Delay(&Error{Class: Server}, 1)
		require.GreaterOrEqual(t, d, 4*time.Second)
		require.LessOrEqual(t, d, 6*time.Second)
		for _, told := range []time.Duration{1, time.Second, 40 * time.Minute, maxAfter, math.MaxInt64} {
			d := p.Delay(&Error{Class: RateLimit, After: told}, 3)
			require.GreaterOrEqual(t, d, told, "never before the server said")
			require.LessOrEqual(t, d-told, 2*time.Second)
		}
	}
	require.Positive(t, Policy{}.Delay(errors.New("x"), 1))
}
