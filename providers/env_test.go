package providers_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
	"github.com/dogear-go/dogear/resilience"
)

// cleanEnv removes what the machine may have set. Tests with an environment are not parallel.
func cleanEnv(t *testing.T, set map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		for _, suffix := range []string{"_API_KEY", "_MODEL", "_BASE_URL", "_PROVIDER", "_ORGANIZATION", "_TEMPERATURE", "_MAX_TOKENS"} {
			if strings.HasSuffix(name, suffix) {
				t.Setenv(name, "")
			}
		}
	}
	for k, v := range set {
		t.Setenv(k, v)
	}
}

func order(t *testing.T, m llms.Model) []string {
	t.Helper()
	var names []string
	for _, p := range m.(*providers.Chain).Providers() {
		names = append(names, p.Name)
	}
	return names
}

func TestFromEnvOffline(t *testing.T) {
	cleanEnv(t, nil)
	m, err := providers.FromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"offline"}, order(t, m.Default))
	require.Contains(t, m.Notice, "offline sample author")
	require.NotContains(t, m.Notice, "Found here")

	cleanEnv(t, map[string]string{"GROQ_API_KEY": testKey})
	m, err = providers.FromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"offline"}, order(t, m.Default), "a key alone spends no money")
	require.Contains(t, m.Notice, "GROQ_API_KEY")
	require.Contains(t, m.Notice, `"auto" uses them`)
	require.NotContains(t, m.Notice, testKey)
}

func TestFromEnvAuto(t *testing.T) {
	cleanEnv(t, nil)
	_, err := providers.FromEnv("auto")
	require.ErrorContains(t, err, "GROQ_API_KEY")

	all := map[string]string{
		"GROQ_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "GOOGLE_API_KEY": "k", "OPENROUTER_API_KEY": "k", "OPENAI_API_KEY": "k",
		"DEEPSEEK_API_KEY": "k", "TOGETHER_API_KEY": "k", "MISTRAL_API_KEY": "k",
	}
	cleanEnv(t, all)
	m, err := providers.FromEnv("auto")
	require.NoError(t, err)
	require.Equal(t, []string{"groq", "anthropic", "gemini", "openrouter", "openai", "deepseek", "together_ai", "mistral"}, order(t, m.Default))
	require.Empty(t, m.Notice)

	all["OLLAMA_MODEL"], all["DEFAULT_LLM_PROVIDER"], all["GROQ_MODEL"] = "qwen3", "openai", "other"
	cleanEnv(t, all)
	m, err = providers.FromEnv("auto")
	require.NoError(t, err)
	require.Equal(t, []string{"openai", "groq", "anthropic", "gemini", "openrouter", "deepseek", "together_ai", "mistral", "ollama"}, order(t, m.Default))
	require.Equal(t, "other", m.Default.(*providers.Chain).Providers()[1].Model)
	require.NotEmpty(t, m.Default.(*providers.Chain).Providers()[0].Model)

	_, err = providers.FromEnv("auto", "groq")
	require.ErrorContains(t, err, "alone")
	t.Setenv("DEFAULT_LLM_PROVIDER", "gorq")
	_, err = providers.FromEnv("auto")
	require.ErrorContains(t, err, `DEFAULT_LLM_PROVIDER: there is no provider "gorq"`)
}

