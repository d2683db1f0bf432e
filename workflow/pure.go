package workflow

import (
	"context"
	"math/rand/v2"
	"time"
)

// Now is the time, recorded: on resume a step is told the time that it was told before, so that prompts which name it
// stay the same. It takes the place of time.Now in steps. With a context of no step, or when it can't be recorded, it is
// the time now.
func Now(ctx context.Context) time.Time {
	now := time.Now().UTC().Round(0)
	if sc, err := scopeFrom(ctx); err == nil && sc.session != nil {
		now = sc.session.now().UTC().Round(0)
	}
	t, err := queued(ctx, "now", true, "", func(context.Context) (time.Time, error) { return now, nil })
	if err != nil {
		return now
	}
	return t
}

// Rand is a source of random numbers whose seed is recorded: on resume a step gets the same numbers again. Each call
// gives a new source; it is not safe for concurrent use. With a context of no step, or when the seed can't be recorded,
// the numbers are not repeatable.
func Rand(ctx context.Context) *rand.Rand {
	fresh := [2]uint64{rand.Uint64(), rand.Uint64()}
	seed, err := queued(ctx, "rand", true, "", func(context.Context) ([2]uint64, error) { return fresh, nil })
	if err != nil {
		seed = fresh
	}
	return rand.New(rand.NewPCG(seed[0], seed[1]))
}
