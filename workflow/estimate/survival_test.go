package estimate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func measured(seconds ...float64) *durations {
	h := &durations{}
	for _, s := range seconds {
		h.add(time.Duration(s * float64(time.Second)))
	}
	return h
}

// TestItemsThatStillRunAreNotTheShortOnes: ten ended after 1 s and two after 20 s, and seven have run for 10 s.
func TestItemsThatStillRunAreNotTheShortOnes(t *testing.T) {
	t.Parallel()
	h := measured(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 20, 20)
	require.InDelta(t, 50.0/12, h.survive(nil).mean(), 0.1)
	s := h.survive([]float64{10, 10, 10, 10, 10, 10, 10})
	require.InDelta(t, 10.0/19*1+9.0/19*20, s.mean(), 0.3)
	require.InDelta(t, 10, s.rest(10), 0.1)
	require.InDelta(t, s.mean(), s.rest(100), 0.1, "one that outlasts all is taken for a new one")
}

func TestTheLastOfSeveralTakesLonger(t *testing.T) {
	t.Parallel()
	s := measured(1, 2, 3, 4, 5, 6, 7, 8, 9, 10).survive(nil)
	one, all := s.last([]float64{0}), s.last(make([]float64, 8))
	require.InDelta(t, 5.5, one, 0.3)
	require.InDelta(t, 9.4, all, 0.4)
	require.InDelta(t, 0, s.tail(1), 0.1)
	require.Greater(t, s.tail(8), 2.0)
	require.Less(t, s.tail(8), 8.0)
}

// TestLongAgoWeighsLittle: after a change the estimate follows within some hundred items.
func TestLongAgoWeighsLittle(t *testing.T) {
	t.Parallel()
	h := measured(0)
	for range 10_000 {
		h.add(time.Second)
	}
	for range 1000 {
		h.add(10 * time.Second)
	}
	require.InDelta(t, 10, h.survive(nil).mean(), 0.6)
	require.InDelta(t, 10, h.scale(), 0.6)
}
