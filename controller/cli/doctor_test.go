package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

// secretKey has no provider's shape, so that only knowing it helps to hide it.
const secretKey = "Zq7x0123456789abcdefSECRET"

// noProviders takes what the machine may have set out of the environment.
func noProviders(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if regexp.MustCompile(`_API_KEY$|_BASE_URL$|_MODEL$|_PROVIDER$|^AGENT_`).MatchString(name) {
			t.Setenv(name, "")
		}
	}
}

// openAI is a server that knows m-1 and answers everything else with an error that quotes the key.
func openAI(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var body struct{ Model string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		switch {
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"m-1"}]}`)
		case body.Model == "m-1":
			_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"A long enough answer: topic one."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":2000}}`)
		default:
			w.WriteHeader(404)
			fmt.Fprintf(w, `{"error":{"message":"no such model for %s","code":"model_not_found"}}`, r.Header.Get("Authorization"))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestDoctorOfAConfiguration(t *testing.T) {
	noProviders(t)
	server, out := openAI(t), t.TempDir()
	t.Setenv("TEAM_KEY", secretKey)
	file := filepath.Join(out, providers.ConfigName)
	require.NoError(t, os.WriteFile(file, []byte(`
providers:
  openai: {key: "${TEAM_KEY}", base_url: "`+server.URL+`/v1", model: m-1}
  groq: {key: "${NOT_SET_HERE}"}
  wrong: {base_url: "`+server.URL+`/v1", model: m-9}
`), 0o600))
	o := run(t, tides(t, &script{}), "doctor", "--out", out)
	require.Equal(t, 1, o.code, o.stderr)
	require.Contains(t, o.stderr, "tides: 2 of 3 providers asked did not work")
	for _, want := range []string{
		"provider  key", "openai    TEAM_KEY    ok        m-1", "groq      missing     -", "wrong     not needed  ok        m-9 (unknown)",
		"openai: 1000 tokens in, 2000 out", "groq: set NOT_SET_HERE, which line 4 of",
		"wrong: it has no model m-9: set model of wrong in", "m-1", "not configured:\n  anthropic: set ANTHROPIC_API_KEY",
	} {
		require.Contains(t, strings.Join(strings.Fields(o.out), " "), strings.Join(strings.Fields(want), " "))
	}
	for _, text := range []string{o.out, o.stderr} {
		require.NotContains(t, text, "SECRET")
	}

	o = run(t, tides(t, &script{}), "doctor", "--out", out, "--json")
	require.Equal(t, 1, o.code)
	require.NotContains(t, o.out, "SECRET")
	var got doctorJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &got), o.out)
	require.False(t, got.OK)
	require.Equal(t, []any{"openai", "m-1", true, true, int64(2000)},
		[]any{got.Providers[0].Provider, got.Providers[0].Model, got.Providers[0].Configured, got.Providers[0].OK, got.Providers[0].OutputTokens})

	o = run(t, tides(t, &script{}), "doctor", "openai", "--config", file, "--out", t.TempDir())
	require.Equal(t, 0, o.code, o.stderr+o.out)
	require.NotContains(t, o.out, "to fix")
	o = run(t, tides(t, &script{}), "doctor", "--config", "none", "--out", out)
	require.Equal(t, 0, o.code)
	require.Contains(t, o.out, "no provider is configured, so the offline sample author would write")
	o = run(t, tides(t, &script{}), "doctor", "gorq", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, `there is no provider "gorq"; there are groq`)
}

// TestTheTableOfDoctor: what people see, at 80 columns.
func TestTheTableOfDoctor(t *testing.T) {
	t.Parallel()
	ok := func(text string) providers.Finding { return providers.Finding{State: providers.FindingOK, Text: text} }
	bad := func(text string) providers.Finding {
		return providers.Finding{State: providers.FindingFailed, Text: text}
	}
	skipped := providers.Finding{State: providers.FindingSkipped}
	var b strings.Builder
	require.NoError(t, writeDiagnoses(&b, []providers.Diagnosis{
		{
			Provider: "groq", Model: "openai/gpt-oss-120b", Configured: true, Key: ok("GROQ_API_KEY"), Reach: ok("ok"), Known: ok("known"), Answer: ok("412ms"),
			Usage: resilience.Usage{Input: 81, Output: 34}, Allowances: []resilience.Allowance{
				{Resource: "requests", Limit: 1000, Remaining: 999, Reset: 86400 * time.Millisecond, ResetKnown: true},
				{Resource: "tokens", Limit: 8000, Remaining: 7885, Reset: 862 * time.Millisecond, ResetKnown: true},
			},
		},
		{
			Provider: "openrouter", Model: "meta-llama/Llama-3.3-70B-Instruct-Turbo-Free", Configured: true, Key: ok("OPENROUTER_API_KEY"), Reach: ok("ok"),
			Known: bad("unknown"), Answer: bad("not found"),
			Fix: []string{"it has no model meta-llama/Llama-3.3-70B-Instruct-Turbo-Free: set OPENROUTER_MODEL; names like it are meta-llama/Llama-3.3-70B-Instruct-Turbo"},
		},
		{
			Provider: "ollama", Model: "gemma4", Configured: true, Key: ok("not needed"), Reach: bad("refused"), Known: skipped, Answer: skipped,
			Fix: []string{"not running: start it with `ollama serve`, or check OLLAMA_BASE_URL\x1b[31m"},
		},
		{Provider: "gemini", Key: skipped, Reach: skipped, Known: skipped, Answer: skipped, Fix: []string{"set GOOGLE_API_KEY or GEMINI_API_KEY"}},
	}))
	const want = "provider    key                 endpoint  model                        answer\n" +
		"groq        GROQ_API_KEY        ok        openai/gpt-oss-120b          412ms\n" +
		"openrouter  OPENROUTER_API_KEY  ok        meta-llama/Llama… (unknown)  not found\n" +
		"ollama      not needed          refused   gemma4                       -\n" +
		`
seen:
  groq: 81 tokens in, 34 out; limit of 1000 requests, 999 left, full again in
    1m26s; limit of 8000 tokens, 7885 left, full again in 862ms

to fix:
  openrouter: it has no model meta-llama/Llama-3.3-70B-Instruct-Turbo-Free: set
    OPENROUTER_MODEL; names like it are meta-llama/Llama-3.3-70B-Instruct-Turbo
  ollama: not running: start it with ` + "`ollama serve`" + `, or check
    OLLAMA_BASE_URL\x1b[31m

not configured:
  gemini: set GOOGLE_API_KEY or GEMINI_API_KEY
`
	require.Equal(t, want, b.String())
	for _, line := range strings.Split(b.String(), "\n") {
		require.LessOrEqual(t, len([]rune(line)), 80)
	}
	require.Equal(t, []string{"1d", "1h", "2m", "1m30s", "5ms"}, []string{span(24 * time.Hour), span(time.Hour), span(2 * time.Minute), span(90 * time.Second), span(5 * time.Millisecond)})
}
