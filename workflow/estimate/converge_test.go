package estimate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// spread is a way in which items take time: about three seconds each.
type spread struct {
	name  string
	takes func(*rand.Rand) time.Duration
	cv    float64 // the standard deviation of one item, in means
}

var spreads = []spread{
	{"constant", func(*rand.Rand) time.Duration { return 3 * time.Second }, 0},
	{"uniform", func(r *rand.Rand) time.Duration { return time.Duration(float64(6*time.Second) * r.Float64()) }, 0.58},
	{"exponential", func(r *rand.Rand) time.Duration { return time.Duration(3e9 * r.ExpFloat64()) }, 1},
	{"lognormal", func(r *rand.Rand) time.Duration { return time.Duration(1.82e9 * math.Exp(r.NormFloat64())) }, 1.31},
}

var shapes = []simulation{
	{items: 400, workers: 1},
	{items: 400, workers: 8},
	{items: 400, workers: 40},
	{items: 400, workers: 8, lanes: 20},
	{items: 400, workers: 8, lanes: 3},
	{items: 400, workers: 8, fails: 0.1, pauses: 3},
	{items: 400, workers: 8, fails: 0.1, pauses: 3, kills: true},
	{items: 400, workers: 8, waits: 0.9},
	{items: 400, workers: 8, waits: 0.05},
	{items: 400, workers: 8, outage: 2 * time.Hour},
}

// TestEstimateConverges: whatever the items take, however many run side by side, and whatever comes between, the error
// is within a bound that shrinks as the run goes on, and on average it shrinks as well.
func TestEstimateConverges(t *testing.T) {
	t.Parallel()
	first := sizes.Seed()
	for _, how := range spreads {
		for _, shape := range shapes {
			t.Run(fmt.Sprintf("%s/%d workers/%d lanes/%d pauses/%v waits/%v", how.name, shape.workers, shape.lanes, shape.pauses, shape.waits, shape.outage), func(t *testing.T) {
				t.Parallel()
				var sum, n [10]float64
				for seed := range uint64(sizes.Get().Estimates) {
					s := shape
					s.rnd, s.takes = rand.New(rand.NewPCG(first, seed)), how.takes
					check(t, &s, how, fmt.Sprintf("%s=%d, run %d", sizes.SeedVariable, first, seed), func(share, err float64) {
						sum[int(share*10)] += err
						n[int(share*10)]++
					})
				}
				mean := func(from, to int) float64 {
					a, b := 0.0, 0.0
					for i := from; i < to; i++ {
						a, b = a+sum[i], b+n[i]
					}
					return a / max(1, b)
				}
				early, late := mean(0, 2), mean(8, 10)
				require.LessOrEqual(t, late, max(early, 0.1), "the error does not shrink; seed %d", first)
				t.Logf("mean error, of the whole run: %.3f in the first fifth, %.3f in the middle, %.3f in the last", early, mean(4, 6), late)
			})
		}
	}
}

func check(t *testing.T, s *simulation, how spread, seed string, measured func(share, err float64)) {
	moments := s.play()
	end := moments[len(moments)-1]
	whole := end.work.Seconds()
	est := estimate.New()
	for i, m := range moments {
		est.Observe(m.event)
		if i%7 != 0 && i != len(moments)-1 {
			continue // it costs time, and other runs ask at other events
		}
		now := m.event.Time
		left := est.Step(each, now)
		require.GreaterOrEqual(t, left.Duration, time.Duration(0))
		require.Equal(t, m.ended > 0 || i == len(moments)-1, left.Known, "event %d, %s, %d ended; %s", i, m.event.Type, m.ended, seed)
		if !left.Known || m.ended == end.ended {
			continue
		}
		rest := end.work - m.work
		share := m.work.Seconds() / whole
		got := left.Duration.Seconds()
		require.LessOrEqual(t, got, m.stall.Seconds()+25*whole, "wild, at %.0f %%; %s", share*100, seed)
		if m.stall > 0 || m.ended < 5 {
			continue // some of the items are told of the outage, and some not yet; a first one says little
		}
		err := math.Abs(got - rest.Seconds())
		require.LessOrEqual(t, err, s.bound(how, rest.Seconds(), m.ended), "%v left at %.0f %%, %d ended, but %v; %s", rest, share*100, m.ended, left.Duration, seed)
		measured(min(share, 0.999), err/whole)
	}
	require.Equal(t, estimate.Left{Known: true}, est.Step(each, end.event.Time))
}

// bound is how far an estimate may be off, in seconds: by chance, five standard deviations of the mean of what has ended
// and of the sum of what is left; by the longest item, which may begin last, and at the end of each session; by what
// fails, and is tried again by the next one; and by a lane, since lanes can't be seen.
func (s *simulation) bound(how spread, rest float64, ended int) float64 {
	cv, mean := how.cv, 3.0
	if s.waits > 0 {
		cv, mean = 1.5, 13 // waits are counted from the third on
	}
	left := float64(s.items - min(ended, s.items))
	b := rest * (5*cv/math.Sqrt(float64(ended)) + 0.05 + s.fails)
	b += 5 * cv * mean * math.Sqrt(left) / float64(s.workers)
	b += (1.5 + float64(s.pauses)) * s.longest.Seconds()
	if s.lanes > 0 {
		b += mean * float64(s.items) / float64(s.lanes)
	}
	return b
}
