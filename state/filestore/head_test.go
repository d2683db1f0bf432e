package filestore

import (
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// sessionOf is a run that is being written, and what its session appends.
type sessionOf struct {
	t *testing.T
	j state.Journal
}

func startRun(t *testing.T, s *Store, run string) sessionOf {
	t.Helper()
	j, err := s.Open(t.Context(), run, state.OpenOptions{Mode: state.Create})
	require.NoError(t, err)
	w := sessionOf{t, j}
	created := createdEvent()
	created.Data = state.RunCreated{Format: state.Format, RunID: testID, Name: run, Pipeline: "novel"}
	w.add(created)
	return w
}

func (w sessionOf) add(events ...state.Event) {
	w.t.Helper()
	for i := range events {
		events[i].Seq, events[i].Epoch = w.j.Last()+uint64(i)+1, 1
		events[i].Durable = events[i].Seq - 1
		if events[i].Time.IsZero() {
			events[i].Time = time.Unix(int64(events[i].Seq), 0)
		}
	}
	require.NoError(w.t, w.j.Append(w.t.Context(), events, true))
}

func (w sessionOf) end() {
	w.t.Helper()
	require.NoError(w.t, w.j.Close())
}

func event(data state.Payload) state.Event { return state.New(state.Scope{}, data) }

func stopped(status state.Status) state.Event { return event(state.RunStopped{Status: status}) }

func statusOf(t *testing.T, s *Store, run string) state.Status {
	t.Helper()
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	return h.Status
}

// TestHeadStatus: open is running while somebody holds the run, and interrupted afterwards; what was stopped keeps its
// word, whatever was appended beside or behind the session.
func TestHeadStatus(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	require.Equal(t, state.StatusRunning, statusOf(t, s, testRun))
	w.add(event(state.SessionOpened{}))
	require.Equal(t, state.StatusRunning, statusOf(t, s, testRun))
	w.end()
	require.Equal(t, state.StatusInterrupted, statusOf(t, s, testRun))
	require.Equal(t, state.StatusInterrupted, statusOf(t, open(s.fs, testDir), testRun), "in a store that knows nothing yet")

	for i, status := range []state.Status{state.StatusPaused, state.StatusFailed, state.StatusCompleted} {
		j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
		require.NoError(t, err)
		w := sessionOf{t, j}
		w.add(event(state.SessionOpened{}))
		require.Equal(t, state.StatusRunning, statusOf(t, s, testRun))
		w.add(stopped(status))
		require.Equal(t, status, statusOf(t, s, testRun), "said while the lock is still held")
		w.add(event(state.JournalMark{Kind: state.MarkClosed}))
		for range 600 * i { // more than are read in one go
			w.add(event(state.RunWarning{Code: "c", Message: "behind the session"}))
		}
		w.end()
		require.Equal(t, status, statusOf(t, s, testRun))
		require.Equal(t, status, statusOf(t, open(s.fs, testDir), testRun))
	}
}

// TestHeadReadsEachRecordOnce: the status is found by walking back once, however often it is asked for.
func TestHeadReadsEachRecordOnce(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	w.add(stopped(state.StatusPaused))
	for range 2000 {
		w.add(event(state.RunWarning{Code: "c"}))
	}
	w.end()
	require.Equal(t, state.StatusPaused, statusOf(t, s, testRun))
	before := simulated(s).Ops()
	require.Equal(t, state.StatusPaused, statusOf(t, s, testRun))
	require.Less(t, simulated(s).Ops()-before, 15)
}

// endsMeanwhile ends a run's session after its journal was read, just before the lock is probed.
type endsMeanwhile struct {
	vfs.FS
	end func()
}

func (e *endsMeanwhile) ProbeLock(name string) (bool, []byte, error) {
	if end := e.end; end != nil {
		e.end = nil
		end()
	}
	return e.FS.ProbeLock(name)
}

// TestRunThatEndsWhileAskedIsNotInterrupted: between the look at the journal and the look at the lock a session may end.
func TestRunThatEndsWhileAskedIsNotInterrupted(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	reader := open(&endsMeanwhile{FS: s.fs, end: func() {
		w.add(stopped(state.StatusCompleted))
		w.end()
	}}, testDir)
	h, err := reader.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, h.Status)
	require.EqualValues(t, 2, h.Last)
	require.Nil(t, h.Holder)
}

