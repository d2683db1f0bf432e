package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// record writes a run through a Recorder, as a session does, and returns its live state as JSON.
func record(t testing.TB, s state.Store, name string, rounds int) string {
	t.Helper()
	rec, err := state.OpenRecorder(t.Context(), s, name, state.RecorderOptions{Mode: state.Create})
	require.NoError(t, err)
	commit := func(e state.Event) {
		_, err := rec.Commit(e)
		require.NoError(t, err)
	}
	commit(created(name))
	for range rounds {
		for i, e := range everyType() {
			if i%3 == 0 {
				commit(e)
				continue
			}
			_, err := rec.Emit(e)
			require.NoError(t, err)
		}
	}
	require.NoError(t, rec.Close(t.Context()))
	var live string
	rec.View(func(st *state.WorkflowState) { live = text(t, st) })
	return live
}

// text is what is known of a state from outside.
func text(t testing.TB, st *state.WorkflowState) string {
	t.Helper()
	var items []state.ItemState
	for _, step := range st.Steps {
		for it := range st.Items(step.Name) {
			items = append(items, it)
		}
	}
	raw, err := json.MarshalIndent(map[string]any{"state": st, "steps": st.Steps, "items": items}, "", " ")
	require.NoError(t, err)
	return string(raw)
}

// checkFold: the state that is read is the one that was live, by the snapshot and without it.
func checkFold(t testing.TB, s state.Store) {
	live := record(t, s, run, 4)
	st, err := state.Load(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, live, text(t, st))
	var replayed state.WorkflowState
	for _, e := range read(t, s, run, state.Query{}) {
		require.NoError(t, replayed.Apply(e))
	}
	require.Equal(t, live, text(t, &replayed))
}

// checkVerify: a sound run is found sound, and repairing it changes nothing.
func checkVerify(t testing.TB, s state.Store) {
	_, err := state.Verify(t.Context(), s, run)
	require.ErrorIs(t, err, state.ErrNotFound)
	record(t, s, run, 2)
	before := read(t, s, run, state.Query{})
	sound := state.Report{Records: len(before)}
	report, err := state.Verify(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, sound, report)
	if repairer, ok := s.(state.Repairer); ok {
		report, err = repairer.Repair(t.Context(), run)
		require.NoError(t, err)
		require.Equal(t, sound, report)
	}
	require.NoError(t, state.RenewSnapshot(t.Context(), s, run))
	require.Equal(t, before, read(t, s, run, state.Query{}))
	report, err = state.Verify(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, sound, report)
	w := resume(t, s, run, state.OpenExisting) // a writer disturbs nothing
	w.note(note("1", "a"))
	report, err = state.Verify(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: len(before) + 1}, report)
}

// checkCopy: a run goes to another store and comes back the same.
func checkCopy(t testing.TB, s state.Store) {
	live := record(t, s, run, 35) // more than a batch
	want := read(t, s, run, state.Query{})
	if box, ok := s.(state.Inbox); ok {
		require.NoError(t, box.Ask(t.Context(), run, state.Request{Kind: state.AskApprove, Step: "review", Time: noon}))
	}
	other := memstore.New()
	done, err := state.Copy(t.Context(), s, other, run)
	require.NoError(t, err)
	require.EqualValues(t, len(want), done.Events)
	require.Equal(t, want, read(t, other, run, state.Query{}), "checksums included")
	_, err = state.Copy(t.Context(), other, s, run)
	require.ErrorIs(t, err, state.ErrExists)

	require.NoError(t, s.Remove(t.Context(), run, state.RemoveOptions{}))
	_, err = state.Copy(t.Context(), other, s, run)
	require.NoError(t, err)
	require.Equal(t, want, read(t, s, run, state.Query{}))
	st, err := state.Load(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, live, text(t, st))
	if box, ok := s.(state.Inbox); ok {
		list, err := box.Requests(t.Context(), run)
		require.NoError(t, err)
		require.Len(t, list, 1)
	}
	report, err := state.Verify(t.Context(), s, run)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: len(want)}, report)
	w := resume(t, s, run, state.OpenExisting) // and goes on
	w.commit(note("1", "a"))
	w.close()

	// Nor is a run copied that somebody holds.
	for _, way := range []struct{ from, to state.Store }{{s, memstore.New()}, {other, s}} {
		held, err := way.from.Open(t.Context(), run, state.OpenOptions{})
		require.NoError(t, err)
		_, err = state.Copy(t.Context(), way.from, way.to, run)
		require.ErrorIs(t, err, state.ErrLocked)
		require.NoError(t, held.Close())
	}
}

// checkConcurrent: many runs are written, read and listed at once.
func checkConcurrent(t testing.TB, s state.Store) {
	total := sizes.Get().Concurrent
	var group sync.WaitGroup
	for i := range total {
		group.Go(func() {
			name := fmt.Sprintf("run-%d", i)
			if err := session(t, s, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Wait()
	}()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-time.After(20 * time.Millisecond):
		}
		for h, err := range s.List(t.Context(), state.ListQuery{}) {
			if err != nil || h.RunID != idOf(h.Run) || h.Last == 0 {
				t.Errorf("%+v: %v", h, err)
			}
		}
	}
	for i := range total {
		report, err := state.Verify(t.Context(), s, fmt.Sprintf("run-%d", i))
		require.NoError(t, err)
		require.Equal(t, state.Report{Records: sessionEvents + 2}, report)
	}
	require.Len(t, pages(t, s, state.ListQuery{Status: []state.Status{state.StatusInterrupted}}, 0), total)
}

const (
	sessionEvents  = 20
	sessionWriters = 4 // the race detector keeps a quarter of a megabyte for each goroutine that ever ran beside the others
)

// session is one short run.
func session(t testing.TB, s state.Store, name string) error {
	rec, err := state.OpenRecorder(t.Context(), s, name, state.RecorderOptions{Mode: state.Create})
	if err != nil {
		return err
	}
	_, err = rec.Commit(created(name))
	var group sync.WaitGroup
	for first := range sessionWriters {
		group.Go(func() {
			for i := first; i < sessionEvents; i += sessionWriters {
				if i%5 == 0 {
					_, _ = rec.Commit(note(fmt.Sprint(i), name)) // what fails shows when it is closed
					continue
				}
				_, _ = rec.Emit(note(fmt.Sprint(i), name))
			}
		})
	}
	group.Wait()
	if failed := rec.Close(t.Context()); err == nil {
		err = failed
	}
	return err
}
