package filestore

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
)

// TestClockJumpsBack: neither the order of events, nor their numbers, nor locks, nor the names of what is put aside
// depend on the clock, which jumps back an hour with every look at it.
func TestClockJumpsBack(t *testing.T) {
	t.Parallel()
	clock := time.Unix(1_800_000_000, 0).UTC()
	back := func() time.Time {
		clock = clock.Add(-time.Hour)
		return clock
	}
	s := open(simfs.New(), testDir)
	s.now = back
	var times []time.Time
	for session := range 3 {
		r, err := state.OpenRecorder(t.Context(), s, testRun, state.RecorderOptions{Now: back})
		require.NoError(t, err)
		if session == 0 {
			e := createdEvent()
			e.Time = time.Time{}
			_, err := r.Commit(e)
			require.NoError(t, err)
		}
		for range 5 {
			_, err := r.Commit(event(state.RunWarning{Code: "c"}))
			require.NoError(t, err)
		}
		_, err = s.Open(t.Context(), testRun, state.OpenOptions{})
		require.ErrorIs(t, err, state.ErrLocked)
		require.NoError(t, r.Close(t.Context()))
	}
	for e, err := range s.Events(t.Context(), testRun, state.Query{}) {
		require.NoError(t, err)
		times = append(times, e.Time)
		require.EqualValues(t, len(times), e.Seq)
	}
	require.Len(t, times, 1+3*6)
	slices.Reverse(times)
	require.True(t, slices.IsSortedFunc(times, time.Time.Compare), "the clock did jump back")
	st, err := state.Load(t.Context(), s, testRun)
	require.NoError(t, err)
	require.EqualValues(t, len(times), st.Seq)
	h, err := s.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, times[0], h.Updated, "when the last event was written, by the clock of then")
}

// TestNamesAtOneInstant: what is put aside at the same nanosecond twice, as a clock that jumps back can have it, is put
// aside twice.
func TestNamesAtOneInstant(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	s.now = func() time.Time { return time.Unix(7, 0) }
	for range 3 {
		startRun(t, s, testRun).end()
		require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskPause}))
		for range 2 {
			require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskApprove, Note: "same"}))
		}
		list, err := s.Requests(t.Context(), testRun)
		require.NoError(t, err)
		require.Len(t, list, 3)
		_, err = s.Done(t.Context(), testRun, list[0], true)
		require.NoError(t, err)
		require.NoError(t, s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: true}))
	}
	archived, err := s.fs.ReadDir(s.path("", archiveDir))
	require.NoError(t, err)
	require.Len(t, archived, 3)

	startRun(t, s, testRun).end()
	names := map[string]bool{}
	for range 3 {
		require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskPause}))
		name, err := s.Done(t.Context(), testRun, state.Request{Kind: state.AskPause}, true)
		require.NoError(t, err)
		names[name] = true
	}
	require.Len(t, names, 3)

	copies := map[string]bool{}
	lines := sample(t, 9)
	for i := range 3 {
		broken := join(lines)
		broken[len(join(lines[:3+i]))+30] ^= 1
		require.NoError(t, replaceFile(s.fs, s.path(testRun, journalFile), s.path(testRun, "x"), os.O_EXCL, broken))
		report, err := s.Repair(t.Context(), testRun)
		require.NoError(t, err)
		copies[report.Copy] = true
	}
	require.Len(t, copies, 3)
	for range 2 {
		require.NoError(t, s.Remove(t.Context(), testRun, state.RemoveOptions{}))
		startRun(t, s, testRun).end()
	}
}
