package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// TestHelperEditor is no test: it is the editor of the tests below, which writes what TYPED says into the file.
func TestHelperEditor(t *testing.T) {
	typed, ok := os.LookupEnv("TYPED")
	if !ok {
		t.Skip("only as an editor")
	}
	path := os.Args[len(os.Args)-1]
	before, err := os.ReadFile(path)
	if err != nil {
		os.Exit(3)
	}
	info, err := os.Stat(path)
	if err != nil {
		os.Exit(3)
	}
	note := path + "\n" + info.Mode().String() + "\n" + string(before)
	if os.WriteFile(os.Getenv("SEEN"), []byte(note), 0o600) != nil || typed != "" && os.WriteFile(path, []byte(typed), 0o600) != nil {
		os.Exit(3)
	}
	if os.Getenv("BREAKS") != "" {
		os.Exit(1)
	}
	os.Exit(0)
}

// asEditor makes this test binary the editor: it types a text, or nothing. What it was given is read by the function that
// is returned: path, mode, content.
func asEditor(t *testing.T, typed string) func() (path, mode, before string) {
	t.Helper()
	seen := filepath.Join(t.TempDir(), "seen")
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("VISUAL", `"`+os.Args[0]+`" '-test.run=^TestHelperEditor$' --`)
	t.Setenv("TYPED", typed)
	t.Setenv("SEEN", seen)
	return func() (string, string, string) {
		note, err := os.ReadFile(seen)
		require.NoError(t, err)
		parts := strings.SplitN(string(note), "\n", 3)
		return parts[0], parts[1], parts[2]
	}
}

// edited is a complete run of texts and facts.
func edited(t *testing.T) (App[tideParams], string) {
	t.Helper()
	out, app := t.TempDir(), gated(t)
	require.Equal(t, 0, run(t, app, "--out", out).code)
	return app, out
}

func TestEditingAText(t *testing.T) {
	app, out := edited(t)
	seen := asEditor(t, "flood <now>\r\nand ebb\r\n")
	o := run(t, app, "edit", "text", "--note", "better", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "monday: text has a new result\ngoing on may run items again whose value this changed, and new calls cost money; go on with:\n"+
		"  tides --resume --project monday --out "+out+"\n", o.out)
	path, mode, before := seen()
	require.Equal(t, "-rw-------", mode, "what is edited is nobody else's business")
	require.Regexp(t, `text\.txt$`, path)
	require.Equal(t, "ebb\nand flow\n", before)
	require.NoFileExists(t, path)
	require.Equal(t, "\"flood <now>\\nand ebb\"\n", run(t, app, "show", "text", "--out", out, "--json").out)
	require.Regexp(t, `result.edited +text +result of \d+ bytes, .*better`, run(t, app, "history", "--out", out).out)
	require.Contains(t, run(t, app, "--status", "--out", out).out, "Status: completed")
}

// TestAnEditOfACompleteRunMakesWork: who edits a complete run is told that going on may cost, for it does; with an edit from which
// nothing follows it does not.
func TestAnEditOfACompleteRunMakesWork(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{}
	app := tides(t, model)
	require.Equal(t, 0, run(t, app, "--out", out).code)
	typed := filepath.Join(t.TempDir(), "typed")
	require.NoError(t, os.WriteFile(typed, []byte("mine\n"), 0o600))
	o := run(t, app, "edit", "notes", "tide 1", "--file", typed, "--out", out)
	require.Contains(t, o.out, "monday: notes \"tide 1\" has a new result\ngoing on may run items again")
	require.Contains(t, run(t, app, "--resume", "--out", out).out, "nothing to do; the run is complete")
	calls := model.count()

	require.NoError(t, os.WriteFile(typed, []byte(`["tide 1","spring tide"]`), 0o600))
	o = run(t, app, "edit", "topics", "--file", typed, "--out", out)
	require.Contains(t, o.out, "new calls cost money; go on with:\n  tides --resume --project monday --out "+out+"\n")
	require.Contains(t, run(t, app, "--resume", "--out", out).out, "monday: completed")
	require.Equal(t, calls+1, model.count())
	require.Contains(t, run(t, app, "edit", "--help").out, "Items whose value\nthe edit changed, and new ones, run again")
}

func TestEditingAnItemAsJSON(t *testing.T) {
	app, out := edited(t)
	seen := asEditor(t, `{ "level": 5, "name": "high" }`)
	o := run(t, app, "edit", "facts", "a/b", "--out", out, "--json")
	require.Equal(t, 0, o.code, o.stderr)
	var answer editJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &answer))
	it, _ := load(t, out).Item("facts", "a/b")
	require.Equal(t, editJSON{Run: "monday", Step: "facts", Item: "a/b", Changed: true, Hash: it.Result}, answer)
	path, _, before := seen()
	require.Regexp(t, `facts-a_b\.json$`, path)
	require.Equal(t, "{\n  \"name\": \"a/b\",\n  \"level\": 1\n}\n", before)
	require.Equal(t, `{"name":"high","level":5}`+"\n", run(t, app, "show", "facts", "a/b", "--out", out, "--json").out)
}

func TestLeavingTheEditorWithoutAChange(t *testing.T) {
	app, out := edited(t)
	seen := asEditor(t, "")
	last := load(t, out).Seq
	o := run(t, app, "edit", "text", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "monday: nothing was changed in text\n", o.out)
	require.Equal(t, last, load(t, out).Seq)
	path, _, _ := seen()
	require.NoFileExists(t, path)

	t.Setenv("BREAKS", "1")
	o = run(t, app, "edit", "text", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "the editor ")
	path, _, _ = seen()
	require.NoFileExists(t, path, "there is nothing to keep")
}

