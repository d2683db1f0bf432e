package sqlitestore

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

var update = flag.Bool("update", false, "write the golden files of this version anew")

// TestGolden reads a database of each version, and goes on writing it. The file of a version is never changed.
func TestGolden(t *testing.T) {
	t.Parallel()
	const name = "testdata/v1.db"
	if *update {
		require.NoError(t, os.RemoveAll(name))
		writeGolden(t, name)
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "runs.db")
	require.NoError(t, os.WriteFile(file, data, filePerm))
	s := openStore(t, file)
	var heads []state.Head
	for h, err := range s.List(t.Context(), state.ListQuery{}) {
		require.NoError(t, err)
		heads = append(heads, h)
	}
	require.Len(t, heads, 2)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, state.Head{
		Run: "Ten_Chapter_Novel", RunID: "id-of-Ten_Chapter_Novel", Pipeline: "novel", Created: at, Updated: at, Last: 4,
		Proven: 3, Size: heads[0].Size, Status: state.StatusCompleted,
	}, heads[0])
	require.Equal(t, "b", heads[1].Run)
	list, err := collect(t.Context(), s, "Ten_Chapter_Novel", state.Query{})
	require.NoError(t, err)
	require.Equal(t, json.RawMessage(`"It was a dark and stormy night."`), list[1].Data.(state.ItemCompleted).Result)
	data, err = s.LoadSnapshot(t.Context(), "Ten_Chapter_Novel")
	require.NoError(t, err)
	require.Equal(t, "a snapshot", string(data))
	asked, err := s.Requests(t.Context(), "b")
	require.NoError(t, err)
	require.Equal(t, []state.Request{{Kind: state.AskApprove, Step: "review", By: "her", Time: at}}, asked)
	report, err := s.Verify(t.Context(), "b")
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 2}, report)
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM archive WHERE name = 'c-old'"))
	require.Equal(t, 1, s.count(t, "SELECT count(*) FROM damaged WHERE seq = 2"))
	j := resume(t, s, "b")
	write(t, j, 3, true)
	require.NoError(t, j.Close())
}

func writeGolden(t *testing.T, file string) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, err := Open(t.Context(), file, Options{})
	require.NoError(t, err)
	add := func(j state.Journal, e state.Event) {
		e.Time, e.Durable = at, j.Last()
		require.NoError(t, j.Append(t.Context(), number(j.Last(), e), true))
	}
	for _, run := range []string{"Ten_Chapter_Novel", "b", "c"} {
		j, err := s.Open(t.Context(), run, state.OpenOptions{})
		require.NoError(t, err)
		add(j, created(run))
		add(j, item("1", "It was a dark and stormy night."))
		if run == "Ten_Chapter_Novel" {
			add(j, state.New(state.Scope{}, state.RunStopped{Status: state.StatusCompleted}))
			add(j, state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed}))
		}
		require.NoError(t, j.Close())
	}
	require.NoError(t, s.SaveSnapshot(t.Context(), "Ten_Chapter_Novel", []byte("a snapshot")))
	require.NoError(t, s.Ask(t.Context(), "b", state.Request{Kind: state.AskApprove, Step: "review", By: "her", Time: at}))
	require.NoError(t, s.Remove(t.Context(), "c", state.RemoveOptions{Archive: true, Suffix: "old"}))
	ruin(t, s, "b", 2, spoil)
	_, err = s.Repair(t.Context(), "b")
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Close(), os.RemoveAll(s.lockDir())))
}
