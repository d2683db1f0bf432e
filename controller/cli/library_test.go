package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
)

// damage changes a bit in the line of a run's journal, from 1.
func damage(t *testing.T, out, run string, line int) {
	t.Helper()
	path := filepath.Join(out, run, "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	lines[line-1][40] ^= 1
	require.NoError(t, os.WriteFile(path, bytes.Join(lines, nil), 0o600))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	n := len(load(t, out).Steps) // two
	require.Equal(t, 2, n)
	o := run(t, app, "verify", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Regexp(t, `^monday: \d+ records are sound\n$`, o.out)
	var got verifyJSON
	o = run(t, app, "verify", "--out", out, "--json")
	require.Equal(t, 0, o.code, o.stderr)
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	require.Equal(t, verifyJSON{Run: "monday", Sound: true, Records: got.Records, Damaged: []droppedJSON{}}, got)
	require.Contains(t, o.out, `"damaged": []`)
	sound := got.Records

	damage(t, out, "monday", 5)
	damage(t, out, "monday", 7)
	o = run(t, app, "verify", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.out, "damaged: record 5 (line 5, ")
	require.Contains(t, o.out, "damaged: record 7 (line 7, ")
	require.Equal(t, "tides: the run \"monday\" is damaged: 2 records are lost\nkeep a copy and every sound record with:\n"+
		"  tides repair --project monday --out "+out+"\n", o.stderr)
	o = run(t, app, "verify", "--out", out, "--json")
	require.Equal(t, 1, o.code)
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	require.False(t, got.Sound)
	require.Equal(t, sound-2, got.Records)
	require.Equal(t, []int{5, 7}, []int{got.Damaged[0].Line, got.Damaged[1].Line})

	require.Equal(t, 0, run(t, app, "repair", "--out", out).code)
	require.Equal(t, 0, run(t, app, "verify", "--out", out).code)
}

func TestASnapshotThatMisleadsIsMadeAnew(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	path := filepath.Join(out, "monday", "checkpoint.json")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	st := load(t, out)
	cut := bytes.LastIndex(data, []byte(`,"crc":"`))
	changed := bytes.Replace(data[:cut:cut], []byte(`"calls":3`), []byte(`"calls":4`), 1)
	require.NotEqual(t, data[:cut], changed)
	require.NoError(t, os.WriteFile(path, append(state.Seal(changed, st.RunID), '\n'), 0o600))

	o := run(t, app, "verify", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.out, "holds another state than the journal gives")
	require.Contains(t, o.stderr, "the snapshot of the run \"monday\" is wrong; its journal is sound\nmake the snapshot anew with:\n  tides repair --project monday")
	o = run(t, app, "repair", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "the snapshot was wrong and is made anew")
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(data), string(again))
	require.Equal(t, 0, run(t, app, "verify", "--out", out).code)

	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	o = run(t, app, "verify", "--out", out)
	require.Equal(t, 0, o.code, "a snapshot that is not used misleads nobody")
	require.Contains(t, o.out, "can't be read and is not used")
}

// shelf has four runs: three completed, on the first three days of March, and one in part, on the fourth.
func shelf(t *testing.T, out string) App[tideParams] {
	t.Helper()
	model := &script{}
	app := tides(t, model)
	app.Export = func(_ context.Context, path string) error { return os.WriteFile(path+".md", []byte("book"), 0o600) }
	for i, name := range []string{"one", "two", "three", "half"} {
		if name == "half" {
			model.set(func() { model.refuse = map[string]bool{"note on tide 2": true} })
		}
		app.Config.Now = func() time.Time { return time.Date(2026, 3, 1+i, 12, 0, 0, 0, time.Local) }
		o := run(t, app, "--out", out, "--project", name)
		require.Contains(t, []int{0, 3}, o.code, o.stderr)
	}
	app.Config.Now = nil
	return app
}

func TestPrune(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := shelf(t, out)
	o := run(t, app, "prune", "--keep", "1", "--dry-run", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Regexp(t, `^2 runs would be removed
  one: completed, 2026-03-01 12:00:00, \d+\.\d kB
  two: completed, 2026-03-02 12:00:00, \d+\.\d kB
2 runs left
  half: not completed \(partial\)
  three: among the newest
the files made from them would stay in \S+: one.md, two.md
$`, o.out)
	require.DirExists(t, filepath.Join(out, "one"))

	o = run(t, app, "prune", "--keep", "1", "--older-than", "1h", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.True(t, strings.HasPrefix(o.out, "2 runs removed\n"), o.out)
	require.Contains(t, o.out, "the files made from removed runs stay in "+out+": one.md, two.md\n")
	require.NoDirExists(t, filepath.Join(out, "one"))
	require.NoDirExists(t, filepath.Join(out, "two"))
	require.FileExists(t, filepath.Join(out, "one.md"))

	o = run(t, app, "prune", "--older-than", "876000h", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "0 runs removed\n2 runs left\n  half: not completed (partial)\n  three: not old enough: 2026-03-03 12:00:00\n", o.out)

	o = run(t, app, "prune", "--keep", "0", "--force", "--archive", "--json", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	var got pruneJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	require.True(t, got.Archived)
	require.Equal(t, []string{"half", "three"}, []string{got.Removed[0].Run, got.Removed[1].Run})
	require.Equal(t, state.StatusPartial, got.Removed[0].Status)
	require.Contains(t, o.out, `"left": []`)
	archived, err := filepath.Glob(filepath.Join(out, ".archive", "*", "journal.jsonl"))
	require.NoError(t, err)
	require.Len(t, archived, 2)
	o = run(t, app, "prune", "--keep", "1", "--out", out)
	require.Equal(t, "0 runs removed\n", o.out)
}

func TestPruneTellsWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := shelf(t, out)
	damage(t, out, "two", 3)
	o := run(t, app, "prune", "--keep", "0", "--out", out)
	require.Equal(t, 1, o.code)
	require.True(t, strings.HasPrefix(o.out, "2 runs removed\n"), o.out)
	require.Contains(t, o.out, "  two: could not be removed\n")
	require.Contains(t, o.stderr, `run "two": `)
	require.NotContains(t, o.stderr, "monday")
	require.DirExists(t, filepath.Join(out, "two"))
	o = run(t, app, "prune", "--keep", "0", "--out", out, "--json")
	require.Equal(t, 1, o.code)
	var got pruneJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &got), o.out)
	require.Equal(t, state.SpareError, got.Left[1].Why)
	require.Contains(t, got.Left[1].Error, "damaged")
}

func TestCopyThereAndBack(t *testing.T) {
	t.Parallel()
	out, back := t.TempDir(), filepath.Join(t.TempDir(), "back")
	app := shelf(t, out)
	store, between := memstore.New(), "far://me:hunter2@host/db"
	app.Stores = map[string]StoreOpener{"far": func(context.Context, string, bool) (state.Store, error) { return store, nil }}

	o := run(t, app, "copy", "--out", out, "--to", between)
	require.Equal(t, 0, o.code, o.stderr)
	require.Regexp(t, `^half: copied \d+ events, \d+\.\d kB
one: copied \d+ events, \d+\.\d kB
three: copied \d+ events, \d+\.\d kB
two: copied \d+ events, \d+\.\d kB
$`, o.out)
	o = run(t, app, "copy", "--from", between, "--to", "file:"+back, "--json")
	require.Equal(t, 0, o.code, o.stderr)
	require.NotContains(t, o.out+o.stderr, "hunter2")
	var got copyJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	require.Len(t, got.Runs, 4)
	require.Equal(t, copyJSON{From: "far://me:xxxxx@host/db", To: "file:" + back, Runs: got.Runs}, got)
	for _, name := range []string{"one", "two", "three", "half"} {
		for _, file := range []string{"journal.jsonl", "checkpoint.json"} {
			want, err := os.ReadFile(filepath.Join(out, name, file))
			require.NoError(t, err)
			is, err := os.ReadFile(filepath.Join(back, name, file))
			require.NoError(t, err)
			require.Equal(t, string(want), string(is), "%s/%s", name, file)
		}
	}
	require.FileExists(t, filepath.Join(out, "one", "journal.jsonl"), "a copy moves nothing")

	// The copy goes on where the run stopped.
	app.Config.Model = &script{}
	o = run(t, app, "--resume", "--project", "half", "--store", "file:"+back)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "completed, 100.0%")
}

