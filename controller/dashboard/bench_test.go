package dashboard

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
)

// BenchmarkListOf1000Runs lists a folder of runs: when it is first opened, and again while one of them grows.
func BenchmarkListOf1000Runs(b *testing.B) {
	const runs, items = 1000, 50
	dir := b.TempDir()
	store, err := filestore.OpenWith(dir, filestore.Options{Sync: state.SyncNone})
	require.NoError(b, err)
	for i := range runs {
		fill(b, store, fmt.Sprintf("Run-%04d", i), items)
	}
	open := func() *Dashboard {
		store, err := filestore.OpenWith(dir, filestore.Options{Sync: state.SyncNone})
		require.NoError(b, err)
		d, err := New(Config{Store: store, Logger: zap.NewNop()})
		require.NoError(b, err)
		return d
	}
	for _, sort := range []string{"-updated", "cost"} {
		b.Run("first/"+sort, func(b *testing.B) {
			for range b.N {
				d := open()
				_, err := d.runList(b.Context(), listQuery{Sort: sort})
				require.NoError(b, err)
				require.NoError(b, d.Close(b.Context()))
			}
		})
		b.Run("again/"+sort, func(b *testing.B) {
			d := open()
			_, err := d.runList(b.Context(), listQuery{Sort: sort})
			require.NoError(b, err)
			b.ResetTimer()
			for range b.N {
				_, err := d.runList(b.Context(), listQuery{Sort: sort})
				require.NoError(b, err)
			}
			require.NoError(b, d.Close(b.Context()))
		})
	}
}

// fill makes a completed run.
func fill(b *testing.B, store state.Store, run string, items int) {
	b.Helper()
	rec, err := state.OpenRecorder(b.Context(), store, run, state.RecorderOptions{})
	require.NoError(b, err)
	_, err = rec.Commit(state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: run, Name: run, Pipeline: "p", HashRecipe: 1,
		Steps: []state.StepDef{{Name: "each", Kind: state.KindEach}}}))
	require.NoError(b, err)
	rec.Post(state.New(state.Scope{}, state.SessionOpened{PID: 1, Host: "box"}))
	for i := range items {
		at := state.Scope{Step: "each", Item: fmt.Sprint(i)}
		rec.Post(state.New(at, state.ItemStarted{}))
		rec.Post(state.New(at, state.ItemCompleted{Result: []byte(`"a result of some words"`), Hash: fmt.Sprintf("%032x", i)}))
	}
	rec.Post(state.New(state.Scope{}, state.RunStopped{Status: state.StatusCompleted}))
	require.NoError(b, rec.Close(b.Context()))
}
