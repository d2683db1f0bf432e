package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
)

// randomRun makes a run with events of every type.
func randomRun(t *testing.T, store state.Store, run, id string, events int) {
	t.Helper()
	r := &randomEvents{Rand: rand.New(rand.NewPCG(7, 1))}
	rec, err := state.OpenRecorder(t.Context(), store, run, state.RecorderOptions{})
	require.NoError(t, err)
	_, err = rec.Commit(state.New(state.Scope{}, state.RunCreated{Format: 1, RunID: id, Name: run, Pipeline: "p", Steps: steps}))
	require.NoError(t, err)
	for i := range events {
		r.seq = i + 1
		if r.IntN(3) == 0 {
			_, err = rec.Commit(r.next())
		} else {
			_, err = rec.Emit(r.next())
		}
		require.NoError(t, err)
	}
	require.NoError(t, rec.Close(t.Context()))
}

func events(t *testing.T, store state.Store, run string) (list []state.Event) {
	t.Helper()
	for e, err := range store.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

// requireSame compares two runs by event, checksum, state and soundness.
func requireSame(t *testing.T, from, to state.Store, run string) {
	t.Helper()
	require.Equal(t, events(t, from, run), events(t, to, run))
	a, err := state.Load(t.Context(), from, run)
	require.NoError(t, err)
	b, err := state.Load(t.Context(), to, run)
	require.NoError(t, err)
	require.Equal(t, state.Dump(a), state.Dump(b))
	report, err := state.Verify(t.Context(), to, run)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: int(a.Seq)}, report)
}

func TestCopyThereAndBackIsTheSameToTheByte(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	from, err := filestore.OpenWith(first, filestore.Options{Sync: state.SyncNone})
	require.NoError(t, err)
	back, err := filestore.Open(second)
	require.NoError(t, err)
	between := memstore.New()
	randomRun(t, from, "run", "id", 1500)
	for _, way := range [][2]state.Store{{from, between}, {between, back}} {
		done, err := state.Copy(t.Context(), way[0], way[1], "run")
		require.NoError(t, err)
		require.EqualValues(t, 1502, done.Events)
		require.Positive(t, done.Bytes)
		requireSame(t, way[0], way[1], "run")
	}
	want, err := os.ReadFile(filepath.Join(first, "run", "journal.jsonl"))
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(second, "run", "journal.jsonl"))
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
	require.FileExists(t, filepath.Join(second, "run", "checkpoint.json"))
}

// mortal is a store whose process is dead after its crash, also for what is no append.
type mortal struct{ *memstore.Store }

func (m mortal) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if m.Crashed() {
		return memstore.ErrCrashed
	}
	return m.Store.Remove(ctx, run, o)
}

func (m mortal) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	if m.Crashed() {
		return memstore.ErrCrashed
	}
	return m.Store.SaveSnapshot(ctx, run, data)
}

// late is a store in which something happens before a removal begins.
type late struct {
	*memstore.Store
	before func()
}

func (l *late) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if before := l.before; before != nil {
		l.before = nil
		before()
	}
	return l.Store.Remove(ctx, run, o)
}

// TestACopyLeavesWhatAnotherHasFinished: two copy a run after a third died over it; what one takes for the remains, the other
// has made a whole copy of.
func TestACopyLeavesWhatAnotherHasFinished(t *testing.T) {
	t.Parallel()
	from, dying := memstore.New(), mortal{memstore.New()}
	randomRun(t, from, "run", "id", 38)
	dying.CrashAfter(30, false)
	_, err := state.Copy(t.Context(), from, dying, "run")
	require.ErrorIs(t, err, memstore.ErrCrashed)
	dying.Restart()
	to := &late{Store: dying.Store}
	to.before = func() {
		_, err := state.Copy(t.Context(), from, dying.Store, "run")
		require.NoError(t, err)
	}
	_, err = state.Copy(t.Context(), from, to, "run")
	require.ErrorIs(t, err, state.ErrExists)
	requireSame(t, from, dying.Store, "run")
}

