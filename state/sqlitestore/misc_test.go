package sqlitestore

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// count is the number that a query yields.
func (s *Store) count(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, s.read(t.Context(), func(c *conn) error {
		return c.query(func(st *sqlite3.Stmt) error { n = st.ColumnInt(0); return nil }, sql)
	}))
	return n
}

func TestNotOurFile(t *testing.T) {
	t.Parallel()
	newer, err := os.ReadFile(newStoreFile(t))
	require.NoError(t, err)
	binary.BigEndian.PutUint32(newer[60:], schemaVersion+1)
	none := slices.Clone(newer)
	binary.BigEndian.PutUint32(none[60:], 0)
	other := slices.Clone(newer)
	binary.BigEndian.PutUint32(other[68:], 7)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"text":            {[]byte("not a database"), "no SQLite database"},
		"long text":       {[]byte(strings.Repeat("not a database", 100)), "no SQLite database"},
		"another program": {other, "another program"},
		"newer":           {newer, "update dogear"},
		"no version":      {none, "no version"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, c.data, filePerm))
		_, err := Open(t.Context(), file, Options{})
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, file, name)
		require.Equal(t, name == "newer", errorsIsNewer(err), name)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, c.data, data, name)
		left, err := os.ReadDir(filepath.Dir(file))
		require.NoError(t, err)
		require.Len(t, left, 1, name)
	}
	_, err = Open(t.Context(), "", Options{})
	require.Error(t, err)
	_, err = Open(t.Context(), t.TempDir(), Options{})
	require.Error(t, err)
}

func errorsIsNewer(err error) bool {
	return strings.Contains(err.Error(), state.ErrNewerFormat.Error())
}

// newStoreFile is a closed database without a run.
func newStoreFile(t *testing.T) string {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "runs.db"), Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return s.File()
}

// TestPrivate: prompts and answers are private.
func TestPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no modes")
	}
	file := filepath.Join(t.TempDir(), "new", "sub", "runs.db")
	s := openStore(t, file)
	j := start(t, s, "a")
	defer func() { require.NoError(t, j.Close()) }()
	write(t, j, 1, true)
	for name, mode := range map[string]os.FileMode{
		file: 0o600, file + "-wal": 0o600, file + ".locks": 0o700, filepath.Dir(file): 0o700,
		filepath.Dir(filepath.Dir(file)): 0o700, s.lockPath("a"): 0o600,
	} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
}

// TestLinks: two names of one file are one store.
func TestLinks(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(s.File(), link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	j := start(t, s, "a")
	defer func() { require.NoError(t, j.Close()) }()
	_, err := openStore(t, link).Open(t.Context(), "a", state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrLocked)
}

// TestOddFileNames have characters that mean something in the driver's names.
func TestOddFileNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "a?b&c=d.db", "a%20#.db", "ключ.db", "a+b.db", "file:x"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?:") {
			continue
		}
		file := filepath.Join(t.TempDir(), name)
		s := openStore(t, file)
		require.NoError(t, start(t, s, "a").Close())
		_, err := os.Stat(file + "-wal")
		require.NoError(t, err)
	}
}

// TestLockPaths: names that differ in their case alone have locks of their own, also where the disk folds it.
func TestLockPaths(t *testing.T) {
	t.Parallel()
	s := &Store{file: "runs.db"}
	seen := map[string]string{}
	for _, run := range []string{"abc", "Abc", "aBc", "ABC", "abC", "a", "A", "abc.lock", "Abc-8", "abcde", "abcdE", "x" + strings.Repeat("Y", 127)} {
		path := s.lockPath(run)
		require.Less(t, len(filepath.Base(path)), 200)
		folded := strings.ToLower(path)
		require.Empty(t, seen[folded], "%s and %s", run, seen[folded])
		seen[folded] = run
	}
}

func TestLockFilesGo(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	locks := func() int {
		list, err := os.ReadDir(s.lockDir())
		require.NoError(t, err)
		return len(list)
	}
	j, err := s.Open(t.Context(), "never", state.OpenOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, locks())
	require.NoError(t, j.Close())
	require.Equal(t, 0, locks())
	require.NoError(t, start(t, s, "a").Close())
	require.Equal(t, 1, locks())
	require.NoError(t, s.Remove(t.Context(), "a", state.RemoveOptions{}))
	require.Equal(t, 0, locks())
}

func TestArchive(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	write(t, j, 3, true)
	require.NoError(t, j.Close())
	require.NoError(t, s.Remove(t.Context(), "a", state.RemoveOptions{Archive: true, Suffix: "old"}))
	require.Equal(t, 4, s.count(t, "SELECT count(*) FROM events"))
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM archive WHERE name = 'a-old' AND id = 'id-of-a'"))
	require.NoError(t, start(t, s, "a").Close())
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM runs WHERE n = 2"))
	require.NoError(t, s.Ask(t.Context(), "a", state.Request{Kind: state.AskPause}))
	require.NoError(t, s.Remove(t.Context(), "a", state.RemoveOptions{}))
	require.Equal(t, 4, s.count(t, "SELECT count(*) FROM events"))
	require.Equal(t, 0, s.count(t, "SELECT count(*) FROM requests"))
}

// TestRemovedWhileRead: a reader of a run that goes, and comes again under its name, is told so.
func TestRemovedWhileRead(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	write(t, j, 200, false)
	require.NoError(t, j.Close())
	var err error
	n := 0
	for _, err = range s.Events(t.Context(), "a", state.Query{}) {
		if n++; n == 3 {
			require.NoError(t, s.Remove(t.Context(), "a", state.RemoveOptions{}))
			require.NoError(t, start(t, s, "a").Close())
		}
	}
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Less(t, n, 200)
}

// TestReadersMayRead: whoever is given an event may read in turn, however many do.
func TestReadersMayRead(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	j := start(t, s, "a")
	defer func() { require.NoError(t, j.Close()) }()
	write(t, j, 3, false)
	var nest func(depth int)
	nest = func(depth int) {
		for _, err := range s.Events(t.Context(), "a", state.Query{Limit: 2}) {
			require.NoError(t, err)
			if depth > 0 {
				nest(depth - 1)
			}
			for _, err := range s.List(t.Context(), state.ListQuery{}) {
				require.NoError(t, err)
			}
			write(t, j, 1, depth == 0)
		}
	}
	nest(6)
}

// TestLeaks: nothing is left open, however it was ended.
func TestLeaks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts the files in /proc")
	}
	files := func() []string {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		var names []string
		for _, f := range list {
			if name, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil {
				names = append(names, name)
			}
		}
		return names
	}
	dir := t.TempDir()
	before := runtime.NumGoroutine()
	for range 20 {
		s, err := Open(t.Context(), filepath.Join(dir, "runs.db"), Options{})
		require.NoError(t, err)
		j, err := s.Open(t.Context(), "a", state.OpenOptions{})
		require.NoError(t, err)
		if j.Last() == 0 {
			require.NoError(t, j.Append(t.Context(), number(0, created("a")), true))
		}
		write(t, j, 3, true)
		_, err = s.Open(t.Context(), "a", state.OpenOptions{})
		require.ErrorIs(t, err, state.ErrLocked)
		_, err = s.Open(t.Context(), "b", state.OpenOptions{Mode: state.OpenExisting})
		require.ErrorIs(t, err, state.ErrNotFound)
		for _, err := range s.Events(t.Context(), "a", state.Query{}) {
			require.NoError(t, err)
			break
		}
		require.NoError(t, j.Close())
		require.NoError(t, s.Close())
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
	for _, name := range files() {
		require.NotContains(t, name, dir)
	}
}
