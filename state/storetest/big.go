package storetest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

func checkBig(t testing.TB, s state.Store) {
	w := start(t, s, run)
	for _, size := range []int{1 << 10, 256<<10 - 1, 256 << 10, 1<<20 + 1, 4 << 20, sizes.Get().BigEvent} {
		text, err := state.Marshal(strings.Repeat("é", size/2))
		require.NoError(t, err)
		w.commit(state.New(state.Scope{Step: "prose", Item: fmt.Sprint(size)}, state.ItemCompleted{Result: text, Hash: "h"}))
		w.note(note("small", "beside it"))
	}
	same(t, w.sent, read(t, s, run, state.Query{}))
	w.close()
	resume(t, s, run, state.OpenExisting).close()
	for i := range w.sent {
		same(t, w.sent[i:i+1], read(t, s, run, state.Query{From: uint64(i + 1), Limit: 1}))
	}
}

// heapSlack is what the process may need beside what a check measures: other checks run at the same time.
const heapSlack = 96 << 20

// checkMany: a long run is written and read in order, and is never in memory as a whole while it is read.
func checkMany(t testing.TB, s state.Store) {
	const batch = 500
	total := sizes.Get().ManyEvents
	w := start(t, s, run)
	events := make([]state.Event, 0, batch)
	for i := 2; i <= total; i++ {
		if events = append(events, small(i)); len(events) < batch && i < total {
			continue
		}
		require.NoError(t, w.j.Append(t.Context(), w.number(events), i == total || i%(20*batch) == 1))
		w.durable, events = 1, events[:0:0]
	}
	require.EqualValues(t, total, w.j.Last())
	w.close()

	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.EqualValues(t, total, h.Last)
	before, most := heap(), uint64(0)
	n := 0
	for e, err := range s.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		if n++; e.Seq != uint64(n) || n > 1 && e.Item != itemOf(n) {
			t.Fatalf("event %d of item %q at position %d", e.Seq, e.Item, n)
		}
		if n%(total/8+1) == 0 {
			most = max(most, heap())
		}
	}
	require.Equal(t, total, n)
	require.Less(t, most, before+uint64(h.Size)/2+heapSlack, "a run of %d bytes is in memory while it is read", h.Size)

	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 2 + r.IntN(total-1)
		e, err := state.ReadEvent(t.Context(), s, run, uint64(n))
		require.NoError(t, err)
		require.Equal(t, itemOf(n), e.Item)
	}
	again := resume(t, s, run, state.OpenExisting)
	again.commit(note("last", "a"))
	require.EqualValues(t, total+1, again.j.Last())
}

func small(n int) state.Event {
	return state.New(state.Scope{Step: "prose", Item: itemOf(n)}, state.RunWarning{Code: "c", Message: strings.Repeat("m", n%40)})
}

func itemOf(n int) string { return fmt.Sprintf("%d/%d", n/100, n) }

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
