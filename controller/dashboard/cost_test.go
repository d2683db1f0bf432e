package dashboard

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// answer records a paid call of a provider.
func (j *journal) pay(i int, provider string, cost int64) {
	call := fmt.Sprint("c", i)
	j.rec.Post(state.New(state.Scope{Step: "each"}, state.CallSent{Call: call, Try: 1, Provider: provider, Hash: "h"}))
	j.emit("each", "", state.CallAnswered{Call: call, Try: 1, Provider: provider, Hash: "h", Answer: []byte(`"a"`),
		Usage: state.Usage{Input: 10, Output: 5}, Cost: &cost})
}

// TestCostOverTimeIsThatOfTheRun: what is read in the background, and what follows it, ends with the run's own sums.
func TestCostOverTimeIsThatOfTheRun(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 3)
	for i := range 300 {
		j.pay(i, []string{"a", "b"}[i%2], int64(i))
	}
	var c CostSeries
	complete := func() bool {
		c = get[CostSeries](b, "/api/runs/Ten/cost")
		return c.Complete
	}
	require.Eventually(t, complete, 10*time.Second, time.Millisecond)
	j.pay(300, "b", 1_000_000)
	require.Eventually(t, func() bool {
		complete()
		return c.Providers[1].Points[len(c.Providers[1].Points)-1].Cost > 1_000_000
	}, 10*time.Second, time.Millisecond)
	v := get[RunView](b, "/api/runs/Ten")
	require.Len(t, c.Providers, 2)
	for _, p := range c.Providers {
		last := p.Points[len(p.Points)-1]
		require.Equal(t, v.Providers[p.Provider].Cost, last.Cost)
		require.Equal(t, v.Providers[p.Provider].Input+v.Providers[p.Provider].Output, last.Tokens)
		require.LessOrEqual(t, len(p.Points), maxPoints)
		for i := range len(p.Points) - 1 {
			require.LessOrEqual(t, p.Points[i].Cost, p.Points[i+1].Cost)
		}
	}
}

// TestPointsStayBounded: whatever the times are like, the first and the last point stay, and no provider has too many.
func TestPointsStayBounded(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, step := range []func(i int) time.Time{
		func(i int) time.Time { return time.Unix(int64(i), 0) },
		func(i int) time.Time { return time.Unix(0, int64(i)) },
		func(i int) time.Time { return time.Unix(int64(i*i), 0) },
		func(int) time.Time { return time.Unix(r.Int64N(1<<40)-1<<39, 0) },
		func(i int) time.Time { return time.Unix(-int64(i)*1000, 0) },
	} {
		h := newCostHistory()
		s := &series{}
		h.series["p"] = s
		const n = 20_000
		for i := range n {
			h.addTo(s, CostPoint{Time: step(i), Cost: int64(i + 1)})
			require.LessOrEqual(t, len(s.points), maxPoints)
		}
		require.EqualValues(t, 1, s.points[0].Cost)
		require.EqualValues(t, n, s.points[len(s.points)-1].Cost)
	}
}
