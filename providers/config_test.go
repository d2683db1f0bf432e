package providers_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/price"
	"github.com/dogear-go/dogear/resilience"
)

const sampleConfig = `
chain: [groq, anthropic, "openai:gpt-5-mini", my-vllm]
max_wait: 15m
patience: 20s
timeout: 4m
idle: 90s
max_tries: 6
providers:
  groq:
    key: ${GROQ_API_KEY_TEAM}
    base_url: http://127.0.0.1:1/openai/v1/
    model: q-1
    context: 1000
    max_output: 65_536
    without: [images]
    json: object
    limits: {requests_per_minute: 30, tokens_per_minute: 8000, input_tokens_per_minute: 0, requests_per_day: 1000, in_flight: 4, burst: 1.5}
    price: {input: 0.15, output: 0.600001, cached: "0.07"}
    models:
      "some/model": {context: 2000, limits: {in_flight: 0, tokens_per_day: 9}, price: {input: 1, output: 2}, without: []}
  my-vllm: {base_url: "http://127.0.0.1:8000/v1", model: 4.1}
  ollama:
roles:
  writer: {chain: [anthropic, groq], model: claude-x, temperature: 0.9, max_tokens: 8000}
  editor: {temperature: 0.3}
  setting_builder: {model: q-2}
`

func parse(t testing.TB, text string) *providers.Config {
	t.Helper()
	c, err := providers.ParseConfig("dogear.yaml", []byte(text))
	require.NoError(t, err)
	return c
}

func TestConfigModels(t *testing.T) {
	cleanEnv(t, map[string]string{"GROQ_API_KEY_TEAM": "team", "GROQ_API_KEY": "mine", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "ANTHROPIC_MODEL": "claude-e"})
	c := parse(t, sampleConfig)
	require.Equal(t, providers.ChainConfig{MaxWait: 15 * time.Minute, Patience: 20 * time.Second, Timeout: 4 * time.Minute, Idle: 90 * time.Second, MaxTries: 6}, c.Chain)
	m, err := c.Models()
	require.NoError(t, err)
	require.Equal(t, "groq/q-1, anthropic/claude-e, openai/gpt-5-mini, my-vllm/4.1", named(m.Default))
	require.Equal(t, "anthropic/claude-x, groq/q-1", named(m.Roles["writer"]))
	require.Equal(t, named(m.Default), named(m.Roles["editor"]))
	require.Equal(t, "groq/q-2, anthropic/claude-e, openai/gpt-5-mini, my-vllm/4.1", named(m.Roles["setting_builder"]))
	require.Equal(t, "Settings of providers and roles are those of dogear.yaml.\nAsking groq, anthropic, openai:gpt-5-mini, my-vllm: the chain of dogear.yaml.", m.Notice)

	p := m.Default.(*providers.Chain).Providers()[0]
	require.Equal(t, 1000, p.Context)
	require.Equal(t, 65536, p.MaxOutput)
	require.Equal(t, []providers.Feature{providers.FeatureImages}, p.Without)
	require.Equal(t, providers.JSONObject, p.JSON)
	limits := providers.Limits{RequestsPerMinute: 30, TokensPerMinute: 8000, RequestsPerDay: 1000, InFlight: 4, Burst: 1.5}
	require.Equal(t, limits, p.Limits)
	require.Equal(t, &providers.Price{Input: 150_000, Output: 600_001, Cached: 70_000}, p.Price)

	cost := m.Cost()
	micro, ok := cost("groq", "q-1", resilience.Usage{Input: 1_000_000, Output: 1_000_000})
	require.True(t, ok)
	require.EqualValues(t, 750_001, micro)
	for _, unknown := range []string{"q-2", "nobody"} {
		_, ok = cost("groq", unknown, resilience.Usage{Input: 1})
		require.False(t, ok, "a price is that of the model beside it; unknown is not free")
	}

	m, err = c.Models("groq:some/model")
	require.NoError(t, err)
	p = m.Default.(*providers.Chain).Providers()[0]
	require.Equal(t, 2000, p.Context)
	require.Empty(t, p.Without)
	require.NotNil(t, p.Without)
	require.Zero(t, p.MaxOutput, "that of q-1 says nothing about another model")
	require.Equal(t, providers.JSONObject, p.JSON)
	limits.InFlight, limits.TokensPerDay = 0, 9
	require.Equal(t, limits, p.Limits)
	require.Equal(t, &providers.Price{Input: 1_000_000, Output: 2_000_000, Cached: 1_000_000}, p.Price)
	require.Equal(t, "Settings of providers and roles are those of dogear.yaml.", m.Notice)
	require.Equal(t, "anthropic/claude-x, groq/q-1", named(m.Roles["writer"]))

	m, err = c.Models("anthropic")
	require.NoError(t, err)
	require.Contains(t, m.Notice, "The model q-2 of the role setting_builder is for groq, and is not used with anthropic.")
	m, err = c.Models("auto")
	require.NoError(t, err)
	require.Equal(t, []string{"groq", "anthropic", "openai", "ollama", "my-vllm"}, order(t, m.Default))
	t.Setenv("DEFAULT_LLM_PROVIDER", "my-vllm")
	m, err = c.Models()
	require.NoError(t, err)
	require.Equal(t, "my-vllm/4.1, groq/q-1, anthropic/claude-e, openai/gpt-5-mini", named(m.Default))
	require.Contains(t, m.Notice, "Asking my-vllm, as DEFAULT_LLM_PROVIDER says, then groq, anthropic, openai:gpt-5-mini, of the chain of dogear.yaml.")
	m, err = c.Models("offline")
	require.NoError(t, err)
	require.Empty(t, m.Roles)
	require.Contains(t, m.Notice, "chains of roles in dogear.yaml, such as that of writer, are used with a real provider only")
}

