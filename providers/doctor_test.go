package providers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

// kinds are the providers with a network, and the variables of their keys.
var kinds = map[string]string{
	"groq": "GROQ_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY", "openrouter": "OPENROUTER_API_KEY",
	"openai": "OPENAI_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "together_ai": "TOGETHER_API_KEY", "mistral": "MISTRAL_API_KEY", "ollama": "",
}

// service imitates the API of a kind. Its models are m-1 and m-2.
type service struct {
	kind   string
	noList bool
	slow   bool
	answer string       // instead of an answer: status and body
	seen   atomic.Int32 // requests; several providers may be examined at once
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.seen.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if s.slow {
		_, _ = io.Copy(io.Discard, r.Body) // otherwise the end of the connection is not noticed
		<-r.Context().Done()
		return
	}
	if s.kind != "ollama" && r.Header.Get("Authorization") != "Bearer "+testKey && r.Header.Get("X-Api-Key") != testKey {
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"error":{"message":"Incorrect API key provided: `+r.Header.Get("X-Api-Key")+r.Header.Get("Authorization")+`"}}`)
		return
	}
	if r.Method == http.MethodGet {
		s.list(w, r)
		return
	}
	var body struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	w.Header().Set("X-Ratelimit-Limit-Tokens", "8000")
	w.Header().Set("X-Ratelimit-Remaining-Tokens", "7900")
	switch {
	case !strings.HasPrefix(body.Model, "m-"):
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"error":{"message":"The model does not exist","code":"model_not_found"}}`)
	case s.answer != "":
		w.WriteHeader(429)
		_, _ = io.WriteString(w, s.answer)
	case strings.HasSuffix(r.URL.Path, "/messages"):
		_, _ = io.WriteString(w, `{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"ok"}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":22}}`)
	case strings.HasSuffix(r.URL.Path, "/api/chat"):
		_, _ = io.WriteString(w, `{"model":"m-1","message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":22}`+"\n")
	default:
		_, _ = io.WriteString(w, completion("ok", "stop"))
	}
}