// TestListByStatusAndAge: the limit counts what is yielded, and a run that can't be read is always yielded.
func TestListByStatusAndAge(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	statuses := []state.Status{state.StatusCompleted, state.StatusPaused}
	for i := range 6 {
		w := startRun(t, s, fmt.Sprint("r", i))
		e := stopped(statuses[i%2])
		e.Time = time.Unix(int64(1000+i), 0)
		w.add(e)
		w.end()
	}
	broken := put2(t, s, "r3x", []byte("{\"seq\":1}\n{\"seq\":2,\"type\":\"x\"}\n"))
	list := func(q state.ListQuery) (names []string) {
		for h, err := range s.List(t.Context(), q) {
			if h.Run == broken {
				require.ErrorIs(t, err, state.ErrDamaged)
			} else {
				require.NoError(t, err)
			}
			names = append(names, h.Run)
		}
		return names
	}
	paused := []state.Status{state.StatusPaused}
	require.Equal(t, []string{"r0", "r1", "r2", "r3", "r3x", "r4", "r5"}, list(state.ListQuery{}))
	require.Equal(t, []string{"r1", "r3", "r3x", "r5"}, list(state.ListQuery{Status: paused}))
	require.Equal(t, []string{"r1", "r3"}, list(state.ListQuery{Status: paused, Limit: 2}))
	require.Equal(t, []string{"r3x", "r5"}, list(state.ListQuery{Status: paused, Limit: 2, After: "r3"}))
	require.Equal(t, []string{"r0", "r1", "r3x"}, list(state.ListQuery{UpdatedBefore: time.Unix(1002, 0)}))
	require.Equal(t, []string{"r3x"}, list(state.ListQuery{Status: []state.Status{state.StatusFailed}}))
}

// put2 puts a journal with these bytes beside what the store holds.
func put2(t *testing.T, s *Store, run string, journal []byte) string {
	t.Helper()
	require.NoError(t, makeDirs(s.fs, s.RunDir(run)))
	require.NoError(t, s.writeNew(s.path(run, journalFile), func(w io.Writer) error { _, err := w.Write(journal); return err }))
	return run
}

// countsSyncs counts what is synced.
type countsSyncs struct {
	vfs.FS
	files, dirs int
}

func (c *countsSyncs) SyncDir(name string) error {
	c.dirs++
	return c.FS.SyncDir(name)
}

func (c *countsSyncs) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return countedSync{f, c}, nil
}

type countedSync struct {
	vfs.File
	c *countsSyncs
}

func (f countedSync) Sync() error     { f.c.files++; return f.File.Sync() }
func (f countedSync) SyncData() error { f.c.files++; return f.File.SyncData() }

// TestSyncNone: with it nothing is synced, without it files and folders are.
func TestSyncNone(t *testing.T) {
	t.Parallel()
	for _, none := range []bool{false, true} {
		counter := &countsSyncs{FS: simfs.New()}
		var disk vfs.FS = counter
		if none {
			disk = unsynced{counter}
		}
		s := open(disk, testDir)
		w := startRun(t, s, testRun)
		w.add(event(state.SessionOpened{}))
		require.NoError(t, s.SaveSnapshot(t.Context(), testRun, []byte("{}")))
		require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskPause}))
		w.end()
		require.NoError(t, s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: true}))
		if none {
			require.Zero(t, counter.files+counter.dirs)
		} else {
			require.GreaterOrEqual(t, counter.files, 4)
			require.GreaterOrEqual(t, counter.dirs, 4)
		}
	}
	s, err := OpenWith(t.TempDir(), Options{Sync: state.SyncNone})
	require.NoError(t, err)
	require.IsType(t, unsynced{}, s.fs)
}