// TestConfigPrecedence: the program, then the environment, then the file, then the catalogue; an entry's model before all.
func TestConfigPrecedence(t *testing.T) {
	cleanEnv(t, map[string]string{"GROQ_API_KEY_TEAM": "team", "GROQ_API_KEY": "mine", "ANTHROPIC_API_KEY": "k"})
	a := serve(t, answers(200, nil, completion(good, "stop")))
	c := parse(t, sampleConfig)
	groq := func(entry string) providers.Provider {
		m, err := c.Models(entry)
		require.NoError(t, err)
		return m.Default.(*providers.Chain).Providers()[0]
	}
	require.Equal(t, "q-1", groq("groq").Model)
	t.Setenv("GROQ_MODEL", "q-env")
	t.Setenv("GROQ_BASE_URL", a.URL)
	p := groq("groq")
	require.Equal(t, "q-env", p.Model)
	_, err := ask(t.Context(), p.LLM)
	require.NoError(t, err, "the environment's address wins over the file's")
	require.Equal(t, "Bearer team", a.heads[0].Get("Authorization"), "the variable that the file names is read instead of the usual one")

	c.Settings = map[string]providers.Settings{"groq": {Model: "q-go", Key: "go", Context: 7, JSON: providers.JSONNone, Price: &providers.Price{Input: 1}, Without: []providers.Feature{}}}
	p = groq("groq")
	require.Equal(t, "q-go", p.Model)
	require.Equal(t, []any{7, providers.JSONNone, int64(1), 0}, []any{p.Context, p.JSON, p.Price.Input, len(p.Without)})
	_, err = ask(t.Context(), p.LLM)
	require.NoError(t, err)
	require.Equal(t, "Bearer go", a.heads[1].Get("Authorization"))
	require.Equal(t, "q-entry:1", groq("groq:q-entry:1").Model)

	t.Setenv("AGENT_WRITER_PROVIDER", "groq")
	t.Setenv("AGENT_WRITER_TEMPERATURE", "0.1")
	m, err := c.Models("my-vllm")
	require.NoError(t, err)
	require.Equal(t, "groq/q-go, my-vllm/4.1", named(m.Roles["writer"]), "the environment's chain replaces the file's, and its model with it")
}

func TestConfigUnsetKeyMattersWhenUsed(t *testing.T) {
	cleanEnv(t, map[string]string{"GROQ_API_KEY": testKey})
	c := parse(t, sampleConfig)
	_, err := c.Models("my-vllm:x")
	require.ErrorContains(t, err, "ANTHROPIC_API_KEY", "the writer's")
	_, err = c.Models()
	require.EqualError(t, err, "providers: dogear.yaml: groq needs a key: set GROQ_API_KEY_TEAM, which line 10 of dogear.yaml names")
	m, err := parse(t, "providers: {groq: {key: '${NOT_SET_HERE}'}, mine: {base_url: http://127.0.0.1:1, model: m}}").Models("mine")
	require.NoError(t, err)
	require.Equal(t, []string{"mine"}, order(t, m.Default))
	m, err = parse(t, "").Models()
	require.NoError(t, err)
	require.Equal(t, []string{"offline"}, order(t, m.Default), "a file without a chain spends nothing")
}