func TestCopyReportsEachRun(t *testing.T) {
	t.Parallel()
	out, to := t.TempDir(), filepath.Join(t.TempDir(), "to")
	app := shelf(t, out)
	o := run(t, app, "copy", "--out", out, "--to", "file:"+to, "two", "nosuch")
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, `there is no run "nosuch" in `+out)
	require.NoDirExists(t, to, "nothing is made for what is refused")

	o = run(t, app, "copy", "--out", out, "--to", "file:"+to, "two")
	require.Equal(t, 0, o.code, o.stderr)
	o = run(t, app, "copy", "--out", out, "--to", "file:"+to, "--project", "one")
	require.Equal(t, 0, o.code, o.stderr)
	require.True(t, strings.HasPrefix(o.out, "one: copied "))

	damage(t, out, "half", 3)
	store, err := filestore.Open(out)
	require.NoError(t, err)
	j, err := store.Open(t.Context(), "three", state.OpenOptions{})
	require.NoError(t, err)
	o = run(t, app, "copy", "--out", out, "--to", "file:"+to)
	require.NoError(t, j.Close())
	require.Equal(t, 1, o.code)
	require.Contains(t, o.out, "half: not copied: copy run \"half\": the journal of run \"half\" is damaged at ")
	require.Contains(t, o.out, "one: not copied: it exists already in file:"+to+"\n")
	require.Regexp(t, `three: not copied: run "three" is being worked on by process \d+ on .*; copy it when it is at rest\n`, o.out)
	require.Contains(t, o.out, "two: not copied: it exists already")
	require.Equal(t, "tides: 4 of 4 runs not copied\n", o.stderr)
	o = run(t, app, "copy", "--out", out, "--to", "file:"+to, "--json")
	require.Equal(t, 1, o.code)
	var got copyJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	require.NotEmpty(t, got.Runs[0].Error)
	require.Empty(t, got.Runs[2].Error)
	require.Equal(t, "three", got.Runs[2].Run)
}

