package estimate

import "math"

// survival is how long items take when those that still run are taken into account: they have not ended yet, which says
// that they are not the short ones (the estimator of Kaplan and Meier, 1958, on the buckets).
type survival struct {
	at    []float64 // seconds at which items end, rising
	share []float64 // of all items, the ones that end there; adds up to one

	average float64 // seconds
}

// survive makes it; running are the seconds that each running item has worked.
func (h *durations) survive(running []float64) survival {
	var censored [buckets]float64
	risk := h.total
	for _, seconds := range running {
		censored[bucketOf(seconds)] += h.one
		risk += h.one
	}
	s := survival{at: make([]float64, 0, buckets), share: make([]float64, 0, buckets)}
	left := 1.0
	for b := range h.weight {
		if w := h.weight[b]; w > 0 && risk > 0 {
			ends := left * min(1, w/risk)
			s.at, s.share = append(s.at, h.sum[b]/w), append(s.share, ends)
			left -= ends
			risk -= w
		}
		risk -= censored[b]
	}
	if n := len(s.share); n > 0 {
		s.share[n-1] += max(0, left) // those that outlast everything that was seen
	}
	s.average = s.beyond(0)
	return s
}

// mean is how long an item takes, in seconds.
func (s survival) mean() float64 { return s.average }

// beyond is what items take on average in excess of some seconds, where those that take less count as zero.
func (s survival) beyond(t float64) float64 {
	sum := 0.0
	for i, at := range s.at {
		if at > t {
			sum += (at - t) * s.share[i]
		}
	}
	return sum
}

// outlast is the share of items that take longer than some seconds.
func (s survival) outlast(t float64) float64 {
	share := 0.0
	for i := len(s.at) - 1; i >= 0 && s.at[i] > t; i-- {
		share += s.share[i]
	}
	return share
}

// rest is how long an item still takes that has worked for some seconds. One that has outlasted everything that was seen
// is taken for one that begins anew.
func (s survival) rest(worked float64) float64 {
	if share := s.outlast(worked); share > 1e-9 {
		return s.beyond(worked) / share
	}
	return s.mean()
}

// last is how long it takes until the last of the running items ends, in seconds.
func (s survival) last(worked []float64) float64 {
	if len(worked) > sample { // of more, the longest wait is about that of as many of them
		worked = worked[:sample]
	}
	share := make([]float64, len(worked))
	for i, w := range worked {
		if share[i] = s.outlast(w); share[i] <= 1e-9 {
			worked[i], share[i] = 0, 1
		}
	}
	return s.integrate(func(t float64) float64 {
		all := 1.0 // all have ended by then
		for i, w := range worked {
			all *= 1 - s.outlast(w+t)/share[i]
		}
		return 1 - all
	})
}

// sample is how many running items are looked at one by one.
const sample = 100

// tail is how much longer than an even share of the work it takes until the last of some workers is done, in seconds:
// when nothing is left to begin, each of them is somewhere within an item.
func (s survival) tail(workers float64) float64 {
	if s.average <= 0 {
		return 0
	}
	rest := func(t float64) float64 { return s.beyond(t) / s.average } // a worker is busy for longer than t then
	return s.integrate(func(t float64) float64 { return 1 - math.Pow(1-min(1, rest(t)), workers) - rest(t) })
}

// integrate sums up a share from zero to the longest that was seen, by the midpoints of steps that grow.
func (s survival) integrate(share func(t float64) float64) float64 {
	if len(s.at) == 0 {
		return 0
	}
	const steps = 64
	sum, from := 0.0, 0.0
	for k := 1; k <= steps; k++ {
		x := float64(k) / steps
		to := s.at[len(s.at)-1] * x * x
		sum += share((from+to)/2) * (to - from)
		from = to
	}
	return max(0, sum)
}
