package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

func TestParseStore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, scheme, at, says string
	}{
		{"file:runs", "file", "runs", ""},
		{"FILE:runs", "file", "runs", ""},
		{"file:/a:b c/d", "file", "/a:b c/d", ""},
		{"sqlite:runs.db?sync=none", "sqlite", "runs.db?sync=none", ""},
		{"postgres://u:p@h/d", "postgres", "//u:p@h/d", ""},
		{"", "", "", "--store must name a store, as in file:DIR or sqlite:FILE"},
		{"runs", "", "", "--store runs: write file:DIR for a folder"},
		{":runs", "", "", "write file:DIR"},
		{`C:\runs`, "", "", "write file:DIR"},
		{"../a:b", "", "", "write file:DIR"},
		{"file:", "", "", "--store file:: the place is missing"},
	} {
		name, err := parseStore("store", c.text)
		if c.says != "" {
			require.ErrorContains(t, err, c.says, c.text)
			require.Equal(t, codeRefused, ExitCode(err), c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, storeName{c.scheme, c.at}, name, c.text)
	}
}

func TestSplitSync(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]struct {
		path string
		sync state.Sync
		says string
	}{
		"runs":                     {"runs", state.SyncAlways, ""},
		"runs?sync=none":           {"runs", state.SyncNone, ""},
		"runs?sync=always":         {"runs", state.SyncAlways, ""},
		"what?":                    {"what?", state.SyncAlways, ""},
		"what?/runs":               {"what?/runs", state.SyncAlways, ""},
		"a?b=c?sync=always":        {"a?b=c", state.SyncAlways, ""},
		"runs?sync=sometimes":      {says: "the setting sync=sometimes is unknown"},
		"runs?sink=none":           {says: "the setting sink=none is unknown"},
		"runs?sync=none&sync=none": {says: "unknown"},
	} {
		path, sync, err := splitSync(at)
		if want.says != "" {
			require.ErrorContains(t, err, want.says, at)
			continue
		}
		require.NoError(t, err, at)
		require.Equal(t, want.path, path)
		require.Equal(t, want.sync, sync)
	}
}