func TestConfigRefusals(t *testing.T) {
	t.Parallel()
	const secret = "gsk_Zq7x0123456789abcdefghijSECRET"
	for _, c := range []struct{ text, want string }{
		{"chains: [groq]", `dogear.yaml:1: the configuration has no field "chains"; there are chain, idle`},
		{"\nproviders:\n  groq:\n    keey: x", `dogear.yaml:4: the provider "groq" has no field "keey"`},
		{"providers: {groq: {key: " + secret + "}}", `dogear.yaml:1: a key is given by the variable that holds it, as in ${GROQ_API_KEY}`},
		{"providers: {groq: {key: 'Bearer ${GROQ_API_KEY}'}}", "a key is given by the variable"},
		{"providers: {groq: {key: $GROQ_API_KEY}}", "a key is given by the variable"},
		{"providers: {groq: {key: [" + secret + "]}}", "a key is given by the variable"},
		{"providers: {groq: {key: }}", "the value is empty"},
		{"providers: {groq: {model: }}", "the value is empty"},
		{"providers: {groq: {model: [a]}}", "single value"},
		{"providers: {groq: {" + secret + ": x}}", "has no field of this line"},
		{"chain: [" + secret + "]", "there is no provider of this line"},
		{"providers: {groq: {json: " + secret + "}}", "one of schema, object, none"},
		{"providers: {groq: {context: " + secret + "}}", "whole number from 1"},
		{"providers: {groq: {context: 0}}", "whole number from 1"},
		{"providers: {groq: {context: -5}}", "whole number from 1"},
		{"providers: {groq: {context: 1.5}}", "whole number from 1"},
		{"providers: {groq: {context: 99999999999999999999}}", "whole number from 1"},
		{"providers: {groq: {limits: {in_flight: -1}}}", "whole number from 0"},
		{"providers: {groq: {limits: {burst: -1}}}", "number from 0"},
		{"providers: {groq: {limits: {burst: .nan}}}", "number from 0"},
		{"providers: {groq: {limits: 5}}", "limits must be a list of names with values"},
		{"providers: {groq: {limits: {rpm: 5}}}", `limits has no field "rpm"; there are burst, in_flight`},
		{"providers: {groq: {price: {input: 1}}}", "a price needs input and output"},
		{"providers: {groq: {price: {input: 1e-3, output: 1}}}", "amount of dollars"},
		{"providers: {groq: {price: {input: -1, output: 1}}}", "amount of dollars"},
		{"providers: {groq: {price: {input: 0.1234567, output: 1}}}", "six decimals"},
		{"providers: {groq: {without: images}}", "must be a list"},
		{"providers: {groq: {without: [video]}}", "tools, images, streaming"},
		{"providers: {groq: {base_url: 'localhost:80'}}", "not an http or https address"},
		{"providers: {groq: {base_url: 'http://u:" + secret + "@h/v1'}}", "must not hold credentials"},
		{"providers: {mine: {model: x}}", `dogear.yaml:1: there is no provider "mine" in the catalogue (groq, anthropic`},
		{"providers: {OpenAI: {base_url: 'http://h', model: x}}", "give it another name"},
		{"providers: {auto: {base_url: 'http://h', model: x}}", "is taken"},
		{"providers: {'a b': {base_url: 'http://h', model: x}}", "a provider's name is of letters"},
		{"providers:\n  groq: {}\n  groq: {}", `dogear.yaml:3: "groq" stands here a second time; the first is in line 2`},
		{"chain: groq", "must be a list, as in [groq, anthropic]"},
		{"chain: []", "a chain needs a provider"},
		{"chain: [auto]", "can't stand in a chain"},
		{"chain: [groq:]", "name:model"},
		{"chain: [groq, groq]", `"groq" stands in the chain twice`},
		{"chain: [\n  gorq]", `dogear.yaml:2: there is no provider "gorq"; the catalogue has`},
		{"max_wait: 15", "a duration above zero, as in 90s"},
		{"timeout: -1s", "a duration above zero"},
		{"max_tries: 0", "whole number from 1"},
		{"roles: {writer: {temperature: 3}}", "number from 0 to 2"},
		{"roles: {writer: {max_tokens: 0}}", "whole number from 1"},
		{"roles: {writer: {chain: ['openai:a'], model: b}}", "names its model already"},
		{"roles: {writer: {chain: []}}", "a chain needs a provider"},
		{"roles: {'': {}}", "a name is missing"},
		{"x: &a 1\nchain: *a", "anchors and aliases are not understood"},
		{"a: &a\n  <<: *a", "has no field"},
		{"- groq", "the configuration must be a list of names with values"},
		{"chain: [groq]\n---\nchain: [openai]", "a second document"},
		{"chain: [groq", "dogear.yaml:1: this is not YAML"},
		{"chain: *" + secret, "dogear.yaml:1: this is not YAML: unknown anchor …"},
		{"a:\n\t- b", "dogear.yaml:2: this is not YAML"},
		{"key: '" + secret, "this is not YAML"},
		{"providers:\n  groq: {key: ${GROQ_TEAM}}", "inside of { } a ${VARIABLE} stands in quotes"},
		{strings.Repeat("#\n", 1<<20), "larger than 1 MiB"},
	} {
		_, err := providers.ParseConfig("dogear.yaml", []byte(c.text))
		require.ErrorContains(t, err, c.want, c.text)
		require.NotContains(t, err.Error(), "SECRET")
	}
	_, err := providers.ParseConfig("d", []byte("a: 1\nb: 2\nchain: [gorq]"))
	require.Equal(t, 3, len(strings.Split(err.Error(), "\n")), "all faults at once")
	_, err = providers.ParseConfig("d", []byte("a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nj: 1\nk: 1\nl: 1"))
	require.ErrorContains(t, err, "and 2 more")
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := providers.ReadConfig(filepath.Join(dir, "none.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "none.yaml")
	_, err = providers.ReadConfig(dir)
	require.ErrorContains(t, err, "not a regular file")
	path := filepath.Join(dir, providers.ConfigName)
	require.NoError(t, os.WriteFile(path, []byte("max_tries: 3"), 0o600))
	c, err := providers.ReadConfig(path)
	require.NoError(t, err)
	require.Equal(t, 3, c.Chain.MaxTries)
	require.NoError(t, os.WriteFile(path, []byte("max_tries: x"), 0o600))
	_, err = providers.ReadConfig(path)
	require.ErrorContains(t, err, path+":1: ")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("# \n", 1<<20)), 0o600))
	_, err = providers.ReadConfig(path)
	require.ErrorContains(t, err, "1 MiB")
}

