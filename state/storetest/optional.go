package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func checkContext(t testing.TB, s state.Store) {
	w := start(t, s, run)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Open(gone, "another", state.OpenOptions{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Head(gone, run)
	require.ErrorIs(t, err, context.Canceled)
	_, err = collect(gone, s, run, state.Query{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Remove(gone, run, state.RemoveOptions{}), context.Canceled)

	for range 20 {
		w.commit(note("1", "a"))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen := 0
	for _, err = range s.Events(ctx, run, state.Query{}) {
		if seen++; seen == 5 {
			stop()
		}
	}
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, seen, 20)

	// Nothing is written for a caller who has gone; and the journal can't know what he thinks of it.
	err = w.j.Append(gone, w.number([]state.Event{note("2", "b")}), true)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.EqualValues(t, 21, w.j.Last())
	w.close()
	require.EqualValues(t, 21, resume(t, s, run, state.OpenExisting).j.Last())
}

func checkUnsupported(t testing.TB, s state.Store) {
	start(t, s, run).close()
	for _, o := range []state.OpenOptions{{Scope: state.Scope{Step: "prose"}}, {Epoch: 7}} {
		j, err := s.Open(t.Context(), run, o)
		if err != nil {
			require.ErrorIs(t, err, state.ErrUnsupported)
			continue
		}
		require.NoError(t, j.Close())
	}
}

func checkSnapshots(t testing.TB, s state.Store) {
	keeper, ok := s.(state.Snapshots)
	if !ok {
		t.Skip("the store keeps no snapshots")
	}
	require.ErrorIs(t, keeper.SaveSnapshot(t.Context(), run, []byte("x")), state.ErrNotFound)
	w := start(t, s, run)
	w.note(note("1", "a"))
	_, err := keeper.LoadSnapshot(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
	for _, data := range [][]byte{[]byte("not even JSON"), bytes.Repeat([]byte{'a', 0, '\n'}, 1<<20), []byte("{}")} {
		require.NoError(t, keeper.SaveSnapshot(t.Context(), run, data))
		got, err := keeper.LoadSnapshot(t.Context(), run)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	}
	w.commit(note("2", "b"))
	w.close()
	// It is a cache: one that means nothing changes nothing.
	require.EqualValues(t, 3, resume(t, s, run, state.OpenExisting).j.Last())
	same(t, w.sent, read(t, s, run, state.Query{}))
}

func checkInbox(t testing.TB, s state.Store) {
	box, ok := s.(state.Inbox)
	if !ok {
		t.Skip("the store has no inbox")
	}
	pause := state.Request{Kind: state.AskPause, By: "someone", Time: time.Unix(300, 0).UTC()}
	require.ErrorIs(t, box.Ask(t.Context(), run, pause), state.ErrNotFound)
	w := start(t, s, run) // held by a writer: asking takes no lock
	defer w.close()
	list, err := box.Requests(t.Context(), run)
	require.NoError(t, err)
	require.Empty(t, list)

	approve := state.Request{Kind: state.AskApprove, Step: "review", By: "her", Note: "fine\n\"so\"", Hash: "0a1b", Time: time.Unix(200, 5).UTC()}
	other := approve // at the same moment, of something else
	other.Hash = ""
	reject := state.Request{Kind: state.AskReject, Step: "review", Time: time.Unix(100, 0).UTC()}
	for _, r := range []state.Request{approve, pause, pause, reject} { // asking for a pause twice is asking once
		require.NoError(t, box.Ask(t.Context(), run, r))
	}
	require.Error(t, box.Ask(t.Context(), run, state.Request{Kind: "dance"}))
	list, err = box.Requests(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, []state.Request{reject, approve, pause}, list)

	require.NoError(t, box.Ask(t.Context(), run, other))
	name, err := box.Done(t.Context(), run, other, true)
	require.NoError(t, err)
	require.NotEmpty(t, name)
	name, err = box.Done(t.Context(), run, list[1], false)
	require.NoError(t, err)
	require.Empty(t, name)
	name, err = box.Done(t.Context(), run, list[2], true)
	require.NoError(t, err)
	require.NotEmpty(t, name)
	_, err = box.Done(t.Context(), run, list[2], false) // done already
	require.NoError(t, err)
	list, err = box.Requests(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, []state.Request{reject}, list)
	require.Len(t, read(t, s, run, state.Query{}), 1) // requests are no events
}

// checkStreams: a snapshot in pieces is the snapshot, and one that could not be made leaves the last one.
func checkStreams(t testing.TB, s state.Store) {
	streams, ok := s.(state.SnapshotStreams)
	if !ok {
		t.Skip("the store has no streams of snapshots")
	}
	keeper, ok := s.(state.Snapshots)
	require.True(t, ok, "streams are a way to write and read snapshots")
	write := func(parts ...string) func(io.Writer) error {
		return func(w io.Writer) error {
			for _, part := range parts {
				if _, err := io.WriteString(w, part); err != nil {
					return err
				}
			}
			return nil
		}
	}
	require.ErrorIs(t, streams.WriteSnapshot(t.Context(), run, write("x")), state.ErrNotFound)
	_, err := streams.OpenSnapshot(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
	start(t, s, run).close()
	_, err = streams.OpenSnapshot(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)

	parts := []string{"a", strings.Repeat("b\x00\n", 1<<20), "", "c"}
	require.NoError(t, streams.WriteSnapshot(t.Context(), run, write(parts...)))
	failed := errors.New("it could not be made")
	err = streams.WriteSnapshot(t.Context(), run, func(w io.Writer) error { return errors.Join(write("other")(w), failed) })
	require.ErrorIs(t, err, failed)
	want := strings.Join(parts, "")
	data, err := keeper.LoadSnapshot(t.Context(), run)
	require.NoError(t, err)
	require.True(t, want == string(data), "what was written in pieces is read as a whole")
	r, err := streams.OpenSnapshot(t.Context(), run)
	require.NoError(t, err)
	require.NoError(t, keeper.SaveSnapshot(t.Context(), run, []byte("the next one")))
	data, err = io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, want == string(data), "who reads a snapshot reads it to its end, whatever comes after it")
	r, err = streams.OpenSnapshot(t.Context(), run)
	require.NoError(t, err)
	data, err = io.ReadAll(r)
	require.NoError(t, errors.Join(err, r.Close()))
	require.Equal(t, "the next one", string(data))
}
