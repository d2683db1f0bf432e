package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatIsTypedWrongIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		args string // separated by |
		says string
	}{
		{"--nosuch", "unknown flag: --nosuch"},
		{"-x", "unknown shorthand flag"},
		{"frobnicate", `unknown command "frobnicate"`},
		{"histroy", `did you mean "history"?`},
		{"--count|abc", "--count abc is not a whole number"},
		{"--count|1e9", "--count 1e9 is not a whole number"},
		{"--count|99999999999999999999", "--count 99999999999999999999 is not a whole number, or is too large"},
		{"--count|0", "--count must be 1 to 100, not 0"},
		{"--count|-3", "--count must be 1 to 100, not -3"},
		{"--out|x|--count", "flag needs an argument"},
		{"--parallel|0", "--parallel must be 1 to 1000"},
		{"--parallel|-1", "--parallel must be 1 to 1000"},
		{"--parallel|x", "--parallel x is not a whole number"},
		{"--seed|-1", "--seed -1 is not a whole number"},
		{"--no-color=maybe", "--no-color maybe is not true or false; see"},
		{"--status|--count|0", "--count must be 1 to 100, not 0"},
		{"--provider|, ,", "--provider must name a provider"},
		{"--provider|", "--provider must name a provider"},
		{"--provider|nosuch", `--provider: there is no provider "nosuch"`},
		{"--inject|frob=0.1", `--inject: "frob=0.1": unknown kind`},
		{"--inject|empty=7", "--inject"},
		{"--project|", "--project"},
		{"--project|../x", "not a usable run name"},
		{"--project|a/b", "not a usable run name"},
		{"--project|" + strings.Repeat("a", 500), "500 characters"},
		{"--project|CON", "device name"},
		{"--project|x.", "must not end"},
		{"--project|\x1b[31m", `\x1b[31m`},
		{"--out|", "--out must name a folder"},
		{"--out|" + file, "is a file, not a folder"},
		{"--out|" + filepath.Join(file, "x"), "lies below a file"},
		{"--out|" + dir + "|--project|file", "is a file, not the folder of a run"},
		{"--out|" + dir + "|--project|file|--fresh", "is a file, not the folder of a run"},
		{"--out|" + dir + "|--project|file|--status", "is a file, not the folder of a run"},
		{"--resume|--fresh", "exclude each other"},
		{"--resume|--status", "exclude each other"},
		{"--fresh|--status|--resume", "exclude each other"},
		{"--resume", `there is no run "monday"`},
		{"--status", `there is no run "monday"`},
		{"pause", `there is no run "monday"`},
		{"unpause", `there is no run "monday"`},
		{"retry", `there is no run "monday"`},
		{"show|topics", `there is no run "monday"`},
		{"approve", `there is no run "monday"`},
		{"reject|--step|x", `there is no run "monday"`},
		{"approve|x", "approve takes no arguments, but got x"},
		{"edit|topics", `there is no run "monday"`},
		{"edit", "accepts between 1 and 2 arg(s), received 0"},
		{"history", `there is no run "monday"`},
		{"export", "no files to export"},
		{"repair", `there is no run "monday"`},
		{"verify", `there is no run "monday"`},
		{"verify|extra", "verify takes no arguments, but got extra"},
		{"prune", "prune needs to be told what to leave: --older-than 720h, --keep 10, or both"},
		{"prune|--force", "prune needs to be told"},
		{"prune|--keep|-1", "--keep must not be negative"},
		{"prune|--keep|x", "--keep x is not a whole number"},
		{"prune|--older-than|-1h", "--older-than must not be negative"},
		{"prune|--older-than|30", "--older-than 30 is not a duration such as 90s"},
		{"prune|extra|--keep|1", "prune takes no arguments, but got extra"},
		{"prune|--keep|1", "there are no runs in"},
		{"copy", "copy needs --to STORE, the store to copy to; it has file:DIR, sqlite:FILE"},
		{"copy|--to|", "--to must name a store"},
		{"copy|--to|x", "--to x: write file:DIR"},
		{"copy|--to|file:x|--from|y", "--from y: write file:DIR"},
		{"copy|--to|file:x|--from|file:y|--store|file:z", "--from and --store both say where the runs are"},
		{"copy|--to|file:x|--from|file:x", "--from and --to are the same store"},
		{"copy|--to|file:x|--from|file:" + filepath.Join(dir, "none"), "there are no runs in file:"},
		{"copy|--to|file:x|--from|file:" + file, "--from file:" + file + ": it is a file"},
		{"copy|--to|file:x|--from|mysql:y", `--from: this program has no store "mysql"`},
		{"copy|--to|file:x|../run", "not a usable run name"},
		{"copy|--to|file:x", "there are no runs in"},
		{"verify|--store|file:" + file, "--store file:" + file + ": it is a file"},
		{"first", `there is no run "monday"`},
		{"first|extra", "extra"},
		{"pause|extra", "pause takes no arguments, but got extra"},
		{"show", "arg"},
		{"show|a|b|c", "arg"},
		{"pause|--count|3", "unknown flag: --count"},
		{"retry|--parallel|0", "--parallel must be 1 to 1000"},
	} {
		app := tides(t, &script{})
		args := strings.Split(c.args, "|")
		if !strings.Contains(c.args, "--out") {
			args = append(args, "--out", filepath.Join(dir, "output"))
		}
		o := run(t, app, args...)
		require.Equal(t, 2, o.code, "%s: %s", c.args, o.stderr)
		require.Contains(t, o.stderr, c.says, c.args)
		require.True(t, strings.HasPrefix(o.stderr, "tides: "), o.stderr)
		require.LessOrEqual(t, strings.Count(o.stderr, "\n"), 4, o.stderr)
		require.NotContains(t, o.stderr, "\x1b")
		require.Empty(t, o.out, c.args)
	}
	require.NoDirExists(t, filepath.Join(dir, "output"), "a refusal leaves nothing behind")
}

func TestHelpNamesEveryFlagAndVerb(t *testing.T) {
	t.Parallel()
	o := run(t, tides(t, &script{}), "--help")
	require.Equal(t, 0, o.code)
	for _, word := range []string{"--project", "--out", "--sea", "--count", "--provider", "--parallel", "--resume", "--fresh", "--status",
		"--inject", "--seed", "--json", "--no-color", "-v,", "pause", "unpause", "retry", "show", "verify", "repair", "prune", "copy", "--store", "export", "history", "doctor", "--config", "first"} {
		require.Contains(t, o.out, word)
	}
}
