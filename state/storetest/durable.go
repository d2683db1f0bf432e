package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// checkDurable: another process sees everything acknowledged while the writer lives, and whoever opens the store later, whether
// the writer took its leave or not, goes on behind it.
func checkDurable(t testing.TB, s subject) {
	w := start(t, s, run)
	w.note(note("1", "a"))
	w.commit(note("2", "b"), note("3", "c"))
	w.note(note("4", "only written, but that was acknowledged as well"))
	beside := s.again(t)
	same(t, w.sent, read(t, beside, run, state.Query{}))
	h, err := beside.Head(t.Context(), run)
	require.NoError(t, err)
	require.EqualValues(t, 5, h.Last)
	require.NotNil(t, h.Holder, "who holds the run is seen by all")
	w.commit(note("5", "d"))
	same(t, w.sent, read(t, beside, run, state.Query{}))
	w.close()

	next := resume(t, s.again(t), run, state.OpenExisting)
	require.EqualValues(t, 6, next.j.Last())
	require.Nil(t, next.j.Recovery(), "nothing was torn")
	// The acknowledgement of the last batch may have been lost with the process.
	require.NoError(t, next.j.Append(t.Context(), w.sent[4:], true))
	next.commit(note("6", "e"))
	next.close()
	same(t, append(w.sent, next.sent...), read(t, s.again(t), run, state.Query{}))
	same(t, append(w.sent, next.sent...), read(t, s, run, state.Query{}))
}

// checkOneWriterOfAll: the lock holds for everybody, and is free as soon as its holder has left.
func checkOneWriterOfAll(t testing.TB, s subject) {
	w := start(t, s, run)
	other := s.again(t)
	var held *state.HeldError
	_, err := other.Open(t.Context(), run, state.OpenOptions{})
	require.ErrorAs(t, err, &held)
	require.NotZero(t, held.PID)
	require.ErrorAs(t, other.Remove(t.Context(), run, state.RemoveOptions{}), &held)
	w.commit(note("1", "undisturbed"))
	w.close()
	next := resume(t, other, run, state.OpenExisting)
	_, err = s.Open(t.Context(), run, state.OpenOptions{})
	require.ErrorAs(t, err, &held)
	next.commit(note("2", "a"))
	next.close()
	require.NoError(t, other.Remove(t.Context(), run, state.RemoveOptions{}))
	_, err = s.Head(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
}

// checkFencing: once another one opened the run, who had it before adds nothing to it any more, and is told.
func checkFencing(t testing.TB, s subject) {
	if s.expire == nil {
		t.Skip("how a lease is lost is not said: Options.Expire")
	}
	old := start(t, s, run)
	old.commit(note("1", "a"))
	require.NotZero(t, old.j.Epoch(), "a lease needs a fencing token")
	s.expire(t, s.Store, run)
	next := resume(t, s, run, state.OpenExisting)
	require.Greater(t, next.j.Epoch(), old.j.Epoch())
	require.EqualValues(t, 2, next.j.Last())

	// Not even what is written already may be confirmed to the old one as if it were still the writer.
	late := old.number([]state.Event{note("late", "too late")})
	require.ErrorIs(t, old.j.Append(t.Context(), late, true), state.ErrFenced)
	require.ErrorIs(t, old.j.Append(t.Context(), late, true), state.ErrJournalFailed)
	select {
	case <-old.j.Lost():
	case <-time.After(grace):
		t.Fatal("who lost the run is not told by Lost")
	}
	next.commit(note("2", "b"))
	require.NoError(t, old.j.Close())
	next.commit(note("3", "c")) // the old one took nothing with it
	same(t, append(old.sent, next.sent...), read(t, s, run, state.Query{}))
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.NotNil(t, h.Holder, "nor the lease")
}

// checkEpochs: where openings have tokens, each has a higher one.
func checkEpochs(t testing.TB, s state.Store) {
	w := start(t, s, run)
	last := w.j.Epoch()
	w.close()
	for range 3 {
		w = resume(t, s, run, state.OpenExisting)
		epoch := w.j.Epoch()
		require.True(t, last == 0 && epoch == 0 || epoch > last, "epoch %d follows %d", epoch, last)
		w.commit(note("1", "a"))
		w.close()
		last = epoch
	}
}
