package state_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// manyItems is a run of n done items.
func manyItems(b *testing.B, n int) (*state.WorkflowState, state.Event) {
	b.Helper()
	st := &state.WorkflowState{}
	var last state.Event
	apply := func(at state.Scope, data state.Payload) {
		last = state.New(at, data)
		last.Seq = st.Seq + 1
		require.NoError(b, st.Apply(last))
	}
	hash := func(i int) string { return fmt.Sprintf("%032x", uint64(i+1)*0x9e3779b97f4a7c15) }
	apply(state.Scope{}, state.RunCreated{Format: 1, RunID: storyID, Name: "run", Pipeline: "p", Steps: steps})
	for first := 0; first < n; first += 1000 {
		list := state.StepItems{First: first, Total: n}
		for i := first; i < min(n, first+1000); i++ {
			list.Items = append(list.Items, state.ItemDef{Key: fmt.Sprintf("item-%06d", i), Hash: hash(i)})
		}
		apply(state.Scope{Step: "prose"}, list)
	}
	for i := range n {
		apply(state.Scope{Step: "prose", Item: fmt.Sprintf("item-%06d", i)}, state.ItemCompleted{Hash: hash(-i)})
	}
	return st, last
}

var itemCounts = []int{200, 100_000, 1_000_000}

// BenchmarkSnapshotTake is what a snapshot does while the run waits.
func BenchmarkSnapshotTake(b *testing.B) {
	for _, n := range itemCounts {
		st, _ := manyItems(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				state.TakeSnapshot(st)
			}
		})
	}
}

// BenchmarkSnapshotWrite is what it does beside the run.
func BenchmarkSnapshotWrite(b *testing.B) {
	for _, n := range itemCounts {
		st, last := manyItems(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data, err := state.SnapshotOf(st, "created", last)
			require.NoError(b, err)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				require.NoError(b, state.DiscardSnapshot(st, "created", last))
			}
		})
	}
}

func BenchmarkSnapshotRead(b *testing.B) {
	for _, n := range itemCounts {
		st, last := manyItems(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data, err := state.SnapshotOf(st, "created", last)
			require.NoError(b, err)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := state.FromSnapshot(data)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkFoldItem is the fold of an item's start and end, in runs of different size.
func BenchmarkFoldItem(b *testing.B) {
	for _, n := range itemCounts {
		st, _ := manyItems(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprintf("item-%06d", i)
			}
			hash := fmt.Sprintf("%032x", 1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e := state.New(state.Scope{Step: "prose", Item: keys[i%n]}, state.ItemStarted{})
				e.Seq = st.Seq + 1
				require.NoError(b, st.Apply(e))
				e.Data = state.ItemCompleted{Hash: hash}
				e.Seq++
				require.NoError(b, st.Apply(e))
			}
		})
	}
}