func TestAnUnfinishedCopySaysHowToGoOn(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := shelf(t, out)
	store := memstore.New()
	app.Stores = map[string]StoreOpener{"far": func(context.Context, string, bool) (state.Store, error) { return dying{store}, nil }}
	store.CrashAfter(5, false)
	o := run(t, app, "copy", "--out", out, "--to", "far:x", "one")
	require.Equal(t, 1, o.code, o.stderr)
	store.Restart()
	for _, args := range [][]string{{"--status"}, {"--resume"}, {}, {"verify"}} {
		o = run(t, app, append(args, "--project", "one", "--store", "far:x", "--out", out)...)
		require.Equal(t, 1, o.code, o.stderr)
		require.Contains(t, o.stderr, "an unfinished copy of a run: it has 5 of ")
		require.Contains(t, o.stderr, "  tides copy --from STORE --to far:x one\n")
	}
	require.Equal(t, 0, run(t, app, "copy", "--out", out, "--to", "far:x", "one").code)
	require.Equal(t, 0, run(t, app, "verify", "--store", "far:x", "--project", "one", "--out", out).code)
}

// dying is a store that can't tidy up after its crash.
type dying struct{ *memstore.Store }

func (d dying) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if d.Crashed() {
		return memstore.ErrCrashed
	}
	return d.Store.Remove(ctx, run, o)
}