// FuzzParseStore: whatever is typed is refused as what was typed, or comes out as it went in; and no password is shown.
func FuzzParseStore(f *testing.F) {
	for _, text := range []string{"file:runs", "sqlite:a?sync=none", "postgres://u:p@h/d?sslmode=x", "pg:host=h password='a b' user=u", "x", ":", "ab:", "//u:p@"} {
		f.Add(text, "hunter2")
	}
	f.Fuzz(func(t *testing.T, text, secret string) {
		name, err := parseStore("store", text)
		if err != nil {
			require.Equal(t, codeRefused, ExitCode(err))
			return
		}
		require.True(t, strings.EqualFold(text, name.scheme+":"+name.at))
		if name.plain() {
			require.Equal(t, name.scheme+":"+name.at, name.String())
			_, _, err := splitSync(name.at)
			require.True(t, err == nil || ExitCode(err) == codeRefused)
		}
		if len(secret) < shortestSecret || strings.Contains("postgres //user host /db password sslmode xxxxx refused by", secret) {
			return
		}
		for _, form := range []string{"//user:%s@host/db", "//user:%s@host/db?sslmode=require", "host=h password='%s'", "host=h password=%s"} {
			quoted := strings.Contains(form, "'")
			if quoted && strings.ContainsAny(secret, `'\`) || !quoted && strings.ContainsAny(secret, "&;'\" \t\n\v\f\r\\") || strings.ContainsAny(secret, "xX") {
				continue
			}
			at := fmt.Sprintf(form, secret)
			name := storeName{"postgres", at}
			for _, shown := range []string{name.String(), name.redact("refused by " + at), name.redact(fmt.Sprintf("refused by %q: %s", at, secret))} {
				require.NotContains(t, shown, secret, form)
			}
		}
	})
}

// leaving is a store that tells when it is closed.
type leaving struct {
	*memstore.Store
	closed *int
	err    error
}

func (l leaving) Close() error { *l.closed++; return l.err }

// remote is a scheme whose store is made by the first run, as on a server.
func remote(app *App[tideParams], closed *int) *memstore.Store {
	var made *memstore.Store
	store := memstore.New()
	app.Stores = map[string]StoreOpener{"far": func(_ context.Context, at string, create bool) (state.Store, error) {
		switch {
		case strings.Contains(at, "refuse"):
			return nil, fmt.Errorf("can't reach %q: password %s is wrong", at, strings.Split(strings.Split(at, ":")[1], "@")[0])
		case made == nil && !create:
			return nil, fmt.Errorf("far: %w", state.ErrNotFound)
		}
		made = store
		return leaving{made, closed, nil}, nil
	}}
	return store
}

const far = "far://me:hunter2@host/db"

func TestStoreOfTheProgramsOwnScheme(t *testing.T) {
	t.Parallel()
	out, closed := t.TempDir(), 0
	app := tides(t, &script{refuse: map[string]bool{"note on tide 2": true}})
	app.Export = func(_ context.Context, path string) error { return os.WriteFile(path+".md", []byte("book"), 0o600) }
	store := remote(&app, &closed)
	args := func(more ...string) []string { return append(more, "--store", far, "--out", out) }

	o := run(t, app, args("--status")...)
	require.Equal(t, 2, o.code, o.stderr)
	require.Equal(t, "tides: there is no run \"monday\" in far://me:xxxxx@host/db; start it with:\n"+
		"  tides --project monday --store far://me:xxxxx@host/db --out "+out+"\n", o.stderr)
	require.Zero(t, closed, "nothing was opened")

	o = run(t, app, args()...)
	require.Equal(t, 3, o.code, o.stderr)
	require.Equal(t, 1, closed)
	require.Contains(t, o.stderr, "starting monday in far://me:xxxxx@host/db\n")
	require.Contains(t, o.stderr, "tides retry --project monday --store far://me:xxxxx@host/db --out "+out)
	require.Contains(t, o.out, filepath.Join(out, "monday.md"))
	require.NoDirExists(t, filepath.Join(out, "monday"))
	_, err := store.Head(t.Context(), "monday")
	require.NoError(t, err)

	all := o.stderr + o.out
	for _, verb := range [][]string{{"--status"}, {"--status", "--json"}, {"show", "topics"}, {"history"}, {"pause"}, {"unpause"}, {"retry"},
		{"repair"}, {"export"}, {"first"}, {"--resume"}, {}, {"--fresh"}} {
		before := closed
		o := run(t, app, args(verb...)...)
		require.Equal(t, before+1, closed, "%v closes what it opened, once", verb)
		all += o.stderr + o.out
	}
	require.NotContains(t, all, "hunter2")
	require.Contains(t, all, "moved the old run monday to the archive of far://me:xxxxx@host/db, and its files (1) to "+filepath.Join(out, ".archive"))

	o = run(t, app, "--store", "far://me:hunter2@refuse/db", "--out", out)
	require.Equal(t, 1, o.code)
	require.NotContains(t, o.stderr, "hunter2")
	require.Contains(t, o.stderr, "--store far://me:xxxxx@refuse/db: can't reach")
}

func TestAStoreThatCannotBeClosedIsTold(t *testing.T) {
	t.Parallel()
	app := tides(t, &script{})
	app.Stores = map[string]StoreOpener{"far": func(context.Context, string, bool) (state.Store, error) {
		return leaving{memstore.New(), new(int), errors.New("the disk is gone")}, nil
	}}
	o := run(t, app, "--store", "far:x", "--out", t.TempDir())
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "closing the store: the disk is gone")
}

func TestStoreOfFiles(t *testing.T) {
	t.Parallel()
	runs, out := filepath.Join(t.TempDir(), "my runs"), filepath.Join(t.TempDir(), "books")
	app := tides(t, &script{refuse: map[string]bool{"note on tide 2": true}})
	app.Export = func(_ context.Context, path string) error {
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path+".md", []byte("book"), 0o600))
	}
	o := run(t, app, "--status", "--store", "file:"+runs)
	require.Equal(t, 2, o.code)
	require.NoDirExists(t, runs)

	o = run(t, app, "--store", "file:"+runs+"?sync=none")
	require.Equal(t, 3, o.code, o.stderr)
	require.Contains(t, o.stderr, "starting monday in "+filepath.Join(runs, "monday")+"\n")
	require.Contains(t, o.stderr, "tides retry --project monday --store 'file:"+runs+"?sync=none'\n")
	require.FileExists(t, filepath.Join(runs, "monday", "journal.jsonl"))
	require.FileExists(t, filepath.Join(runs, "monday.md"), "beside the run, as with --out")

	o = run(t, app, "--store", "file:"+runs, "--out", out, "--fresh")
	require.Equal(t, 3, o.code, o.stderr)
	require.Contains(t, o.stderr, "moved the old run monday to '"+filepath.Join(runs, ".archive")+"'\n")
	require.FileExists(t, filepath.Join(out, "monday.md"))
	require.NoDirExists(t, filepath.Join(out, "monday"))
	o = run(t, app, "--store", "file:"+runs, "--out", out, "--fresh")
	require.Contains(t, o.stderr, "moved the old run monday to '"+filepath.Join(runs, ".archive")+"', and its files (1) to "+filepath.Join(out, ".archive"))
	require.Contains(t, o.stderr, "--store 'file:"+runs+"' --out "+out)
}

func TestStoresThatAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct{ store, says string }{
		{"", "--store must name a store"},
		{"runs", "--store runs: write file:DIR"},
		{"mysql:x", `this program has no store "mysql"; it has file:DIR, sqlite:FILE, far:...`},
		{"postgres://me:hunter2@host/db", `it has file:DIR, sqlite:FILE, far:...` + "\nPostgreSQL is served by programs that link state/pgstore"},
		{"file:" + file, "it is a file, not a folder"},
		{"file:" + filepath.Join(file, "x"), "lies below a file"},
		{"file:" + dir, "is a file, not the folder of a run; choose another --project or another place with --store"},
		{"file:?sync=none", "must name a folder"},
		{"file:" + dir + "?sync=maybe", "the setting sync=maybe is unknown"},
	} {
		closed := 0
		app := tides(t, &script{})
		remote(&app, &closed)
		for _, args := range [][]string{{"--resume"}, {}, {"--status"}, {"history"}} {
			o := run(t, app, append(args, "--store", c.store, "--project", "file")...)
			require.Equal(t, 2, o.code, "%s: %s", c.store, o.stderr)
			require.Contains(t, o.stderr, c.says)
			require.NotContains(t, o.stderr, "hunter2")
		}
	}
}