func TestMembersAreSharedAndListedOnce(t *testing.T) {
	cleanEnv(t, map[string]string{"GROQ_API_KEY_TEAM": "team", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"})
	m, err := parse(t, sampleConfig).Models()
	require.NoError(t, err)
	var names []string
	clients := map[llms.Model]bool{}
	for _, p := range m.Providers() {
		names = append(names, p.Name+"/"+p.Model)
		clients[p.LLM] = true
	}
	require.Len(t, names, 6)
	require.Len(t, clients, 6)
	writer, _ := m.Wrap(func(p providers.Provider) (providers.Provider, error) { clients[p.LLM] = true; return p, nil })
	require.Len(t, clients, 6, "a provider that stands in several chains is one client")
	require.Len(t, writer.Providers(), 6)
}

func FuzzParseConfig(f *testing.F) {
	f.Add(sampleConfig)
	for _, s := range []string{"", "chain: [", "a: &a [*a, *a]", "providers: {x: {base_url: http://h, model: m, price: {input: 1, output: 2}}}", "roles: {w: {chain: [groq]}}", "---\n...\n---\n", "? [a]\n: b", "!!binary x: y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := providers.ParseConfig("f", []byte(text))
		if err != nil {
			require.Nil(t, c)
			require.Regexp(t, `^providers: f:\d+: `, err.Error())
			require.LessOrEqual(t, strings.Count(err.Error(), "\n"), 10)
			return
		}
		require.GreaterOrEqual(t, c.Chain.MaxTries, 0)
		require.GreaterOrEqual(t, c.Chain.MaxWait, time.Duration(0))
		for _, names := range [][]string{nil, {"offline"}, {"ollama"}} {
			m, err := c.Models(names...)
			if err != nil {
				continue
			}
			for _, p := range m.Providers() {
				require.GreaterOrEqual(t, p.Context, 0)
				require.True(t, p.Price == nil || (p.Price.Input >= 0 && p.Price.Output >= 0 && p.Price.Cached >= 0))
			}
		}
	})
}

// TestConfigPricesOfCachesAndLongPrompts: what some providers ask more for can be said.
func TestConfigPricesOfCachesAndLongPrompts(t *testing.T) {
	t.Parallel()
	c, err := providers.ParseConfig("c", []byte(`
providers:
  groq:
    model: m
    price: {input: 1, output: 5, cached: 0.1, written: 1.25, long: {above: 272000, input: 2, output: 7.5, written: 2.5}}
`))
	require.NoError(t, err)
	p, err := c.Open("groq", providers.Settings{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, &providers.Price{Input: 1_000_000, Output: 5_000_000, Cached: 100_000, Written: 1_250_000, Long: &price.Long{
		Above: 272_000, Input: 2_000_000, Output: 7_500_000, Cached: 2_000_000, Written: 2_500_000,
	}}, p.Price)
	for fault, text := range map[string]string{
		"{input: 1, output: 5, long: {input: 2, output: 3}}":           "above",
		"{input: 1, output: 5, long: {above: 5, input: 2}}":            "needs input and output",
		"{input: 1, output: 5, long: {above: x, input: 2, output: 3}}": "whole number from 1",
	} {
		_, err := providers.ParseConfig("c", []byte("providers:\n  groq:\n    model: m\n    context: 5\n    price: "+fault+"\n"))
		require.ErrorContains(t, err, text, fault)
	}
}