func TestFromEnvDefault(t *testing.T) {
	cleanEnv(t, map[string]string{"DEFAULT_LLM_PROVIDER": "mistral", "MISTRAL_API_KEY": testKey, "OPENAI_API_KEY": testKey, "GROQ_API_KEY": testKey})
	m, err := providers.FromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"mistral", "groq", "openai"}, order(t, m.Default))
	require.Equal(t, []string{"mistral", "groq", "openai"}, m.Found)
	require.Equal(t, "Asking mistral, as DEFAULT_LLM_PROVIDER says, then groq, openai, whose keys are set.", m.Notice)
	m, err = providers.FromEnv("openai")
	require.NoError(t, err)
	require.Equal(t, []string{"openai"}, order(t, m.Default), "names given win")
	require.Empty(t, m.Notice)
	require.Empty(t, m.Found)

	t.Setenv("DEFAULT_LLM_PROVIDER", "openai:gpt-x")
	for _, names := range [][]string{nil, {"auto"}} {
		m, err = providers.FromEnv(names...)
		require.NoError(t, err)
		require.Equal(t, []string{"openai", "groq", "mistral"}, order(t, m.Default))
		require.Equal(t, "gpt-x", m.Default.(*providers.Chain).Providers()[0].Model)
		require.Equal(t, []string{"openai:gpt-x", "groq", "mistral"}, m.Found, "with the model, so that it is the same again")
	}

	for value, want := range map[string]string{"anthropic": "ANTHROPIC_API_KEY", "gorq": `"gorq"`, "openai:": "names no model"} {
		t.Setenv("DEFAULT_LLM_PROVIDER", value)
		_, err = providers.FromEnv()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "DEFAULT_LLM_PROVIDER")
	}
	t.Setenv("DEFAULT_LLM_PROVIDER", "offline")
	m, err = providers.FromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"offline"}, order(t, m.Default), "no money where the author was named")
	t.Setenv("DEFAULT_LLM_PROVIDER", "auto")
	m, err = providers.FromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"groq", "openai", "mistral"}, order(t, m.Default))
}

func TestRolesFromEnv(t *testing.T) {
	cleanEnv(t, map[string]string{
		"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "AGENT_WRITER_PROVIDER": "anthropic:claude-x, groq",
		"AGENT_EDITOR_MODEL": "gpt-y", "AGENT_STORY_PLANNER_TEMPERATURE": "0.25", "AGENT_STORY_PLANNER_MAX_TOKENS": "321",
	})
	m, err := providers.FromEnv("openai:gpt-x", "groq:q")
	require.NoError(t, err)
	require.Len(t, m.Roles, 3)
	require.Equal(t, "anthropic/claude-x, groq/openai/gpt-oss-120b, openai/gpt-x", named(m.Roles["writer"]))
	require.Equal(t, "openai/gpt-y, groq/q", named(m.Roles["editor"]))
	require.Equal(t, "openai/gpt-x, groq/q", named(m.Roles["story_planner"]))

	t.Setenv("OPENAI_MODEL", "gpt-y")
	m, err = providers.FromEnv("openai:gpt-x", "groq:q", "openai")
	require.NoError(t, err)
	require.Equal(t, "openai/gpt-y, groq/q", named(m.Roles["editor"]), "not twice, whoever names the model")

	t.Setenv("AGENT_WRITER_MODEL", "claude-z")
	m, err = providers.FromEnv("openai")
	require.NoError(t, err)
	require.Contains(t, named(m.Roles["writer"]), "anthropic/claude-x,", "an entry that names its model wins")
	t.Setenv("AGENT_WRITER_PROVIDER", "anthropic")
	m, err = providers.FromEnv("openai")
	require.NoError(t, err)
	require.Contains(t, named(m.Roles["writer"]), "anthropic/claude-z,")
	m, err = providers.FromEnv("offline")
	require.NoError(t, err)
	require.Empty(t, m.Roles, "the offline author is asked alone")

	for variable, value := range map[string]string{
		"AGENT_X_TEMPERATURE": "warm", "AGENT_Y_TEMPERATURE": "NaN", "AGENT_Z_TEMPERATURE": "2.1", "AGENT_X_MAX_TOKENS": "0",
		"AGENT_X_PROVIDER": "groq:", "AGENT_Y_PROVIDER": "gorq",
	} {
		t.Setenv(variable, value)
		_, err = providers.FromEnv("openai")
		require.ErrorContains(t, err, variable)
		t.Setenv(variable, "")
	}
}

func named(m llms.Model) string { return m.(fmt.Stringer).String() }

