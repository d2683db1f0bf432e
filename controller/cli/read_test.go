package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t *testing.T, out string) *state.WorkflowState {
	t.Helper()
	return loadRun(t, out, "monday")
}

func loadRun(t *testing.T, out, run string) *state.WorkflowState {
	t.Helper()
	store, err := filestore.Open(out)
	require.NoError(t, err)
	st, err := state.Load(context.Background(), store, run)
	require.NoError(t, err)
	return st
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// partialRun makes a run with a failed item at a fixed time.
func partialRun(t *testing.T, out string) App[tideParams] {
	t.Helper()
	app := tides(t, &script{refuse: map[string]bool{"note on tide 2": true}})
	app.Config.Now = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local) }
	require.Equal(t, 3, run(t, app, "--out", out).code)
	return app
}

func TestStatusGolden(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)

	o := run(t, app, "--status", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Empty(t, o.stderr)
	golden(t, "status.txt", o.out)

	o = run(t, app, "--status", "--json", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Empty(t, o.stderr)
	zone := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local).UTC().Format(time.RFC3339)
	golden(t, "status.json", strings.ReplaceAll(o.out, zone, "2026-03-01T12:00:00Z"))
}

func TestStatusJSONHasEveryKeyOfTheContract(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	o := run(t, partialRun(t, out), "--status", "--json", "--out", out)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.out), &got))
	for _, key := range []string{"run", "pipeline", "status", "reason", "warnings", "progress", "current_step", "next_step", "failed_step",
		"steps", "usage", "errors", "started_at", "updated_at"} {
		require.Contains(t, got, key)
	}
	usage := got["usage"].(map[string]any)
	for _, key := range []string{"calls", "failed_calls", "input_tokens", "output_tokens", "providers"} {
		require.Contains(t, usage, key)
	}
	require.IsType(t, []any{}, got["warnings"])
	require.IsType(t, map[string]any{}, usage["providers"])
	require.Equal(t, map[string]any{"total": 3.0, "done": 2.0, "failed": 1.0}, got["steps"].([]any)[1].(map[string]any)["items"])
	entry := got["errors"].([]any)[0].(map[string]any)
	for _, key := range []string{"time", "step", "item", "class", "provider", "message"} {
		require.Contains(t, entry, key)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	for _, c := range []struct {
		args string
		code int
		out  string
	}{
		{"topics", 0, "- tide 1\n- tide 2\n- tide 3\n"},
		{"topics|--json", 0, `["tide 1","tide 2","tide 3"]` + "\n"},
		{"notes|tide 1", 0, "A note: note on tide 1\n"},
		{"notes|tide 1|--json", 0, `"A note: note on tide 1"` + "\n"},
		{"notes", 0, "## tide 1 (completed)\n\nA note: note on tide 1\n\n## tide 2 (failed)\n\n## tide 3 (completed)\n\nA note: note on tide 3\n\n"},
		{"notes|tide 2", 1, ""},
		{"notes|tide 9", 2, ""},
		{"topics|tide 1", 2, ""},
		{"nosuch", 2, ""},
	} {
		o := run(t, app, append([]string{"show", "--out", out}, strings.Split(c.args, "|")...)...)
		require.Equal(t, c.code, o.code, "%s: %s", c.args, o.stderr)
		require.Equal(t, c.out, o.out, c.args)
	}
	o := run(t, app, "show", "--out", out, "notes", "--json")
	var list []struct{ Item, Status, Result string }
	require.NoError(t, json.Unmarshal([]byte(o.out), &list))
	require.Len(t, list, 3)
	require.Equal(t, "failed", list[1].Status)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	journal, err := os.ReadFile(filepath.Join(out, "monday", "journal.jsonl"))
	require.NoError(t, err)

	o := run(t, app, "history", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, bytes.Count(journal, []byte("\n")), strings.Count(o.out, "\n"))
	require.NotContains(t, o.out, "A note:")
	require.NotContains(t, o.out, "\x1b")

	o = run(t, app, "history", "--json", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, string(journal), o.out)
}

func TestVerbOfTheProgramReadsTheRun(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	o := run(t, partialRun(t, out), "first", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "tide 1\n", o.out)
}

func TestExport(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	app.Export = func(_ context.Context, path string) error { return os.WriteFile(path+".md", []byte("book"), 0o600) }
	o := run(t, app, "export", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, filepath.Join(out, "monday.md")+"\n", o.out)
}

func TestALockBesideTheFilesIsNoProduct(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	app.Export = func(_ context.Context, path string) error {
		return errors.Join(os.WriteFile(path+".yw7", nil, 0o600), os.WriteFile(path+".yw7.lock", nil, 0o600))
	}
	o := run(t, app, "export", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, filepath.Join(out, "monday.yw7")+"\n", o.out)
}

func TestJSONOfEveryVerbIsOneObject(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	app.Export = func(_ context.Context, path string) error { return os.WriteFile(path+".md", []byte("book"), 0o600) }
	for verb, want := range map[string]string{
		"export":  `{"run": "monday", "files": ["` + filepath.ToSlash(filepath.Join(out, "monday.md")) + `"]}`,
		"unpause": `{"run": "monday", "taken": 0}`,
	} {
		o := run(t, app, verb, "--json", "--out", out)
		require.Equal(t, 0, o.code, o.stderr)
		require.JSONEq(t, want, o.out)
	}
	var sound, repaired repairJSON
	o := run(t, app, "repair", "--json", "--out", out)
	require.NoError(t, json.Unmarshal([]byte(o.out), &sound), o.out)
	require.NotNil(t, sound.Dropped, "an empty list, not null")

	path := filepath.Join(out, "monday", "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	journal[bytes.IndexByte(journal, '\n')+40] ^= 1 // in line 2
	require.NoError(t, os.WriteFile(path, journal, 0o600))
	o = run(t, app, "repair", "--json", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.NoError(t, json.Unmarshal([]byte(o.out), &repaired), o.out)
	require.Len(t, repaired.Dropped, 1)
	require.Equal(t, 2, repaired.Dropped[0].Line)
	require.Equal(t, sound.Records-1, repaired.Records)
	require.FileExists(t, repaired.Copy)
}

func TestDamageIsNamedAndRepaired(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	path := filepath.Join(out, "monday", "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	at := len(bytes.Join(lines[:4], nil)) + 40
	journal[at] ^= 1
	require.NoError(t, os.WriteFile(path, journal, 0o600))

	for _, args := range [][]string{{"--resume"}, {"history"}} {
		o := run(t, app, append(args, "--out", out)...)
		require.Equal(t, 1, o.code, o.stderr)
		require.Contains(t, o.stderr, "journal.jsonl, line 5")
		require.Contains(t, o.stderr, "tides repair --project monday --out "+out)
	}
	o := run(t, app, "repair", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "dropped record 5 (line 5")
	require.Contains(t, o.out, "is kept in")
	require.Equal(t, 0, run(t, app, "history", "--out", out).code)

	o = run(t, app, "repair", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "nothing to repair")
}

func TestRepairNamesARecordThatIsMissing(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := partialRun(t, out)
	path := filepath.Join(out, "monday", "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(journal, []byte("\n"))
	without := append(bytes.Join(lines[:4], nil), bytes.Join(lines[5:], nil)...)
	require.NoError(t, os.WriteFile(path, without, 0o600))
	o := run(t, app, "repair", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "dropped record 5: it is missing\n")
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	out := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(out, 0o500))
	o := run(t, tides(t, &script{}), "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "permission denied")
	require.Contains(t, o.stderr, "--out")
}
