package resilience

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	// unboundedWait stands in for a Rule whose MaxWait was left zero outside of a Policy.
	unboundedWait = time.Hour

	// jitter is how far a computed wait is moved, in both directions, so that many clients don't come back together.
	jitter = 0.2

	// toldJitter is the part that is added to a wait which the server asked for, at most toldJitterMax.
	toldJitter    = 0.1
	toldJitterMax = 2 * time.Second
)

// Backoff returns the wait after the n-th failure (from 1), without jitter: Wait × Factorⁿ⁻¹, at most MaxWait. It never
// falls as n grows, is never negative and does not overflow.
func (r Rule) Backoff(n int) time.Duration {
	if r.Wait <= 0 {
		return 0
	}
	limit := r.limit()
	factor := r.Factor
	if !(factor >= 1) { // NaN too
		factor = 1
	}
	d := float64(r.Wait) * math.Pow(factor, float64(max(n, 1)-1))
	if !(d < float64(limit)) {
		return limit
	}
	return time.Duration(d)
}

// Jittered is Backoff moved at random by up to a fifth in both directions, at most MaxWait. random gives numbers in
// [0, 1); nil means math/rand/v2.
func (r Rule) Jittered(n int, random func() float64) time.Duration {
	if random == nil {
		random = rand.Float64
	}
	d := float64(r.Backoff(n)) * (1 - jitter + 2*jitter*unit(random()))
	return min(time.Duration(min(d, float64(math.MaxInt64/2))), r.limit())
}

func (r Rule) limit() time.Duration {
	switch {
	case r.MaxWait > 0:
		return r.MaxWait
	case r.MaxWait < 0:
		return 0
	}
	return unboundedWait
}

// afterTold adds a little to the wait that a server asked for.
func afterTold(d time.Duration, random float64) time.Duration {
	extra := min(time.Duration(float64(d)*toldJitter), toldJitterMax)
	extra = time.Duration(float64(extra) * unit(random))
	if d > math.MaxInt64-extra {
		return d
	}
	return d + extra
}

// unit clamps a number into [0, 1].
func unit(f float64) float64 {
	if !(f > 0) {
		return 0
	}
	return min(f, 1)
}