// TestRoleOptions: what a role is given reaches the request; what the call says wins.
func TestRoleOptions(t *testing.T) {
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": "k", "AGENT_EDITOR_TEMPERATURE": "0.25", "AGENT_EDITOR_MAX_TOKENS": "321"})
	a := serve(t, answers(200, nil, completion(good, "stop")))
	t.Setenv("OPENAI_BASE_URL", a.URL+"/v1")
	m, err := providers.FromEnv("openai:gpt-4o-mini")
	require.NoError(t, err)
	_, err = ask(context.Background(), m.Roles["editor"])
	require.NoError(t, err)
	_, err = ask(context.Background(), m.Roles["editor"], llms.WithTemperature(0.5), llms.WithMaxTokens(7))
	require.NoError(t, err)
	require.Equal(t, []any{0.25, 321.0}, []any{a.bodies[0]["temperature"], a.bodies[0]["max_completion_tokens"]})
	require.Equal(t, []any{0.5, 7.0}, []any{a.bodies[1]["temperature"], a.bodies[1]["max_completion_tokens"]})

	m, err = m.Wrap(func(p providers.Provider) (providers.Provider, error) { p.Name = "wrapped"; return p, nil })
	require.NoError(t, err)
	require.Equal(t, "wrapped/gpt-4o-mini", named(m.Roles["editor"]))
	_, err = ask(context.Background(), m.Roles["editor"])
	require.NoError(t, err)
	require.Equal(t, 0.25, a.bodies[2]["temperature"], "the options stay with the role")
	nested := providers.Models{Default: providers.With(providers.With(m.Default, llms.WithTemperature(0.1)), llms.WithTemperature(0.2))}
	same := func(p providers.Provider) (providers.Provider, error) { return p, nil }
	rewrapped, err := nested.Wrap(same)
	require.NoError(t, err)
	for i, model := range []llms.Model{nested.Default, rewrapped.Default} {
		_, err = ask(context.Background(), model)
		require.NoError(t, err)
		require.Equal(t, 0.2, a.bodies[3+i]["temperature"])
	}
}

func TestFromEnvByName(t *testing.T) {
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": testKey, "GEMINI_API_KEY": testKey, "AGENT_WRITER_PROVIDER": "gemini"})
	m, err := providers.FromEnv("openai", "offline")
	require.NoError(t, err)
	require.Equal(t, []string{"openai", "offline"}, order(t, m.Default))
	require.Equal(t, []string{"gemini", "openai", "offline"}, order(t, m.Roles["writer"]))

	for _, c := range []struct{ name, want string }{
		{"groq", "GROQ_API_KEY"}, {"together_ai", "TOGETHER_API_KEY"}, {"nope", "catalogue"}, {"", "catalogue"},
	} {
		_, err := providers.FromEnv("openai", c.name)
		require.ErrorContains(t, err, c.want)
		noKey(t, err)
	}
	cleanEnv(t, nil)
	_, err = providers.FromEnv("gemini")
	require.ErrorContains(t, err, "GOOGLE_API_KEY or GEMINI_API_KEY")
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": testKey, "AGENT_EDITOR_PROVIDER": "nope"})
	_, err = providers.FromEnv("openai")
	require.ErrorContains(t, err, "AGENT_EDITOR_PROVIDER")
	noKey(t, err)
}

func TestModelsWrap(t *testing.T) {
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": "k", "AGENT_WRITER_PROVIDER": "offline"})
	m, err := providers.FromEnv("offline")
	require.NoError(t, err)
	cfg, err := faulty.Parse("server@1,retry_after=1s", 1)
	require.NoError(t, err)
	m, err = m.Wrap(func(p providers.Provider) (providers.Provider, error) {
		f, err := faulty.New(p.LLM, cfg)
		p.LLM = f
		return p, err
	})
	require.NoError(t, err)
	one, err := m.Default.(*providers.Chain).Wrap(func(p providers.Provider) (providers.Provider, error) { return p, nil })
	require.NoError(t, err)
	c := chainWith(t, providers.ChainConfig{MaxTries: 1}, one.Providers()...)
	_, err = ask(context.Background(), c)
	require.Equal(t, resilience.Server, resilience.Classify(err))
	var typed *resilience.Error
	require.ErrorAs(t, err, &typed)
	require.Equal(t, "offline", typed.Provider, "the chain's name for it")
	_, err = ask(context.Background(), c)
	require.NoError(t, err)
}

