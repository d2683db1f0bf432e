package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryVerbOnSQLite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "new folder", "runs.db"), filepath.Join(dir, "books")
	model := &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	app.Export = func(_ context.Context, path string) error {
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path+".md", []byte("book"), 0o600))
	}
	store := "sqlite:" + file + "?sync=none"
	do := func(code int, says string, args ...string) outcome {
		t.Helper()
		o := run(t, app, append(args, "--store", store, "--out", out)...)
		require.Equal(t, code, o.code, "%v: %s", args, o.stderr)
		require.Contains(t, o.out+o.stderr, says, "%v", args)
		return o
	}
	for _, args := range [][]string{{"--status"}, {"--resume"}, {"history"}, {"verify"}, {"repair"}, {"pause"}, {"retry"}, {"show", "topics"}} {
		do(2, `there is no run "monday" in 'sqlite:`+file+`?sync=none'`, args...)
	}
	do(2, "there are no runs in", "prune", "--keep", "1")
	require.NoDirExists(t, filepath.Dir(file), "nothing was made by asking")

	do(3, "starting monday in 'sqlite:"+file+"?sync=none'\n")
	require.FileExists(t, filepath.Join(out, "monday.md"))
	require.NoDirExists(t, filepath.Join(out, "monday"))
	var status statusJSON
	require.NoError(t, json.Unmarshal([]byte(do(0, "", "--status", "--json").out), &status))
	require.EqualValues(t, "partial", status.Status)
	do(2, "exists already in 'sqlite:"+file)
	do(0, "- tide 1\n", "show", "topics")
	do(0, "tide 1\n", "first")
	do(0, "run.created", "history")
	do(0, filepath.Join(out, "monday.md"), "export")
	do(2, "is not running", "pause")
	do(0, "no pause was asked for", "unpause")
	do(0, "records are sound", "verify")
	do(0, "nothing to repair", "repair")
	do(0, "not completed (partial)", "prune", "--keep", "0")
	model.set(func() { model.refuse = nil })
	do(0, "completed, 100.0%", "retry")
	do(0, "nothing to do", "--resume")
	do(0, "moved the old run monday to the archive of 'sqlite:"+file+"?sync=none', and its files (1) to "+filepath.Join(out, ".archive"), "--fresh")
	do(0, "1 run removed", "prune", "--keep", "0")
	do(2, "there is no run", "--status")
}

// TestCopyThroughSQLite: what went through another kind of store comes back the same to the byte.
func TestCopyThroughSQLite(t *testing.T) {
	t.Parallel()
	out, file, back := t.TempDir(), filepath.Join(t.TempDir(), "runs.db"), filepath.Join(t.TempDir(), "back")
	app := shelf(t, out)
	o := run(t, app, "copy", "--out", out, "--to", "sqlite:"+file)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, 4, strings.Count(o.out, ": copied "))
	o = run(t, app, "copy", "--from", "sqlite:"+file, "--to", "file:"+back)
	require.Equal(t, 0, o.code, o.stderr)
	for _, name := range []string{"one", "two", "three", "half"} {
		require.Equal(t, 0, run(t, app, "verify", "--store", "sqlite:"+file, "--project", name).code)
		for _, part := range []string{"journal.jsonl", "checkpoint.json"} {
			want, err := os.ReadFile(filepath.Join(out, name, part))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(back, name, part))
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "%s/%s", name, part)
		}
	}
}

func TestSQLiteFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 1000)), 0o600))
	for _, c := range []struct {
		at   string
		code int
		says string
	}{
		{dir, 2, "it is a folder, not a file"},
		{filepath.Join(text, "x"), 2, "lies below a file"},
		{":memory:", 2, "must be the plain name of a file"},
		{"file:x", 2, "must be the plain name of a file"},
		{"?sync=none", 2, "must name a file"},
		{text + "?sync=maybe", 2, "the setting sync=maybe is unknown"},
		{text, 1, "--store sqlite:" + text + ": "},
	} {
		for _, args := range [][]string{{"--status"}, {}} {
			o := run(t, tides(t, &script{}), append(args, "--store", "sqlite:"+c.at, "--out", filepath.Join(dir, "out"))...)
			require.Equal(t, c.code, o.code, "%s: %s", c.at, o.stderr)
			require.Contains(t, o.stderr, c.says)
		}
	}
	kept, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("this is no database\n", 1000), string(kept))
}
