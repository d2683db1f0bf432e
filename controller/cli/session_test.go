package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestAFailedRunSaysWhatFailedAndHowToGoOn(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	model := &script{refuse: map[string]bool{"topics 3": true}}
	app := tides(t, model)
	o := run(t, app, "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "tides: step topics")
	require.Contains(t, o.stderr, "content_policy")
	require.Contains(t, o.stderr, "try again with:\n  tides --resume --project monday --out "+out)
	require.Contains(t, run(t, app, "--status", "--out", out).out, "Failed Step:\n  [failed] topics (content_policy)")

	model.set(func() { model.refuse = nil })
	o = run(t, app, "retry", "topics", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
}

func TestInjectedFailuresAreRetriedAndTold(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, nil)
	app.Config.Model = nil
	o := run(t, app, "--out", out, "--provider", "offline", "--inject", "rate_limit@1,retry_after=1ms", "--seed", "3", "-v", "--count", "1")
	require.Contains(t, o.stderr, "call failed (offline): rate_limit")
	require.Contains(t, o.stderr, "then retry")
	require.Contains(t, o.stderr, "\t", "-v logs on stderr")
	require.Equal(t, 1, load(t, out).Usage.FailedCalls)
}

func TestAutoRecordsTheChoice(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-test-0123456789")
	t.Setenv("GROQ_API_KEY", "gsk-test-0123456789")
	k := &kit{session: sessionFlags{provider: "auto", parallel: 1, inject: "empty=0.5"}, stderr: &buffer{}}
	var cfg workflow.Config
	require.NoError(t, k.models(&cfg))
	require.Regexp(t, `^groq,.*openai`, k.session.settings()[flagProvider])
	chain, ok := cfg.Model.(*providers.Chain)
	require.True(t, ok)
	for _, p := range chain.Providers() {
		require.IsType(t, &faulty.Model{}, p.LLM, "each member fails on its own")
	}
}

func TestInjectWrapsThePrograms(t *testing.T) {
	t.Parallel()
	k := &kit{session: sessionFlags{parallel: 1, inject: "empty=0.5"}, stderr: &buffer{}}
	cfg := workflow.Config{Model: &script{}, Roles: map[string]llms.Model{"editor": &script{}}}
	own := cfg.Roles
	require.NoError(t, k.models(&cfg))
	require.IsType(t, &faulty.Model{}, cfg.Model)
	require.IsType(t, &faulty.Model{}, cfg.Roles["editor"])
	require.IsType(t, &script{}, own["editor"], "the program's map is not changed")

	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "a", LLM: &script{}})
	require.NoError(t, err)
	cfg = workflow.Config{Model: providers.With(chain, llms.WithTemperature(0.5))}
	require.NoError(t, k.models(&cfg))
	members := providers.Models{Default: cfg.Model}.Providers()
	require.Len(t, members, 1, "a role's options do not hide its chain")
	require.IsType(t, &faulty.Model{}, members[0].LLM)
}

func TestFreshTakesADamagedRunAway(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	require.Equal(t, 0, run(t, app, "--out", out).code)
	path := filepath.Join(out, "monday", "journal.jsonl")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	journal[30] ^= 1
	require.NoError(t, os.WriteFile(path, journal, 0o600))
	o := run(t, app, "--fresh", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	k := &kit{program: "novel", project: "Book", out: "output"}
	for _, c := range []struct {
		err  error
		says string
	}{
		{&state.DamagedError{Run: "Book", File: "j", Line: 3, Why: "x", Hint: "another"}, "line 3: x\nkeep a copy and every sound record with:\n  novel repair --project Book --out output"},
		{fmt.Errorf("run: %w", state.ErrDamaged), "novel repair --project Book"},
		{state.ErrNewerFormat, "use that version or a newer one"},
		{fmt.Errorf("%w: format 2; update dogear", state.ErrNewerFormat), "the run \"Book\" in output: written by a newer version of dogear: format 2\nuse that version"},
		{&state.HeldError{Run: "Book", PID: 7, Host: "box"}, "process 7 on box"},
		{&state.HeldError{Run: "Book", PID: 7, Host: "box"}, "novel pause --project Book"},
		{fmt.Errorf("run: %w", &workflow.PauseError{Reason: "interrupt"}), "paused (interrupt)\ngo on with:\n  novel --resume --project Book --out output"},
		{workflow.ErrWaiting, "novel --resume"},
		{&workflow.PartialError{Step: "s", Failed: 1}, "novel retry --project Book"},
		{state.ErrJournalFailed, "novel --resume"},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, "choose another folder with --out"},
		{&workflow.StepError{Step: "s", Err: errors.New("boom")}, "try again with:\n  novel --resume"},
	} {
		err := k.advise(c.err)
		require.ErrorContains(t, err, c.says)
		require.ErrorIs(t, err, c.err)
		require.Equal(t, err, k.advise(err), "advice is given once")
	}
	plain := errors.New("boom")
	require.Equal(t, plain, k.advise(plain))
	require.NoError(t, k.advise(nil))
}

func TestSettingsOfARunThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := sessionFlags{}
	require.ErrorContains(t, s.inherit(map[string]string{"parallel": "many"}), "give --parallel")
	s.given = map[string]bool{flagParallel: true}
	s.parallel = 4
	require.NoError(t, s.inherit(map[string]string{"parallel": "many", "seed": "9"}))
	require.Equal(t, 4, s.parallel)
	require.EqualValues(t, 9, s.seed)
}
