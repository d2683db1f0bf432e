package estimate

import (
	"math"
	"time"
)

// durations is a histogram of how long items took, in steps of a ninth of a value. Newer ones weigh more: each makes the
// ones before it lighter, so that about the last recent count and a model that became slower is noticed.
type durations struct {
	weight [buckets]float64
	sum    [buckets]float64 // of the seconds, with the same weights
	one    float64          // the weight of the next one
	total  float64          // of weight
	all    float64          // of sum
}

const (
	perOctave = 8 // buckets from a duration to its double
	octaves   = 28
	buckets   = perOctave * octaves // from a millisecond up to three days; the outer ones take what is beyond
	shortest  = 1e-3                // seconds
	recent    = 300
)

// bucketOf is the bucket of a duration in seconds.
func bucketOf(seconds float64) int {
	if seconds <= shortest {
		return 0
	}
	return min(buckets-1, int(math.Log2(seconds/shortest)*perOctave))
}

// add measures one.
func (h *durations) add(d time.Duration) {
	if h.one == 0 {
		h.one = 1
	}
	seconds := d.Seconds()
	b := bucketOf(seconds)
	h.weight[b] += h.one
	h.sum[b] += h.one * seconds
	h.total += h.one
	h.all += h.one * seconds
	if h.one *= 1 + 1.0/recent; h.one > 1e9 {
		h.rescale()
	}
}

func (h *durations) rescale() {
	for b := range h.weight {
		h.weight[b] /= h.one
		h.sum[b] /= h.one
	}
	h.total /= h.one
	h.all /= h.one
	h.one = 1
}

// known says that something was measured.
func (h *durations) known() bool { return h.total > 0 }

// scale is about how long one takes, in seconds; zero: not known.
func (h *durations) scale() float64 {
	if h.total == 0 {
		return 0
	}
	return h.all / h.total
}