// TestOnlyItsOwnKey: langchaingo's OpenAI client would send OPENAI_API_KEY, OPENAI_ORGANIZATION and OPENAI_MODEL to anybody.
func TestOnlyItsOwnKey(t *testing.T) {
	cleanEnv(t, map[string]string{
		"OPENAI_API_KEY": testKey, "OPENAI_ORGANIZATION": "org-secret", "OPENAI_MODEL": "gpt-x", "GROQ_API_KEY": "gsk-own", "OPENAI_BASE_URL": "http://127.0.0.1:1",
	})
	a := serve(t, func(n int, w http.ResponseWriter, r *http.Request, b map[string]any) {
		text := completion(good, "stop")
		if r.URL.Path == "/api/chat" {
			text = `{"message":{"role":"assistant","content":"` + good + `"},"done":true}`
		}
		answers(200, nil, text)(n, w, r, b)
	})
	t.Setenv("GROQ_BASE_URL", a.URL+"/v1/")
	t.Setenv("OLLAMA_BASE_URL", a.URL)
	for _, name := range []string{"groq", "ollama"} {
		m, err := providers.FromEnv(name)
		require.NoError(t, err)
		_, err = ask(context.Background(), m.Default)
		require.NoError(t, err)
	}
	p, err := providers.Open("my-host", providers.Settings{BaseURL: a.URL + "/v1", Model: "m"})
	require.NoError(t, err)
	_, err = ask(context.Background(), p.LLM)
	require.NoError(t, err)
	require.Equal(t, "Bearer gsk-own", a.heads[0].Get("Authorization"))
	for i, h := range a.heads {
		for _, values := range h {
			require.NotContains(t, strings.Join(values, " "), "SECRET")
			require.NotContains(t, strings.Join(values, " "), "org-secret")
		}
		require.NotEqual(t, "gpt-x", a.bodies[i]["model"])
	}
}

func TestOpenRefusesBadSettings(t *testing.T) {
	cleanEnv(t, nil)
	for _, c := range []struct {
		name string
		s    providers.Settings
		want string
	}{
		{"openai", providers.Settings{}, "OPENAI_API_KEY"},
		{"openai", providers.Settings{Key: testKey, BaseURL: "localhost:80"}, "OPENAI_BASE_URL"},
		{"openai", providers.Settings{Key: testKey, BaseURL: "http://x/v1?key=" + testKey}, "query"},
		{"openai", providers.Settings{Key: testKey, BaseURL: "http://u:" + testKey + "@x/v1"}, "credentials"},
		{"mine", providers.Settings{}, "Settings.BaseURL"},
		{"mine", providers.Settings{BaseURL: "http://x"}, "MINE_MODEL"},
		{"OpenAI", providers.Settings{BaseURL: "http://x", Model: "m"}, "OPENAI_API_KEY; give it another name"},
		{"google", providers.Settings{BaseURL: "http://x", Model: "m"}, "key of gemini"},
	} {
		_, err := providers.Open(c.name, c.s)
		require.ErrorContains(t, err, c.want)
		noKey(t, err)
	}
	for _, name := range providers.Names() {
		p, err := providers.Open(name, providers.Settings{Key: "k"})
		require.NoError(t, err, name)
		require.NotEmpty(t, p.Model)
	}
	_, err := providers.Open("openai", providers.Settings{Key: "k", Transport: http.DefaultTransport})
	require.NoError(t, err)
}
