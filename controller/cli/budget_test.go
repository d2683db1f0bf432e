package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestParseBudget(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"": 0, "none": -1, "5": 5_000_000, "5.00": 5_000_000, "0.000001": 1, "0.1": 100_000, "12.3456780000": 12_345_678, "007": 7_000_000,
		"999999999.999999": 999_999_999_999_999,
	} {
		got, err := parseBudget(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"0", "0.000000", "-1", "+1", "1,5", "1.5.0", ".5", "5.", "1e3", "0x10", "5 ", "$5", "NaN", "inf", "None", "0.0000001", "1000000000", "٥"} {
		_, err := parseBudget(text)
		require.Equal(t, 2, ExitCode(err), "%q: %v", text, err)
	}
}

// priced is a program whose model costs a dollar a token of output, and answers with 7 of at most 10 tokens.
func priced(t *testing.T, model *script) App[tideParams] {
	t.Helper()
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "a", Model: "m", LLM: model, MaxOutput: 10, Price: &providers.Price{Output: 1_000_000_000_000}})
	require.NoError(t, err)
	app := tides(t, nil)
	app.Config.Model = chain
	return app
}

func TestBudgetOfOwnModels(t *testing.T) {
	t.Parallel()
	out, model := t.TempDir(), &script{}
	app := priced(t, model)
	o := run(t, app, "--out", out, "--budget", "20")
	require.Equal(t, 4, o.code, o.stderr)
	require.Contains(t, o.stderr, "paused: the budget of the run, $20.00, is not enough for the next call: $14.00 is spent, and a call to a m may cost up to $10.00")
	require.Contains(t, o.stderr, "go on with a larger budget with:\n  tides --resume --budget 40.00 --project monday --out "+out)
	require.Contains(t, o.stderr, "or without one with:\n  tides --resume --budget none --project monday")
	require.Contains(t, o.out, "monday: paused, 66.6%, 2 calls, 0 failed calls, $14.00\n")
	require.Contains(t, run(t, app, "--status", "--out", out).out, "Budget: $20.00, $6.00 left")
	require.Equal(t, 2, model.count())

	require.Equal(t, 4, run(t, app, "--resume", "--out", out).code)
	require.Equal(t, map[string]int64{"": 20_000_000}, load(t, out).Budget)
	o = run(t, app, "--resume", "--budget", "none", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Empty(t, load(t, out).Budget)
	require.Equal(t, 4, model.count())
	require.NotContains(t, load(t, out).Session.Settings, flagBudget)
}

// TestBudgetOfAStep: set by the program or on the command line, which wins; each limit by itself.
func TestBudgetOfAStep(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := priced(t, &script{})
	app.Config.Budget.Steps = map[string]int64{"notes": 17_000_000}
	o := run(t, app, "--out", out)
	require.Equal(t, 4, o.code, o.stderr)
	require.Contains(t, o.stderr, "the budget of step notes, $17.00")
	require.Contains(t, o.stderr, "tides --resume --budget notes=34.00 --project monday")
	require.Contains(t, o.stderr, "tides --resume --budget notes=none --project monday")

	own := priced(t, &script{})
	o = run(t, own, "--resume", "--budget", "notes=18", "--budget", "100", "--out", out)
	require.Equal(t, 4, o.code, o.stderr)
	require.Contains(t, o.stderr, "the budget of step notes, $18.00")
	require.Equal(t, map[string]int64{"": 100_000_000, "notes": 18_000_000}, load(t, out).Budget)
	o = run(t, app, "--resume", "--budget", "notes=none", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, map[string]int64{"": 100_000_000}, load(t, out).Budget)
	require.Equal(t, map[string]int64{"notes": 17_000_000}, app.Config.Budget.Steps, "the program's own is not changed")

	o = run(t, app, "--out", out, "--budget", "5", "--budget", "notes=1.50")
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "--fresh --project monday --out "+out+" --budget 5 --budget notes=1.50")
	for _, wrong := range [][]string{{"=5"}, {"notes="}, {"notes=0"}, {"5", "6"}, {"notes=1", "notes=2"}, {"nosuch=5"}} {
		args := []string{"--out", t.TempDir()}
		for _, text := range wrong {
			args = append(args, "--budget", text)
		}
		o = run(t, app, args...)
		require.Equal(t, 2, o.code, "%v: %s", wrong, o.stderr)
		require.Contains(t, strings.ToLower(o.stderr), "budget", "%v", wrong)
	}
	require.Contains(t, o.stderr, `no step "nosuch"`)
}

// TestBudgetAndUnknownPrices: before anything is begun, and also where the budget is one that the run remembers.
func TestBudgetAndUnknownPrices(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	good, bad := priced(t, &script{}), tides(t, nil)
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "a", Model: "m", LLM: &script{}})
	require.NoError(t, err)
	bad.Config.Model = chain
	o := run(t, bad, "--out", out, "--budget", "20")
	require.Equal(t, 2, o.code, o.stderr)
	require.Contains(t, o.stderr, "there is a budget, but nobody knows what m costs at a; say it with price: in dogear.yaml")
	o = run(t, bad, "--status", "--out", out)
	require.Equal(t, 2, o.code, "nothing was begun")

	require.Equal(t, 4, run(t, good, "--out", out, "--budget", "20").code)
	o = run(t, bad, "--resume", "--out", out)
	require.Equal(t, 2, o.code, o.stderr)
	require.Contains(t, o.stderr, "--budget none")
	require.Equal(t, 0, run(t, bad, "--resume", "--budget", "none", "--out", out).code)
	u := load(t, out).Usage
	require.EqualValues(t, 14_000_000, u.Cost)
	require.Equal(t, 2, u.Unpriced)
	require.Contains(t, run(t, bad, "--status", "--out", out).out, "Cost: $14.00; 2 calls of unknown price")

	own := tides(t, &script{}) // not a chain, and without Config.Price: the run itself refuses
	other := t.TempDir()
	o = run(t, own, "--out", other, "--budget", "20")
	require.Equal(t, 4, o.code, o.stderr)
	require.Contains(t, o.stderr, "nobody knows what a call to this model costs")
	require.Contains(t, o.stderr, "tides --resume --budget none --project monday")
	own.Config.Price = func(string, string, state.Usage) (int64, bool) { return 0, true }
	require.Equal(t, 0, run(t, own, "--resume", "--out", other).code)
}

func TestLimited(t *testing.T) {
	t.Parallel()
	recorded := map[string]int64{"": 5, "a": 6}
	for _, c := range []struct {
		recorded map[string]int64
		given    workflow.Budget
		want     bool
	}{
		{nil, workflow.Budget{}, false},
		{nil, workflow.Budget{Run: -1}, false},
		{nil, workflow.Budget{Steps: map[string]int64{"a": 1}}, true},
		{recorded, workflow.Budget{}, true},
		{recorded, workflow.Budget{Run: -1}, true},
		{recorded, workflow.Budget{Run: -1, Steps: map[string]int64{"a": -1}}, false},
	} {
		require.Equal(t, c.want, (&kit{recorded: c.recorded}).limited(c.given))
	}
}
