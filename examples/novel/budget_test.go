package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/examples/novel/internal/killtest"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// pricedConfig makes an answer of the test's server, which has 20 tokens, cost two cents, and the longest one three.
const pricedConfig = `
providers:
  openai:
    models:
      priced: {price: {input: 0, output: 1000}, max_output: 30}
      nobody-knows: {max_output: 30}
`

// TestBudgetOfTheProgram: the novel as a process pauses with exit code 4 when its budget is used up, says how to go on, stays paused
// while it is not raised, and comes to the same book with a larger one, with no answer paid twice.
func TestBudgetOfTheProgram(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	p := program(t, "file")
	p.Env = []string{"OPENAI_MODEL=priced"}
	whole := p.Reference(ctx, t, 0, 1)
	n := p.Novel(t, killtest.NewServer(t, 0), 1)
	require.NoError(t, os.WriteFile(filepath.Join(n.Dir, providers.ConfigName), []byte(pricedConfig), 0o600))
	work := func(args ...string) (int, string) {
		c := n.Command(ctx, append(n.Begin(), args...)...)
		code, err := c.Run()
		require.NoError(t, err)
		return code, c.Output()
	}
	for _, nonsense := range []string{"5,00", "-1", "0", "0.0000001", "five", "1e3", "$5", ""} {
		code, out := work("--budget=" + nonsense)
		require.Equal(t, 2, code, "%s: %s", nonsense, out)
		require.Contains(t, out, "--budget", nonsense)
	}
	n.Env("OPENAI_MODEL=nobody-knows")
	code, out := work("--budget", "0.10")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "nobody knows what nobody-knows costs at openai")
	n.Env()

	code, out = work("--budget", "0.10")
	require.Equal(t, 4, code, out)
	require.Contains(t, out, "the budget of the run, $0.10, is not enough")
	require.Regexp(t, `--resume --budget 0\.20 --project \S+ --out `, out)
	require.Len(t, n.Server.Requests(), 4)

	code, out = work("--status", "--json")
	require.Zero(t, code, out)
	var status struct {
		Status, Hint string
		Usage        struct {
			Cost     int64 `json:"cost_micro_usd"`
			Waste    int64 `json:"waste_micro_usd"`
			Unpriced int
			Models   []struct {
				Provider, Model string
				Cost            int64 `json:"cost_micro_usd"`
			}
		}
		Budget []struct {
			Step  string
			Limit int64 `json:"limit_micro_usd"`
		}
	}
	require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&status))
	require.Equal(t, "paused", status.Status)
	require.Contains(t, status.Hint, "$0.11")
	require.EqualValues(t, []int64{80_000, 0, 0}, []int64{status.Usage.Cost, status.Usage.Waste, int64(status.Usage.Unpriced)})
	require.Len(t, status.Usage.Models, 1)
	require.Equal(t, "priced", status.Usage.Models[0].Model)
	require.EqualValues(t, 80_000, status.Usage.Models[0].Cost)
	require.EqualValues(t, 100_000, status.Budget[0].Limit)

	code, out = work("--resume")
	require.Equal(t, 4, code, out)
	require.Len(t, n.Server.Requests(), 4, "the recorded budget holds")

	code, out = work("--resume", "--budget", "10")
	require.Zero(t, code, out)
	require.Contains(t, out, "$")
	require.NoError(t, n.Check(ctx, t, whole))
	code, out = work("--status", "--no-color")
	require.Zero(t, code, out)
	require.Contains(t, out, "\n  Budget: $10.00, ")
}
