package providers_test

import (
	"context"
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
		for _, suffix := range []string{"_API_KEY", "_MODEL", "_BASE_URL", "_PROVIDER", "_ORGANIZATION"} {
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
	require.Equal(t, "gpt-4o-mini", m.Default.(*providers.Chain).Providers()[0].Model)

	_, err = providers.FromEnv("auto", "groq")
	require.ErrorContains(t, err, "alone")
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
