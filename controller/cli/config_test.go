package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// TestAConfigurationIsFoundUsedAndRemembered also sees that what answers cost reaches the run.
func TestAConfigurationIsFoundUsedAndRemembered(t *testing.T) {
	noProviders(t)
	server, out := openAI(t), t.TempDir()
	file := filepath.Join(out, providers.ConfigName)
	require.NoError(t, os.WriteFile(file, []byte(`
chain: [mine]
providers: {mine: {base_url: "`+server.URL+`/v1", model: m-1, price: {input: 3, output: 0.5}}}
`), 0o600))
	app := tides(t, nil)
	app.Config.Model = nil
	o := run(t, app, "--out", out, "--count", "1")
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.stderr, "Asking mine: the chain of "+file+".")
	st := load(t, out)
	require.Equal(t, map[string]string{"parallel": "1", "config": file}, st.Session.Settings, "the file is remembered, and not who stands in it")
	require.Equal(t, 2, st.Usage.Calls)
	require.EqualValues(t, 2*(3000+1000), st.Usage.Cost)
	require.Zero(t, st.Usage.Unpriced)

	// Without a price the cost is unknown, not nothing.
	second := filepath.Join(t.TempDir(), "other.yaml")
	require.NoError(t, os.WriteFile(second, []byte(`{chain: [mine], providers: {mine: {base_url: "`+server.URL+`/v1", model: m-1}}}`), 0o600))
	o = run(t, app, "--out", out, "--project", "two", "--config", second, "--count", "1")
	require.Equal(t, 0, o.code, o.stderr)
	two := loadRun(t, out, "two")
	require.Equal(t, 2, two.Usage.Unpriced)
	require.Equal(t, second, two.Session.Settings["config"])
}

func TestAConfigurationThatIsGone(t *testing.T) {
	noProviders(t)
	server, out := openAI(t), t.TempDir()
	write := func(name, model string) string {
		path := filepath.Join(out, name)
		require.NoError(t, os.WriteFile(path, []byte(`{chain: [mine], providers: {mine: {base_url: "`+server.URL+`/v1", model: `+model+`}}}`), 0o600))
		return path
	}
	app := tides(t, nil)
	app.Config.Model = nil
	first := write("first.yaml", "m-9")
	o := run(t, app, "--out", out, "--count", "1", "--config", first)
	require.Equal(t, 1, o.code, o.stderr)
	require.Contains(t, o.stderr, "not_found")

	require.NoError(t, os.Remove(first))
	o = run(t, app, "--out", out, "--resume")
	require.Equal(t, 2, o.code, o.stderr)
	require.Contains(t, o.stderr, first+", which is not there any more; name a file with --config FILE, or go on without with --config none")

	second := write("second.yaml", "m-1")
	o = run(t, app, "--out", out, "--resume", "--config", second)
	require.Equal(t, 0, o.code, o.stderr)
	require.Equal(t, second, load(t, out).Session.Settings["config"])

	k := &kit{out: out, stderr: &buffer{}, session: sessionFlags{config: "none", parallel: 1}}
	write(providers.ConfigName, "m-1")
	var cfg workflow.Config
	require.NoError(t, k.models(&cfg))
	require.Equal(t, "offline", cfg.Model.(*providers.Chain).Providers()[0].Name)
	require.Equal(t, "none", k.session.settings()[flagConfig], "no file stays no file")
	k.session.config, cfg = first, workflow.Config{}
	require.NoError(t, k.models(&cfg))
	require.Equal(t, "mine", cfg.Model.(*providers.Chain).Providers()[0].Name, "the usual place is looked at before giving up")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	noProviders(t)
	out := t.TempDir()
	file := filepath.Join(out, providers.ConfigName)
	app := tides(t, nil)
	app.Config.Model = nil
	require.NoError(t, os.WriteFile(file, []byte("chain: [groq]\nproviders: {groq: {key: "+secretKey+"}}"), 0o600))
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "tides: " + file + ":2: a key is given by the variable that holds it"},
		{[]string{"doctor"}, file + ":2: a key is given by the variable that holds it"},
		{[]string{"--config", file}, "--config: " + file + ":2: a key is given"},
		{[]string{"--config", filepath.Join(out, "none.yaml")}, "none.yaml: no such file or directory"},
		{[]string{"--config", ""}, "--config must name a file, or none"},
		{[]string{"doctor", "--config", ""}, "--config must name a file, or none"},
		{[]string{"--config", "none", "--provider", "openai:"}, `--provider: "openai:" names no model`},
		{[]string{"--config", "none", "--provider", "openai:gpt-x"}, "--provider: openai needs a key: set OPENAI_API_KEY"},
	} {
		o := run(t, app, append(c.args, "--out", out)...)
		require.Equal(t, 2, o.code, "%v: %s", c.args, o.stderr)
		require.Contains(t, o.stderr, c.says)
		require.NotContains(t, o.stderr, "SECRET")
	}
	require.NoDirExists(t, filepath.Join(out, "monday"))
	o := run(t, tides(t, &script{}), "--config", file, "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "this program brings its own models")
	o = run(t, tides(t, &script{}), "--out", out, "--count", "1")
	require.Equal(t, 0, o.code, "a file that lies there is none of a program's that brings its models: %s", o.stderr)
}

func TestADefaultProviderIsRecorded(t *testing.T) {
	noProviders(t)
	t.Setenv("OPENAI_API_KEY", "sk-test-0123456789")
	t.Setenv("DEFAULT_LLM_PROVIDER", "openai:gpt-x")
	k := &kit{out: t.TempDir(), session: sessionFlags{parallel: 1}, stderr: &buffer{}}
	var cfg workflow.Config
	require.NoError(t, k.models(&cfg))
	require.Equal(t, "openai:gpt-x", k.session.settings()[flagProvider], "so that a resume elsewhere asks the same")
	require.Contains(t, k.stderr.(*buffer).String(), "DEFAULT_LLM_PROVIDER")
}

func TestThePriceOfAProgramsOwnChain(t *testing.T) {
	t.Parallel()
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "a", Model: "m", LLM: &script{}, Price: &providers.Price{Input: 7_000_000}})
	require.NoError(t, err)
	k := &kit{stderr: &buffer{}}
	cfg := workflow.Config{Model: &script{}, Roles: map[string]llms.Model{"writer": chain}}
	require.NoError(t, k.models(&cfg))
	micro, ok := cfg.Price("a", "m", state.Usage{Input: 2})
	require.True(t, ok)
	require.EqualValues(t, 14, micro)
	own := func(string, string, state.Usage) (int64, bool) { return 1, true }
	cfg = workflow.Config{Model: chain, Price: own}
	require.NoError(t, k.models(&cfg))
	micro, _ = cfg.Price("x", "y", state.Usage{})
	require.EqualValues(t, 1, micro, "the program's own word")
}
