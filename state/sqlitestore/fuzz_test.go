package sqlitestore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// FuzzRecord puts any bytes in the place of a record: reading tells an event or an error, and repairing mends it.
func FuzzRecord(f *testing.F) {
	for _, e := range []state.Event{created("a"), item("1", "x"), state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed})} {
		for seq := range uint64(3) {
			text, err := state.AppendRecord(nil, idOf("a"), number(seq, e)[0])
			require.NoError(f, err)
			f.Add(text[:len(text)-1])
		}
	}
	f.Add([]byte{})
	s, err := Open(f.Context(), filepath.Join(f.TempDir(), "runs.db"), Options{Sync: state.SyncNone})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	j, err := s.Open(f.Context(), "a", state.OpenOptions{})
	require.NoError(f, err)
	require.NoError(f, j.Append(f.Context(), number(0, created("a")), true))
	require.NoError(f, j.Append(f.Context(), number(1, item("1", "x"), item("2", "y")), true))
	require.NoError(f, j.Close())
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, s.commits.commit(&op{do: func(c *conn) error {
			return c.run("INSERT OR REPLACE INTO events (k, upto, record) VALUES (?, 1, ?)", key(1, 2), text)
		}}))
		list, err := collect(t.Context(), s, "a", state.Query{})
		if err == nil {
			require.Len(t, list, 3)
			return
		}
		if errors.Is(err, state.ErrNewerFormat) {
			return
		}
		require.ErrorIs(t, err, state.ErrDamaged)
		require.Len(t, list, 1)
		report, err := s.Repair(t.Context(), "a")
		require.NoError(t, err)
		require.Len(t, report.Damaged, 1)
		list, err = collect(t.Context(), s, "a", state.Query{})
		require.NoError(t, err)
		require.Len(t, list, 3)
	})
}

// FuzzHeader reads any file: it is refused, and left as it was, or it is a database of ours.
func FuzzHeader(f *testing.F) {
	data, err := os.ReadFile("testdata/v1.db")
	require.NoError(f, err)
	f.Add(data[:100], 100)
	f.Add(data[:4096], 4096)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, head []byte, cut int) {
		file := filepath.Join(t.TempDir(), "runs.db")
		bytes := append(append([]byte(nil), head...), data[min(len(head), len(data)):]...)
		bytes = bytes[:max(0, min(cut, len(bytes)))]
		require.NoError(t, os.WriteFile(file, bytes, filePerm))
		if _, err := checkHeader(file); err != nil {
			return
		}
		s, err := Open(t.Context(), file, Options{Sync: state.SyncNone})
		if err != nil {
			return
		}
		for _, err := range s.List(t.Context(), state.ListQuery{}) { // whatever it yields, it ends
			_ = err
		}
		for _, err := range s.Events(t.Context(), "Ten_Chapter_Novel", state.Query{}) {
			_ = err
		}
		_ = s.Close() // the file may be broken
	})
}
