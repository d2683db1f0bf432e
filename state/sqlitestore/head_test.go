package sqlitestore

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func finish(t *testing.T, j state.Journal) {
	t.Helper()
	stopped := state.New(state.Scope{}, state.RunStopped{Status: state.StatusCompleted})
	require.NoError(t, j.Append(t.Context(), number(j.Last(), stopped), true))
	require.NoError(t, j.Close())
}

// TestRunThatEndsWhileAskedIsNotInterrupted: between the look into the database and the look at the lock a session may
// end.
func TestRunThatEndsWhileAskedIsNotInterrupted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	before, err := s.readHead(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, state.StatusOpen, before.Status)
	finish(t, j)
	h, err := s.observe(t.Context(), before)
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, h.Status)
	require.EqualValues(t, 2, h.Last)

	require.NoError(t, s.Remove(t.Context(), "a", state.RemoveOptions{}))
	_, err = s.observe(t.Context(), before)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// TestListToOneWhoTakesHisTime: a page of the list is read at once and given out at the consumer's pace; a run that ended
// meanwhile is not called interrupted, one that was removed is left out, and of one begun anew the new one is shown.
func TestListToOneWhoTakesHisTime(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	finish(t, start(t, s, "a"))
	ends := start(t, s, "b-ends")
	require.NoError(t, start(t, s, "c-left").Close())
	runs := start(t, s, "d-runs")
	require.NoError(t, start(t, s, "e-goes").Close())
	require.NoError(t, start(t, s, "f-anew").Close())
	statuses, lasts := map[string]state.Status{}, map[string]uint64{}
	for h, err := range s.List(t.Context(), state.ListQuery{}) {
		require.NoError(t, err)
		if h.Run == "a" {
			finish(t, ends)
			require.NoError(t, s.Remove(t.Context(), "e-goes", state.RemoveOptions{}))
			require.NoError(t, s.Remove(t.Context(), "f-anew", state.RemoveOptions{}))
			finish(t, start(t, s, "f-anew"))
		}
		statuses[h.Run], lasts[h.Run] = h.Status, h.Last
	}
	require.Equal(t, map[string]state.Status{
		"a": state.StatusCompleted, "b-ends": state.StatusCompleted, "c-left": state.StatusInterrupted,
		"d-runs": state.StatusRunning, "f-anew": state.StatusCompleted,
	}, statuses)
	require.Equal(t, map[string]uint64{"a": 2, "b-ends": 2, "c-left": 1, "d-runs": 1, "f-anew": 2}, lasts)
	require.NoError(t, runs.Close())
}

// TestListEndsWithItsContext: also between two runs of one page, and with one error.
func TestListEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for _, run := range []string{"a", "b", "c"} {
		require.NoError(t, start(t, s, run).Close())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for _, err := range s.List(ctx, state.ListQuery{}) {
		cancel()
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], context.Canceled)
}