func (s *service) list(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.noList:
		http.NotFound(w, r)
	case s.kind == "ollama" && r.URL.Path == "/api/tags":
		_, _ = io.WriteString(w, `{"models":[{"name":"m-1:latest","model":"m-1:latest"},{"name":"m-2:3b"}]}`)
	case r.URL.Path != "/v1/models":
		http.NotFound(w, r)
	case s.kind == "together_ai":
		_, _ = io.WriteString(w, `[{"id":"m-1","type":"chat"},{"id":"m-2"}]`)
	case s.kind == "gemini":
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"models/m-1"},{"id":"models/m-2"}]}`)
	case s.kind == "mistral":
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"m-2","aliases":["m-1"]}]}`)
	case s.kind == "anthropic" && r.Header.Get("Anthropic-Version") == "":
		w.WriteHeader(400)
	case s.kind == "anthropic" && r.URL.Query().Get("after_id") == "":
		_, _ = io.WriteString(w, `{"data":[{"id":"m-2","type":"model"}],"has_more":true,"first_id":"m-2","last_id":"m-2"}`)
	default:
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"m-1","object":"model"},{"id":"m-2"}]}`)
	}
}

// at configures a kind for an address, by the environment alone.
func at(t *testing.T, kind, address string) string {
	t.Helper()
	env := map[string]string{}
	for name, key := range kinds {
		prefix := strings.TrimSuffix(key, "_API_KEY")
		if name == "ollama" {
			prefix = "OLLAMA"
		}
		if name != kind {
			continue
		}
		if name != "ollama" {
			env[key] = testKey
			address += "/v1"
		}
		env[prefix+"_BASE_URL"], env[prefix+"_MODEL"] = address, "m-1"
		cleanEnv(t, env)
		return prefix
	}
	t.Fatal(kind)
	return ""
}

func examine(t *testing.T, names ...string) providers.Diagnosis {
	t.Helper()
	all, err := providers.DoctorWithin(context.Background(), &providers.Config{}, 5*time.Second, 10*time.Second, names...)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%+v", all), "SECRET")
	return all[0]
}

func states(d providers.Diagnosis) []providers.FindingState {
	return []providers.FindingState{d.Key.State, d.Reach.State, d.Known.State, d.Answer.State}
}

const (
	ok      = providers.FindingOK
	failed  = providers.FindingFailed
	unknown = providers.FindingUnknown
	skipped = providers.FindingSkipped
)

func TestDoctorOnEveryKind(t *testing.T) {
	for kind, keyVar := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := &service{kind: kind}
			server := httptest.NewServer(s)
			defer server.Close()
			prefix := at(t, kind, server.URL)

			d := examine(t, kind)
			require.True(t, d.OK(), "%+v", d)
			require.Equal(t, []providers.FindingState{ok, ok, ok, ok}, states(d), "%+v", d)
			require.Equal(t, "m-1", d.Model)
			require.Equal(t, resilience.Usage{Input: 11, Output: 22, Cached: d.Usage.Cached}, d.Usage)
			require.Positive(t, d.Latency)
			require.Equal(t, []resilience.Allowance{{Resource: "tokens", Limit: 8000, Remaining: 7900}}, d.Allowances)
			require.Empty(t, d.Fix)
			if keyVar == "" {
				require.Equal(t, "not needed", d.Key.Text)
			} else {
				require.Equal(t, keyVar, d.Key.Text)
			}

			s.noList = true
			d = examine(t, kind)
			require.Equal(t, []providers.FindingState{ok, ok, unknown, ok}, states(d), "no list is no failure: %+v", d)
			s.noList = false

			s.answer = `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`
			d = examine(t, kind)
			require.Equal(t, []providers.FindingState{ok, ok, ok, failed}, states(d))
			require.Equal(t, "quota", d.Answer.Text)
			require.Contains(t, strings.Join(d.Fix, "\n"), "add credit")
			s.answer = ""

			t.Setenv(prefix+"_MODEL", "nope")
			d = examine(t, kind)
			require.Equal(t, []providers.FindingState{ok, ok, failed, failed}, states(d), "%+v", d)
			require.Contains(t, d.Fix[0], prefix+"_MODEL")
			if kind == "ollama" {
				require.Equal(t, "the model is not there: `ollama pull nope`, or set OLLAMA_MODEL to one that is: m-1:latest, m-2:3b", d.Fix[0])
			}
			d = examine(t, kind+":m-77")
			require.Equal(t, []providers.FindingState{ok, ok, ok, ok}, states(d), "what answers is there, listed or not")
			require.Equal(t, "not listed", d.Known.Text)
			t.Setenv(prefix+"_MODEL", "m-1")

			if keyVar != "" {
				t.Setenv(keyVar, testKey+"x")
				d = examine(t, kind)
				require.Equal(t, []providers.FindingState{failed, ok, unknown, skipped}, states(d), "%+v", d)
				require.Equal(t, "the key in "+keyVar+" is rejected: replace it, or check that it belongs to "+strings.TrimPrefix(server.URL, "http://"), d.Fix[0])
				t.Setenv(keyVar, "")
				before := s.seen.Load()
				d = examine(t, kind)
				require.Equal(t, []providers.FindingState{failed, skipped, skipped, skipped}, states(d))
				require.Contains(t, d.Fix[0], "set ")
				require.Contains(t, d.Fix[0], keyVar)
				require.Equal(t, "m-1", d.Model, "what is known is said")
				require.Equal(t, before, s.seen.Load(), "nothing is asked without a key")
			}
		})
	}
}

func TestDoctorOnFailingConnections(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Welcome</html>") }
	trap := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("a redirect was followed, with the key")
		w.WriteHeader(200)
	}))
	defer trap.Close()
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(page))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewServer(http.HandlerFunc(page))
	defer plain.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, trap.URL+r.URL.Path+"?key="+testKey, http.StatusPermanentRedirect)
	}))
	defer moved.Close()
	for _, c := range []struct{ address, short, fix string }{
		{"http://127.0.0.1:1", "refused", "nothing listens there"},
		{untrusted.URL, "TLS", "the server's certificate is not trusted"},
		{strings.Replace(plain.URL, "http:", "https:", 1), "TLS", "speaks http there, not https"},
		{plain.URL, "web page", "a web page is there, not an API: check "},
		{moved.URL, "redirects", "to the address that it redirects to: " + trap.URL},
		{"http://no-such-host.invalid", "no DNS", "name"},
		{"localhost:80", "settings", "not an http or https address"},
	} {
		for kind := range kinds {
			prefix := at(t, kind, c.address)
			d := examine(t, kind)
			require.Equal(t, []providers.FindingState{ok, failed, skipped, skipped}, states(d), "%s %+v", c.short, d)
			require.Equal(t, c.short, d.Reach.Text, "%s %+v", kind, d)
			require.Len(t, d.Fix, 1)
			require.Contains(t, d.Fix[0], prefix+"_BASE_URL")
			if kind == "ollama" && c.short == "refused" {
				require.Equal(t, "not running: start it with `ollama serve`, or check OLLAMA_BASE_URL", d.Fix[0])
				continue
			}
			require.Contains(t, d.Fix[0], c.fix)
		}
	}
}

func TestDoctorIsBounded(t *testing.T) {
	server := httptest.NewServer(&service{kind: "openai", slow: true})
	defer server.Close()
	at(t, "openai", server.URL)
	all, err := providers.DoctorWithin(context.Background(), &providers.Config{}, 50*time.Millisecond, 60*time.Millisecond, "openai")
	require.NoError(t, err)
	require.Equal(t, []providers.FindingState{ok, failed, unknown, failed}, states(all[0]), "%+v", all[0])
	require.Equal(t, "no answer", all[0].Reach.Text)
	require.Contains(t, all[0].Fix[0], "nothing answers within 60ms")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	all, err = (&providers.Config{}).Doctor(ctx, "openai", "offline")
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, all, 2, "what was found is given all the same")
}

func TestDoctorChoosesWhomToExamine(t *testing.T) {
	good := httptest.NewServer(&service{kind: "openai"})
	defer good.Close()
	cleanEnv(t, map[string]string{"OPENAI_API_KEY": testKey, "OPENAI_BASE_URL": good.URL + "/v1", "OPENAI_MODEL": "m-1"})
	c := parse(t, `