// TestACopyThatDiesIsNeverTakenForWhole kills the copier at every event.
func TestACopyThatDiesIsNeverTakenForWhole(t *testing.T) {
	t.Parallel()
	const written = 40
	from := memstore.New()
	randomRun(t, from, "run", "id", written-2)
	unfinished := 0
	for n := 1; n <= written; n++ {
		for name, crash := range map[string]func(*memstore.Store){
			"before": func(s *memstore.Store) { s.CrashBefore(n) },
			"after":  func(s *memstore.Store) { s.CrashAfter(n, false) },
			"power":  func(s *memstore.Store) { s.CrashAfter(n, true) },
		} {
			to := mortal{memstore.New()}
			crash(to.Store)
			_, err := state.Copy(t.Context(), from, to, "run")
			require.ErrorIs(t, err, memstore.ErrCrashed, "%s %d", name, n)
			to.Restart()
			head, err := to.Head(t.Context(), "run")
			if err == nil {
				st, err := state.Load(t.Context(), to, "run")
				switch {
				case head.Last == written:
					require.NoError(t, err)
				case head.Last > 1:
					unfinished++
					require.ErrorIs(t, err, state.ErrUnfinishedCopy, "%s %d: %v", name, n, st)
					_, err = state.OpenRecorder(t.Context(), to, "run", state.RecorderOptions{})
					require.ErrorIs(t, err, state.ErrUnfinishedCopy)
					_, err = state.Verify(t.Context(), to, "run")
					require.ErrorIs(t, err, state.ErrUnfinishedCopy)
					_, err = state.Copy(t.Context(), to, memstore.New(), "run")
					require.ErrorIs(t, err, state.ErrUnfinishedCopy)
				}
			} else {
				require.ErrorIs(t, err, state.ErrNotFound)
			}
			done, err := state.Copy(t.Context(), from, to, "run")
			require.NoError(t, err, "%s %d", name, n)
			require.EqualValues(t, written, done.Events)
			requireSame(t, from, to, "run")
		}
	}
	require.Greater(t, unfinished, written/2, "batches end somewhere between")
}

func TestAMarkThatIsDamagedIsNone(t *testing.T) {
	t.Parallel()
	from, to := memstore.New(), mortal{memstore.New()}
	randomRun(t, from, "run", "id", 38)
	to.CrashAfter(20, false)
	_, err := state.Copy(t.Context(), from, to, "run")
	require.ErrorIs(t, err, memstore.ErrCrashed)
	to.Restart()
	mark, err := to.LoadSnapshot(t.Context(), "run")
	require.NoError(t, err)
	for i := range mark {
		damaged := bytes.Clone(mark)
		if damaged[i] ^= 1; i == len(mark)-1 {
			continue // the newline
		}
		require.NoError(t, to.SaveSnapshot(t.Context(), "run", damaged))
		_, err = state.Load(t.Context(), to, "run")
		require.NoError(t, err, "%s", damaged)
		report, err := state.Verify(t.Context(), to, "run")
		require.NoError(t, err)
		require.Contains(t, report.Snapshot, "can't be read")
	}
	require.NoError(t, to.SaveSnapshot(t.Context(), "run", mark))
	_, err = state.Load(t.Context(), to, "run")
	require.ErrorIs(t, err, state.ErrUnfinishedCopy)
}

func TestCopyRefuses(t *testing.T) {
	t.Parallel()
	ctx, from, to := t.Context(), memstore.New(), memstore.New()
	_, err := state.Copy(ctx, from, to, "run")
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = state.Copy(ctx, from, to, "../run")
	require.ErrorIs(t, err, state.ErrName)

	randomRun(t, from, "run", "id", 20)
	_, err = state.Copy(ctx, from, from, "run")
	require.ErrorIs(t, err, state.ErrExists)
	randomRun(t, to, "run", "another", 3)
	before := events(t, to, "run")
	_, err = state.Copy(ctx, from, to, "run")
	require.ErrorIs(t, err, state.ErrExists)
	require.Equal(t, before, events(t, to, "run"))

	// An earlier, whole copy is a run like any other.
	to = memstore.New()
	_, err = state.Copy(ctx, from, to, "run")
	require.NoError(t, err)
	_, err = state.Copy(ctx, from, to, "run")
	require.ErrorIs(t, err, state.ErrExists)

	j, err := from.Open(ctx, "run", state.OpenOptions{})
	require.NoError(t, err)
	to = memstore.New()
	_, err = state.Copy(ctx, from, to, "run")
	var held *state.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, os.Getpid(), held.PID)
	require.NoError(t, j.Close())

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = state.Copy(gone, from, to, "run")
	require.ErrorIs(t, err, context.Canceled)
	_, err = to.Head(ctx, "run")
	require.ErrorIs(t, err, state.ErrNotFound)
}

// meddling is a store in which something happens when its third event is read, or an event is changed.
type meddling struct {
	*memstore.Store
	then   func()
	change func(*state.Event)
}

