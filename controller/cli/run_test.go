package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func TestRunThenRefusedThenNothingToDo(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "my out")
	model := &script{}
	app := tides(t, model)

	o := run(t, app, "--out", out, "--count", "2")
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "monday: completed, 100.0%, 3 calls, 0 failed calls\n", o.out)
	require.Contains(t, o.stderr, "topics: completed\n")
	require.Contains(t, o.stderr, `notes "tide 2": done (2 of 2 items)`)
	require.Equal(t, 3, model.count())

	o = run(t, app, "--out", out, "--count", "2")
	require.Equal(t, 2, o.code)
	require.Empty(t, o.out)
	require.Contains(t, o.stderr, "exists already")
	require.Contains(t, o.stderr, "completed, 100.0%")
	require.Contains(t, o.stderr, "tides --resume --project monday --out '"+out+"'")
	require.Contains(t, o.stderr, "tides --fresh --project monday --out '"+out+"'")

	before, err := os.ReadFile(filepath.Join(out, "monday", "journal.jsonl"))
	require.NoError(t, err)
	o = run(t, app, "--out", out, "--resume")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "nothing to do")
	require.Equal(t, 3, model.count())
	after, err := os.ReadFile(filepath.Join(out, "monday", "journal.jsonl"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "nothing is appended to a complete run")
}

func TestJSONOfARunIsOneObjectOnStdout(t *testing.T) {
	t.Parallel()
	o := run(t, tides(t, &script{}), "--out", t.TempDir(), "--json")
	require.Equal(t, 0, o.code)
	var status statusJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &status), o.out)
	require.Equal(t, state.StatusCompleted, status.Status)
}

func TestRunFlagsBelongToTheRun(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	require.Equal(t, 3, run(t, app, "--out", out, "--count", "2", "--sea", "Baltic").code)
	calls := model.count()

	o := run(t, app, "--out", out, "--resume", "--count", "4", "--sea", "Black Sea")
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "--count 4, but the run was started with 2")
	require.Contains(t, o.stderr, "--sea 'Black Sea', but the run was started with Baltic")
	require.Equal(t, calls, model.count())

	model.set(func() { model.refuse = nil })
	o = run(t, app, "--out", out, "--resume", "--count", "02", "--sea", "Baltic")
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, calls+1, model.count())
	var params tideParams
	require.NoError(t, json.Unmarshal(load(t, out).Params, &params))
	require.Equal(t, tideParams{"Baltic", 2}, params)
}

func TestRetryRefusesWhatContradictsTheRun(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	require.Equal(t, 3, run(t, app, "--out", out, "--count", "2").code)
	calls := model.count()
	o := run(t, app, "retry", "--out", out, "--count", "4", "notes")
	require.Equal(t, 2, o.code, o.stderr)
	require.Contains(t, o.stderr, "--count 4, but the run was started with 2")
	require.Equal(t, calls, model.count())
	model.set(func() { model.refuse = nil })
	require.Equal(t, 0, run(t, app, "retry", "--out", out, "--count", "2", "notes", "tide 2").code)
}

func TestARefusalOffersToStartAnewAsAskedFor(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	require.Equal(t, 0, run(t, app, "--out", out).code)
	anew := "tides --fresh --project monday --out " + out + " --count 4 --sea 'Black Sea' --parallel 2\n"
	for _, how := range [][]string{nil, {"--resume"}} {
		o := run(t, app, append(how, "--out", out, "--sea", "Black Sea", "--count", "4", "--parallel", "2")...)
		require.Equal(t, 2, o.code)
		require.Contains(t, o.stderr, anew)
	}
}

