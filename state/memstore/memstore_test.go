package memstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) state.Store { return memstore.New() })
}

// write appends batches until one fails, and returns how many events were acknowledged. Batch 0 holds the first event;
// the others hold two notes and then three events of which the last is synced with them.
func write(t *testing.T, s *memstore.Store) (acked, synced uint64) {
	t.Helper()
	j, err := s.Open(t.Context(), "r", state.OpenOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	acked = j.Last()
	synced = acked
	send := func(sync bool, events ...state.Event) error {
		for i := range events {
			events[i].Seq, events[i].Durable = j.Last()+uint64(i)+1, synced
		}
		err := j.Append(t.Context(), events, sync)
		if err == nil {
			if acked = j.Last(); sync {
				synced = acked
			}
		}
		return err
	}
	note := func() state.Event { return state.New(state.Scope{}, state.RunWarning{Code: "c", Message: "m"}) }
	if acked == 0 {
		if send(true, state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "id", Name: "r"})) != nil {
			return acked, synced
		}
	}
	for range 4 {
		if send(false, note(), note()) != nil || send(true, note(), note(), note()) != nil {
			return acked, synced
		}
	}
	return acked, synced
}

const written = 21 // by one call of write on an empty store

func last(t *testing.T, s *memstore.Store) uint64 {
	t.Helper()
	h, err := s.Head(t.Context(), "r")
	if err != nil {
		require.ErrorIs(t, err, state.ErrNotFound)
	}
	return h.Last
}

func TestCrashAfterEveryEvent(t *testing.T) {
	t.Parallel()
	for n := 1; n <= written; n++ {
		s := memstore.New()
		s.CrashAfter(n, false)
		acked, _ := write(t, s)
		require.True(t, s.Crashed(), n)
		require.Less(t, acked, uint64(n), "the append that wrote event %d was not acknowledged", n)
		require.ErrorIs(t, s.SaveSnapshot(t.Context(), "r", nil), memstore.ErrCrashed)
		s.Restart()
		require.EqualValues(t, n, last(t, s), "a batch survives as a prefix")
		require.Equal(t, n, s.Appended())
		acked, _ = write(t, s)
		require.Greater(t, acked, uint64(n))
		require.False(t, s.Crashed())
	}
}

func TestPowerCutAtEveryEvent(t *testing.T) {
	t.Parallel()
	for n := 1; n <= written; n++ {
		s := memstore.New()
		s.CrashAfter(n, true)
		_, synced := write(t, s)
		s.Restart()
		require.Equal(t, synced, last(t, s), "notes that were not synced are lost")
	}
}

func TestCrashBeforeEveryEvent(t *testing.T) {
	t.Parallel()
	for n := 1; n <= written; n++ {
		s := memstore.New()
		s.CrashBefore(n)
		write(t, s)
		s.Restart()
		require.EqualValues(t, n-1, last(t, s))
	}
	s := memstore.New()
	s.CrashBefore(written + 1)
	acked, _ := write(t, s)
	require.EqualValues(t, written, acked)
	require.False(t, s.Crashed())
}

func TestJournalOfAnEarlierLifeIsDead(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	write(t, s)
	old, err := s.Open(t.Context(), "r", state.OpenOptions{})
	require.NoError(t, err)
	s.Restart()
	j, err := s.Open(t.Context(), "r", state.OpenOptions{})
	require.NoError(t, err)
	e := state.New(state.Scope{}, state.RunWarning{})
	e.Seq = written + 1
	require.ErrorIs(t, old.Append(t.Context(), []state.Event{e}, true), memstore.ErrCrashed)
	require.NoError(t, old.Close()) // which must not release the new holder's lock
	_, err = s.Open(t.Context(), "r", state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrLocked)
	require.NoError(t, j.Close())
}

// TestHeadStatusAndList: what a head says of the status, and what a list asked for by it yields.
func TestHeadStatusAndList(t *testing.T) {
	t.Parallel()
	s := memstore.New()
	add := func(j state.Journal, data state.Payload) {
		e := state.New(state.Scope{}, data)
		e.Seq, e.Durable, e.Epoch, e.Time = j.Last()+1, j.Last(), 1, time.Unix(int64(j.Last()), 0)
		require.NoError(t, j.Append(t.Context(), []state.Event{e}, true))
	}
	status := func(run string) state.Status {
		h, err := s.Head(t.Context(), run)
		require.NoError(t, err)
		return h.Status
	}
	for _, run := range []string{"a", "b", "c"} {
		j, err := s.Open(t.Context(), run, state.OpenOptions{})
		require.NoError(t, err)
		add(j, state.RunCreated{Format: state.Format, RunID: "id", Name: run})
		require.Equal(t, state.StatusRunning, status(run))
		if run != "b" {
			add(j, state.RunStopped{Status: state.StatusPaused})
			add(j, state.JournalMark{Kind: state.MarkClosed})
			require.Equal(t, state.StatusPaused, status(run))
		}
		require.NoError(t, j.Close())
	}
	require.Equal(t, state.StatusInterrupted, status("b"))
	list := func(q state.ListQuery) (names []string) {
		for h, err := range s.List(t.Context(), q) {
			require.NoError(t, err)
			names = append(names, h.Run)
		}
		return names
	}
	require.Equal(t, []string{"a", "c"}, list(state.ListQuery{Status: []state.Status{state.StatusPaused}}))
	require.Equal(t, []string{"a"}, list(state.ListQuery{Status: []state.Status{state.StatusPaused}, Limit: 1}))
	require.Equal(t, []string{"c"}, list(state.ListQuery{Status: []state.Status{state.StatusPaused}, Limit: 1, After: "a"}))
	require.Equal(t, []string{"b"}, list(state.ListQuery{UpdatedBefore: time.Unix(1, 0)}))
}