func (m meddling) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		for e, err := range m.Store.Events(ctx, run, q) {
			if e.Seq == 3 && m.then != nil {
				m.then()
			}
			if m.change != nil {
				m.change(&e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestCopyFailsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	failed := errors.New("the disk is gone")
	source := memstore.New()
	randomRun(t, source, "run", "id", 20)
	for name, c := range map[string]struct {
		from func(s *memstore.Store) state.Store
		to   func(s *memstore.Store) state.Store
		want error
	}{
		"the source grows": {from: func(s *memstore.Store) state.Store {
			grown := false
			return meddling{Store: s, then: func() {
				if !grown {
					grown = true
					randomMore(t, s)
				}
			}}
		}, want: state.ErrLocked},
		"the source is opened": {from: func(s *memstore.Store) state.Store {
			return meddling{Store: s, then: func() { _, _ = s.Open(context.Background(), "run", state.OpenOptions{}) }}
		}, want: state.ErrLocked},
		"an event of the copy is another": {to: func(s *memstore.Store) state.Store {
			return meddling{Store: s, change: func(e *state.Event) {
				if e.Seq == 9 {
					e.Time = e.Time.Add(time.Second)
				}
			}}
		}, want: state.ErrDamaged},
		"an event can't be written again as it was": {from: func(s *memstore.Store) state.Store {
			return meddling{Store: s, change: func(e *state.Event) {
				if e.Seq == 9 {
					e.Attempt += 3 // as if the record held a field that this version does not know
				}
			}}
		}, want: state.ErrNewerFormat},
		"an append fails": {to: func(s *memstore.Store) state.Store { return &spyStore{Store: s, failAt: 2, err: failed} }, want: failed},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := memstore.New(), memstore.New()
			_, err := state.Copy(t.Context(), source, from, "run")
			require.NoError(t, err)
			var a, b state.Store = from, to
			if c.from != nil {
				a = c.from(from)
			}
			if c.to != nil {
				b = c.to(to)
			}
			_, err = state.Copy(t.Context(), a, b, "run")
			require.ErrorIs(t, err, c.want)
			_, err = to.Head(t.Context(), "run")
			require.ErrorIs(t, err, state.ErrNotFound)
		})
	}
}

func randomMore(t *testing.T, s *memstore.Store) {
	rec, err := state.OpenRecorder(t.Context(), s, "run", state.RecorderOptions{})
	require.NoError(t, err)
	_, err = rec.Commit(state.New(state.Scope{}, state.RunWarning{Code: "more"}))
	require.NoError(t, err)
	require.NoError(t, rec.Close(t.Context()))
}

// spyStore fails the n-th append.
type spyStore struct {
	*memstore.Store
	failAt int
	err    error
}

func (s *spyStore) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	j, err := s.Store.Open(ctx, run, o)
	if err != nil {
		return nil, err
	}
	return &failingJournal{Journal: j, store: s}, nil
}

type failingJournal struct {
	state.Journal
	store *spyStore
}

func (j *failingJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	if j.store.failAt--; j.store.failAt == 0 {
		return j.store.err
	}
	return j.Journal.Append(ctx, events, sync)
}

func TestAnUnfinishedCopyOfAnotherRunIsNotTouched(t *testing.T) {
	t.Parallel()
	old, from, to := memstore.New(), memstore.New(), mortal{memstore.New()}
	randomRun(t, old, "run", "old", 20)
	randomRun(t, from, "run", "new", 20)
	to.CrashAfter(10, false)
	_, err := state.Copy(t.Context(), old, to, "run")
	require.ErrorIs(t, err, memstore.ErrCrashed)
	to.Restart()
	_, err = state.Copy(t.Context(), from, to, "run")
	require.ErrorIs(t, err, state.ErrExists)
	require.Len(t, events(t, to, "run"), 10)
	// It can be pruned as what it is: not finished.
	now := func() time.Time { return time.Now().Add(time.Hour) }
	done, err := state.Prune(t.Context(), to, state.PruneOptions{OlderThan: time.Minute, Now: now})
	require.NoError(t, err)
	require.Equal(t, state.SpareUnfinished, done.Left[0].Why)
	done, err = state.Prune(t.Context(), to, state.PruneOptions{OlderThan: time.Minute, Now: now, Force: true})
	require.NoError(t, err)
	require.Len(t, done.Removed, 1)
}

func TestCopyTakesRequestsAlong(t *testing.T) {
	t.Parallel()
	from, to := memstore.New(), memstore.New()
	randomRun(t, from, "run", "id", 20)
	var want []state.Request
	for i, kind := range []state.RequestKind{state.AskApprove, state.AskReject, state.AskPause} {
		r := state.Request{Kind: kind, Step: "gate", By: "her", Note: fmt.Sprint("n", i), Time: time.Unix(int64(i), 0).UTC()}
		require.NoError(t, from.Ask(t.Context(), "run", r))
		want = append(want, r)
	}
	done, err := state.Copy(t.Context(), from, to, "run")
	require.NoError(t, err)
	require.Equal(t, 2, done.Requests)
	got, err := to.Requests(t.Context(), "run")
	require.NoError(t, err)
	require.Equal(t, want[:2], got)

	_, err = state.Copy(t.Context(), from, bare{memstore.New()}, "run")
	require.ErrorIs(t, err, state.ErrUnsupported)
	for _, r := range want {
		_, err := from.Done(t.Context(), "run", r, false)
		require.NoError(t, err)
	}
	_, err = state.Copy(t.Context(), from, bare{memstore.New()}, "run")
	require.NoError(t, err, "a store without inbox and snapshots will do where they are not needed")
}

// bare is a store without the optional interfaces.
type bare struct{ state.Store }
