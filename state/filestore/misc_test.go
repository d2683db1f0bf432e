package filestore

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

func noContext() context.Context { return context.Background() }

// movedLock archives the run between the opening of its lock and the locking, and another takes its place.
type movedLock struct {
	vfs.FS
	s *Store
	t *testing.T
}

func (m movedLock) TryLock(name string) (vfs.Lock, error) {
	l, err := m.FS.TryLock(name)
	require.NoError(m.t, err)
	require.NoError(m.t, m.s.moveAway(testRun, m.s.path(archiveDir, testRun+"-old")))
	require.NoError(m.t, makeDirs(m.FS, m.s.RunDir(testRun)))
	other, err := m.FS.TryLock(name)
	require.NoError(m.t, err)
	require.NoError(m.t, other.Close())
	return l, nil
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "as needed")
	s, err := Open(dir)
	require.NoError(t, err)
	require.NoDirExists(t, dir, "nothing is created before a run is")
	for h, err := range s.List(t.Context(), state.ListQuery{}) {
		t.Fatalf("there is no run, but %q is listed: %v", h.Run, err)
	}
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true))
	require.NoError(t, s.SaveSnapshot(t.Context(), testRun, []byte("{}")))
	require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskPause}))
	require.NoError(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskApprove}))
	require.NoError(t, j.Close())
	require.NoError(t, WriteFile(filepath.Join(s.RunDir(testRun), "novel.md"), []byte("text")))
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		if d.IsDir() {
			require.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), path)
		} else {
			files++
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), path)
		}
		return nil
	}))
	require.Equal(t, 6, files) // journal, checkpoint, lock, pause, a request, the novel; and nothing temporary
}

func TestPauseFile(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	// One that is left over in a folder without a journal makes no run of it, and stands in nobody's way.
	require.NoError(t, os.MkdirAll(s.RunDir(testRun), 0o700))
	pause := s.path(testRun, pauseFile)
	require.NoError(t, os.WriteFile(pause, nil, 0o600)) // touch pause
	_, err = s.Head(t.Context(), testRun)
	require.ErrorIs(t, err, state.ErrNotFound)
	for h, err := range s.List(t.Context(), state.ListQuery{}) {
		t.Fatalf("there is no run, but %q is listed: %v", h.Run, err)
	}
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{Mode: state.Create})
	require.NoError(t, err)
	require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true))
	require.NoError(t, j.Close())
	list, err := s.Requests(t.Context(), testRun)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, state.AskPause, list[0].Kind)
	name, err := s.Done(t.Context(), testRun, list[0], true)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(name, "pause.stale-"), name)
	require.FileExists(t, s.path(testRun, name))
	require.NoFileExists(t, pause)

	require.NoError(t, os.WriteFile(pause, []byte("please"), 0o600))
	list, err = s.Requests(t.Context(), testRun)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = s.Done(t.Context(), testRun, list[0], false)
	require.NoError(t, err)
	require.NoFileExists(t, pause)

	require.NoError(t, os.MkdirAll(s.path(testRun, requestsDir), 0o700))
	require.NoError(t, os.WriteFile(s.path(testRun, requestsDir+"/by-hand.json"), []byte("approve!"), 0o600))
	_, err = s.Requests(t.Context(), testRun)
	require.ErrorContains(t, err, "by-hand.json")
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "novel.md")
	for _, text := range []string{"one", "", strings.Repeat("two", 1<<20)} {
		require.NoError(t, WriteFile(path, []byte(text)))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(data))
	}
	require.Error(t, WriteFile(filepath.Join(path, "below a file"), nil))
	require.Error(t, WriteFile(filepath.Dir(path), nil), "not over a folder")
	list, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func TestOpenRefusesAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, dir := range []string{path, ""} {
		_, err := Open(dir)
		require.Error(t, err)
	}
}

// TestGolden reads journals of format 1 as they were written when that format was new: one that was closed, and one with
// the padding that the death of its process left. Never write these files again: a version that can't read them breaks
// its promise.
func TestGolden(t *testing.T) {
	t.Parallel()
	for dir, last := range map[string]uint64{"testdata/golden-1": 6, "testdata/golden-1-killed": 5} {
		s, err := Open(dir)
		require.NoError(t, err)
		h, err := s.Head(t.Context(), "Golden")
		require.NoError(t, err)
		require.Equal(t, last, h.Last)
		require.Equal(t, last-1, h.Proven)
		require.Equal(t, state.StatusInterrupted, h.Status)
		var got []string
		for e, err := range s.Events(t.Context(), "Golden", state.Query{}) {
			require.NoError(t, err)
			raw, err := state.Marshal(e.Data)
			require.NoError(t, err)
			got = append(got, fmt.Sprintf("%d %d %s %q %q %s", e.Seq, e.Durable, e.Type, e.Step, e.Item, raw))
		}
		want, err := os.ReadFile(filepath.Join(dir, "events.txt"))
		require.NoError(t, err)
		require.Equal(t, strings.TrimSpace(string(want)), strings.Join(got, "\n"))
		report, err := s.Verify(t.Context(), "Golden")
		require.NoError(t, err)
		require.Equal(t, state.Report{Records: int(last)}, report)
	}
}

// TestOneEventIsOneRead: an event is read by its number alone, however long the journal is.
func TestOneEventIsOneRead(t *testing.T) {
	t.Parallel()
	const records = 10_000
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	writeLong(t, s, records)
	s, err = Open(s.Dir())
	require.NoError(t, err)
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()

	counted := &countingFS{FS: s.fs}
	s.fs = counted
	const reads = 1000
	for n := uint64(1); n <= records; n += records / reads {
		for e, err := range s.Events(t.Context(), testRun, state.Query{From: n, Limit: 1}) {
			require.NoError(t, err)
			require.Equal(t, n, e.Seq)
		}
	}
	require.Equal(t, reads, counted.reads, "one read each")
}

func writeLong(tb testing.TB, s *Store, records int) {
	tb.Helper()
	j, err := s.Open(noContext(), testRun, state.OpenOptions{})
	require.NoError(tb, err)
	require.NoError(tb, j.Append(noContext(), []state.Event{first()}, true))
	var batch []state.Event
	for seq := uint64(2); seq <= uint64(records); seq++ {
		e := state.New(state.Scope{Step: "prose", Item: fmt.Sprint(seq)}, state.RunWarning{Code: "c", Message: strings.Repeat("m", 300)})
		e.Seq, e.Durable, e.Epoch = seq, j.Last(), 1
		if batch = append(batch, e); len(batch) == 1000 || seq == uint64(records) {
			require.NoError(tb, j.Append(noContext(), batch, true))
			batch = nil
		}
	}
	require.NoError(tb, j.Close())
}

// countingFS counts reads of files.
type countingFS struct {
	vfs.FS
	reads int
}

func (c *countingFS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	return countingFile{f, c}, err
}

type countingFile struct {
	vfs.File
	c *countingFS
}

func (f countingFile) ReadAt(p []byte, off int64) (int, error) {
	f.c.reads++
	return f.File.ReadAt(p, off)
}

func TestWriteFileSweepsWhatKilledWritersLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "Book.md")
	old, fresh := filepath.Join(dir, ".Book.md.0123.tmp"), filepath.Join(dir, ".Book.md.4567.tmp")
	for _, name := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(name, []byte("half"), 0o600))
	}
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)))
	require.NoError(t, WriteFile(path, []byte("whole")))
	require.NoFileExists(t, old)
	require.FileExists(t, fresh, "its writer may be at work")
}