chain: ["openai:m-2", mine]
providers:
  mine: {base_url: "`+good.URL+`/v1", model: m-1}
  groq: {key: "${NOT_SET_HERE}", model: m-1}
roles:
  writer: {chain: [openai], model: m-3}
`)
	all, err := c.Doctor(context.Background())
	require.NoError(t, err)
	var text []string
	for _, d := range all {
		text = append(text, fmt.Sprintf("%s %s %v %v", d.Provider, d.Model, d.Configured, d.OK()))
	}
	require.Equal(t, []string{
		"openai m-2 true true", "mine m-1 true false", "openai m-3 true true", "groq m-1 true false",
		"anthropic  false false", "gemini  false false", "openrouter  false false", "deepseek  false false", "together_ai  false false",
		"mistral  false false", "ollama  false false",
	}, text)
	require.Equal(t, []string{"it asks for a key: set MINE_API_KEY"}, all[1].Fix)
	require.Equal(t, []string{"set NOT_SET_HERE, which line 5 of dogear.yaml names"}, all[3].Fix)
	require.Equal(t, []string{"set GOOGLE_API_KEY or GEMINI_API_KEY"}, all[5].Fix)
	require.Equal(t, []string{"set OLLAMA_MODEL or OLLAMA_BASE_URL"}, all[10].Fix)

	_, err = c.Doctor(context.Background(), "openai", "gorq")
	require.ErrorContains(t, err, `there is no provider "gorq"; there are groq, anthropic`)
	require.ErrorContains(t, err, "mine")
	t.Setenv("AGENT_EDITOR_PROVIDER", "gorq")
	_, err = c.Doctor(context.Background())
	require.ErrorContains(t, err, `"gorq"`)
	all, err = c.Doctor(context.Background(), "offline")
	require.NoError(t, err)
	require.True(t, all[0].OK())
}