// TestTheCommandToStartAnewCanBeTyped: a flag that may stand alone, as a bool, does not take the next word as its value, so the
// command that is shown must not write it that way. It is run as it was shown.
func TestTheCommandToStartAnewCanBeTyped(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	var review bool
	var depth string
	declare := app.Flags
	app.Flags = func(f *pflag.FlagSet, p *tideParams) {
		declare(f, p)
		f.BoolVar(&review, "review", true, "ask a person")
		f.StringVar(&depth, "depth", "none", "how deep")
		f.Lookup("depth").NoOptDefVal = "deep"
	}
	require.Equal(t, 0, run(t, app, "--out", out).code)
	for typed, want := range map[string]string{
		"--review=false":         "--review=false",
		"--review":               "--review",
		"--review=0 --count 2":   "--count 2 --review=false",
		"--depth --review":       "--depth --review",
		"--depth='very deep'":    "--depth='very deep'",
		"--count 2 --depth=deep": "--count 2 --depth",
	} {
		args, err := splitArgs(typed)
		require.NoError(t, err)
		o := run(t, app, append(args, "--out", out)...)
		require.Equal(t, 2, o.code)
		_, anew, found := strings.Cut(o.stderr, "start anew with:\n  tides ")
		require.True(t, found, o.stderr)
		require.Equal(t, "--fresh --project monday --out "+out+" "+want+"\n", anew)
		args, err = splitArgs(anew)
		require.NoError(t, err)
		o = run(t, app, args...)
		require.Equal(t, 0, o.code, "%s: %s", anew, o.stderr)
	}
}

func TestSessionFlagsAreKeptUnlessGiven(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	settings := func() map[string]string { return load(t, out).Session.Settings }

	require.Equal(t, 3, run(t, app, "--out", out, "--parallel", "2", "--inject", "slow@99,delay=1ms", "--seed", "5").code)
	require.Equal(t, map[string]string{"parallel": "2", "inject": "slow@99,delay=1ms", "seed": "5"}, settings())
	require.Equal(t, 2, load(t, out).Session.Concurrency)

	require.Equal(t, 3, run(t, app, "--out", out, "--resume").code)
	require.Equal(t, map[string]string{"parallel": "2", "inject": "slow@99,delay=1ms", "seed": "5"}, settings())

	require.Equal(t, 3, run(t, app, "--out", out, "--resume", "--parallel", "3", "--inject", "none").code)
	require.Equal(t, map[string]string{"parallel": "3"}, settings())
}

func TestProviderIsRecordedAndKept(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	require.Equal(t, 3, run(t, app, "--out", out).code)
	o := run(t, app, "--out", out, "--resume", "--provider", "offline")
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, "offline", load(t, out).Session.Settings["provider"])
	require.Contains(t, o.stderr, "offline", "the offline author says what it is")
}

