package sqlitestore

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// TestSyncs counts the syncs of the disk below.
func TestSyncs(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	s, err := d.open()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	s.commits.every = checkpointPages
	j := start(t, s, "a")
	defer func() { require.NoError(t, j.Close()) }()
	count := func(want int, what string, do func() error) {
		t.Helper()
		before := d.Syncs()
		require.NoError(t, do(), what)
		require.Equal(t, want, d.Syncs()-before, what)
	}
	appending := func(n int, sync bool) func() error {
		return func() error {
			var events []state.Event
			for range n {
				events = append(events, item("1", "x"))
			}
			return j.Append(t.Context(), number(j.Last(), events...), sync)
		}
	}
	count(0, "a note", appending(1, false))
	count(0, "notes", appending(5, false))
	count(1, "nothing new, after notes", appending(0, true))
	count(0, "nothing new, after a sync", appending(0, true))
	count(1, "a durable event", appending(1, true))
	count(1, "durable events", appending(5, true))
	count(0, "a note again", appending(1, false))
	count(0, "a snapshot", func() error { return s.SaveSnapshot(t.Context(), "a", []byte("{}")) })
	count(1, "a request", func() error { return s.Ask(t.Context(), "a", state.Request{Kind: state.AskPause}) })

	s.sync = state.SyncNone
	count(0, "a durable event of a store that syncs nothing", appending(1, true))
}

// TestGroupCommit holds up one transaction until many are waiting: they go into one more, with one sync.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	const runs = 20
	d := newDisk(t)
	s, err := d.open()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	s.commits.every = checkpointPages
	var journals []state.Journal
	for i := range runs {
		journals = append(journals, start(t, s, fmt.Sprint(i)))
	}
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.commits.commit(&op{do: func(*conn) error { close(held); <-release; return nil }}) // nothing to write
	})
	<-held
	transactions, syncs := s.commits.count, d.Syncs()
	for i, j := range journals {
		events := number(j.Last(), item("1", "x"))
		if i == 7 {
			events[0].Seq++ // refused: and it is the only one
		}
		wg.Go(func() {
			err := j.Append(t.Context(), events, i%2 == 0)
			if (err != nil) != (i == 7) {
				t.Errorf("run %d: %v", i, err)
			}
		})
	}
	for waiting := 0; waiting < runs-1; {
		s.commits.mu.Lock()
		waiting = len(s.commits.waiting)
		s.commits.mu.Unlock()
	}
	close(release)
	wg.Wait()
	require.Equal(t, transactions+1, s.commits.count)
	require.Equal(t, syncs+1, d.Syncs())
	for i, j := range journals {
		want := uint64(2)
		if i == 7 {
			want = 1
		}
		require.Equal(t, want, j.Last())
		require.NoError(t, j.Close())
	}
}

// TestOneFailsAlone has one member of a transaction meet a number that is there already, as a second writer of its run
// would after somebody removed the locks.
func TestOneFailsAlone(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	a, b := start(t, s, "a"), start(t, s, "b").(*journal)
	k := key(b.n, 3)
	require.NoError(t, s.commits.commit(&op{do: func(c *conn) error {
		return c.insertBlob(insertEvent, "events", "record", []byte("another's"), k, 1)
	}}))
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.commits.commit(&op{do: func(*conn) error { close(held); <-release; return nil }}) // nothing to write
	})
	<-held
	var errA, errB error
	wg.Go(func() { errA = a.Append(t.Context(), number(1, item("1", "x"), item("2", "x")), true) })
	wg.Go(func() { errB = b.Append(t.Context(), number(1, item("1", "x"), item("2", "x")), true) })
	for waiting := 0; waiting < 2; {
		s.commits.mu.Lock()
		waiting = len(s.commits.waiting)
		s.commits.mu.Unlock()
	}
	close(release)
	wg.Wait()
	require.NoError(t, errA)
	require.ErrorIs(t, errB, state.ErrJournalFailed)
	text, err := s.readRecord(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, "another's", string(text)) // nothing was written over
	text, err = s.readRecord(t.Context(), key(b.n, 2))
	require.NoError(t, err)
	require.Empty(t, text) // a batch is there as a whole or not at all
	require.EqualValues(t, 3, a.Last())
}

// TestManyRunsAtOnce has many recorders write at once.
func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	const items = 8
	runs := sizes.Get().Concurrent
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			if err := oneRun(context.Background(), s, fmt.Sprintf("run-%04d", i), items); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := 0
	for h, err := range s.List(t.Context(), state.ListQuery{Status: []state.Status{state.StatusCompleted}}) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("run-%04d", count), h.Run)
		require.EqualValues(t, items+3, h.Last)
		count++
	}
	require.Equal(t, runs, count)
	require.Less(t, s.commits.count, runs*(items+2), "no transaction held more than one append")
}

func oneRun(ctx context.Context, s *Store, run string, items int) error {
	r, err := state.OpenRecorder(ctx, s, run, state.RecorderOptions{Mode: state.Create})
	if err != nil {
		return err
	}
	if _, err := r.Commit(created(run)); err != nil {
		return err
	}
	for i := range items {
		if _, err := r.Commit(item(fmt.Sprint(i), "x")); err != nil {
			return err
		}
	}
	if _, err := r.Commit(state.New(state.Scope{}, state.RunStopped{Status: state.StatusCompleted})); err != nil {
		return err
	}
	return r.Close(ctx)
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	err := j.Append(t.Context(), number(1, item("1", "x")), true)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	_, err = s.Head(t.Context(), "a")
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.Open(t.Context(), "b", state.OpenOptions{})
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, j.Close())
	j = resume(t, openStore(t, s.File()), "a")
	require.EqualValues(t, 1, j.Last())
	require.NoError(t, j.Close())
}