// TestNothingTypedIsLost: whatever stands in the way, the text stays in its file, and can be used from there.
func TestNothingTypedIsLost(t *testing.T) {
	app, out := edited(t)
	kept := func(o outcome) string {
		t.Helper()
		m := regexp.MustCompile(`what you typed is kept in (.*); use it with:\n  tides edit facts c --file (.*) --project`).FindStringSubmatch(o.stderr)
		require.Len(t, m, 3, o.stderr)
		require.FileExists(t, m[1])
		return m[1]
	}
	asEditor(t, "{\n\"name\": \"x\",\n\"lvl\": 2}")
	o := run(t, app, "edit", "facts", "c", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, `the new result of step facts, item "c", does not fit: line 3: field lvl: the step's results have no such field`)
	path := kept(o)
	typed, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{\n\"name\": \"x\",\n\"lvl\": 2}", string(typed))
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(typed), "lvl", "level", 1)), 0o600))
	o = run(t, app, "edit", "facts", "c", "--file", path, "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.FileExists(t, path, "a file that was given is the user's")

	t.Setenv("TYPED", `{"name": "y", "level": 3}`)
	t.Setenv("BREAKS", "1")
	kept(run(t, app, "edit", "facts", "c", "--out", out))
	t.Setenv("BREAKS", "")

	// While the editor is open, somebody else edits the result.
	k := openKit(t, app, out)
	d, err := k.draft(t.Context(), editing{}, []string{"facts", "c"})
	require.NoError(t, err)
	require.Equal(t, 0, run(t, app, "edit", "facts", "c", "--out", out).code)
	t.Setenv("TYPED", `{"name": "mine", "level": 3}`)
	err = k.editInEditor(t.Context(), d)
	require.ErrorIs(t, err, workflow.ErrResultChanged)
	require.ErrorContains(t, err, "what you typed is kept in ")
	require.Contains(t, run(t, app, "show", "facts", "c", "--out", out, "--json").out, `"y"`)
}

// openKit is a command line in the middle of its work.
func openKit(t *testing.T, app App[tideParams], out string) *kit {
	t.Helper()
	k := &kit{name: app.Pipeline.Name(), program: app.Pipeline.Name(), pipeline: app.Pipeline, project: app.Run, out: out, config: app.Config,
		params: &params[tideParams]{value: app.Params}, stdout: &buffer{}, stderr: &buffer{}}
	t.Cleanup(func() { require.NoError(t, k.closeStores()) })
	return k
}

func TestWhatCantBeEdited(t *testing.T) {
	app, out := edited(t)
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "")
	for args, says := range map[string]string{
		"text":           "no editor is set: put one into $VISUAL or $EDITOR",
		"nowhere":        `has no step "nowhere"`,
		"facts":          "name an item too:\n  tides edit facts ITEM --project monday",
		"facts x":        `has no item "x"; it has a/b, c`,
		"text x":         `the step "text" has no items`,
		"text --file no": "--file: open no:",
	} {
		o := run(t, app, append(append([]string{"edit"}, strings.Fields(args)...), "--out", out)...)
		require.Equal(t, 2, o.code, args)
		require.Contains(t, o.stderr, says, args)
	}
	t.Setenv("EDITOR", "no-such-editor -w")
	o := run(t, app, "edit", "text", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "$EDITOR: ")

	gates := gated(t, "review")
	require.Equal(t, 4, run(t, gates, "--out", out, "--project", "other").code)
	o = run(t, gates, "edit", "review", "--out", out, "--project", "other")
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "is a gate")
	o = run(t, gates, "edit", "end", "--out", out, "--project", "other")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "there is no result yet")
}

func TestAnEditOfARunThatGoesOn(t *testing.T) {
	app, out := edited(t)
	store, err := filestore.Open(out)
	require.NoError(t, err)
	j, err := store.Open(t.Context(), "monday", state.OpenOptions{})
	require.NoError(t, err)
	asEditor(t, "x")
	o := run(t, app, "edit", "text", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "tides pause --project monday")
	require.NoError(t, j.Close())
	require.Equal(t, 0, run(t, app, "edit", "text", "--out", out).code)
}

func TestHowAnEditorIsNamed(t *testing.T) {
	t.Parallel()
	spaced := filepath.Join(t.TempDir(), "my editor.exe")
	require.NoError(t, os.WriteFile(spaced, nil, 0o700))
	self := os.Args[0]
	for text, want := range map[string][]string{
		self:                      {self},
		self + " -w":              {self, "-w"},
		"  " + self + "  -w \t-n": {self, "-w", "-n"},
		spaced:                    {spaced},
		`"` + spaced + `" -w`:     {spaced, "-w"},
		self + ` -c 'set nu' ""`:  {self, "-c", "set nu", ""},
	} {
		got, err := editorCommand(func(name string) string { return map[string]string{"EDITOR": text}[name] })
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	got, err := editorCommand(func(name string) string { return map[string]string{"VISUAL": self + " 1", "EDITOR": self + " 2"}[name] })
	require.NoError(t, err)
	require.Equal(t, []string{self, "1"}, got)
	_, err = editorCommand(func(string) string { return self + ` "open` })
	require.ErrorContains(t, err, "is not closed")
	args, err := splitArgs(`C:\ed\e.exe -w`)
	require.NoError(t, err)
	require.Equal(t, []string{`C:\ed\e.exe`, "-w"}, args)
}