func TestFreshMovesTheOldRunAside(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{}
	app := tides(t, model)
	require.Equal(t, 0, run(t, app, "--out", out).code)
	require.NoError(t, os.WriteFile(filepath.Join(out, "monday.md"), []byte("the old book"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(out, "monday2.md"), []byte("another book"), 0o600))
	require.Equal(t, 0, run(t, app, "--out", out, "--project", "monday.v2").code)
	require.NoError(t, os.WriteFile(filepath.Join(out, "monday.v2.md"), []byte("another book"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(out, "monday.v3.md"), []byte("there is no such run"), 0o600))

	o := run(t, app, "--out", out, "--fresh", "--count", "1")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.stderr, ".archive")
	require.Equal(t, 1, load(t, out).Step("notes").Items.Total)

	journals, err := filepath.Glob(filepath.Join(out, ".archive", "monday-*", "journal.jsonl"))
	require.NoError(t, err)
	require.Len(t, journals, 1)
	copies, err := filepath.Glob(filepath.Join(out, ".archive", "monday*.md"))
	require.NoError(t, err)
	require.Len(t, copies, 2)
	text, err := os.ReadFile(copies[0])
	require.NoError(t, err)
	require.Equal(t, "the old book", string(text))
	require.Regexp(t, `monday-.*\.v3\.md$`, copies[1])
	require.NoFileExists(t, filepath.Join(out, "monday.md"), "the old book does not stand beside the new run")
	require.FileExists(t, filepath.Join(out, "monday2.md"), "another run's file is left alone")
	require.FileExists(t, filepath.Join(out, "monday.v2.md"), "another run's file is left alone")
}

func TestFreshLeavesAFileThatIsOpenElsewhere(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	require.Equal(t, 0, run(t, app, "--out", out).code)
	book := filepath.Join(out, "monday.yw7")
	require.NoError(t, os.WriteFile(book, []byte("the old book"), 0o600))
	require.NoError(t, os.WriteFile(book+".lock", nil, 0o600))
	o := run(t, app, "--out", out, "--fresh")
	require.Equal(t, 0, o.code, o.stderr)
	require.FileExists(t, book)
	copies, err := filepath.Glob(filepath.Join(out, ".archive", "monday*.yw7"))
	require.NoError(t, err)
	require.Len(t, copies, 1)
}

func TestRetryTakesWhatFailed(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	model := &script{refuse: map[string]bool{"note on tide 1": true, "note on tide 3": true}}
	app := tides(t, model)
	o := run(t, app, "--out", out)
	require.Equal(t, 3, o.code, o.stderr)
	require.Contains(t, o.stderr, "tides retry --project monday --out "+out)
	require.NotContains(t, o.stderr, "\x1b", "what a provider wrote reaches no terminal unescaped")

	for args, says := range map[string]string{
		"topics":       "there is nothing to try again in the step",
		"nosuch":       `has no step "nosuch"; its steps are topics, notes`,
		"notes|nosuch": `has no item "nosuch"`,
		"notes|tide 2": "did not fail",
	} {
		o = run(t, app, append([]string{"retry", "--out", out}, strings.Split(args, "|")...)...)
		require.Equal(t, 2, o.code, args)
		require.Contains(t, o.stderr, says)
	}

	model.set(func() { model.refuse = nil })
	o = run(t, app, "retry", "--out", out, "notes", "tide 3")
	require.Equal(t, 3, o.code, o.stderr)
	require.Equal(t, 1, load(t, out).Step("notes").Items.Failed)

	o = run(t, app, "retry", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	o = run(t, app, "retry", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "nothing to try again")
}

func TestPauseStatusAndSecondProcessWhileRunning(t *testing.T) {
	t.Parallel()
	out, gate := t.TempDir(), make(chan struct{})
	model := &script{gate: map[string]chan struct{}{"note on tide 2": gate}, asked: make(chan string, 1)}
	app := tides(t, model)

	var stdout, stderr buffer
	ended := make(chan outcome, 1)
	go func() { ended <- runTo(app, &stdout, &stderr, "--out", out) }()
	<-model.asked

	o := run(t, app, "--status", "--json", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, `"status": "running"`)
	require.Contains(t, o.out, `"current_step": "notes"`)

	for _, args := range [][]string{{"--resume"}, {"retry"}} {
		o = run(t, app, append(args, "--out", out)...)
		require.NotEqual(t, 0, o.code)
		require.NotContains(t, o.stderr, "repair")
	}
	o = run(t, app, "--resume", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "process")
	require.NotContains(t, o.stderr, "going on with", "nothing goes on that is refused")
	o = run(t, app, "--fresh", "--out", out)
	require.Equal(t, 1, o.code, o.stderr)
	o = run(t, app, "--out", out, "--count", "3")
	require.Equal(t, 1, o.code, "a run that somebody works on is locked, whatever was typed")
	require.Contains(t, o.stderr, fmt.Sprintf("process %d on ", os.Getpid()))
	require.Contains(t, o.stderr, "since ")
	require.Contains(t, o.stderr, "; running, 66.6%\n")
	require.Contains(t, o.stderr, "tides --resume --project monday")
	require.Contains(t, o.stderr, "tides --fresh --project monday --out "+out+" --count 3\n")

	o = run(t, app, "pause", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "asked process")
	require.Eventually(t, func() bool { return strings.Contains(stderr.String(), "Pausing") }, 10*time.Second, 10*time.Millisecond)
	close(gate)
	o = <-ended
	require.Equal(t, 4, o.code, o.stderr)
	require.Contains(t, o.stderr, "tides --resume --project monday --out "+out)
	require.Contains(t, run(t, app, "--status", "--out", out).out, "Status: paused")

	o = run(t, app, "pause", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "not running")
	o = run(t, app, "unpause", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "no pause was asked for")

	calls := model.count()
	o = run(t, app, "--resume", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, calls+1, model.count(), "only what was not recorded is asked for")
}

func TestUnpauseTakesThePauseFileAway(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	require.Equal(t, 0, run(t, app, "--out", out).code)
	pause := filepath.Join(out, "monday", "pause")
	require.NoError(t, os.WriteFile(pause, nil, 0o600))
	o := run(t, app, "unpause", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "taken back")
	require.NoFileExists(t, pause)
}
