package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// mailbox is a server that keeps what it is sent.
type mailbox struct {
	*httptest.Server
	mu   sync.Mutex
	got  []string // bodies
	sign []bool   // whether each was signed with hookSecret
}

func newMailbox(t *testing.T) *mailbox {
	m := &mailbox{}
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	require.NoError(t, err)
	m.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.got = append(m.got, string(body))
		m.sign = append(m.sign, verifier.Verify(body, r.Header) == nil)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mailbox) types(t *testing.T) (types []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, body := range m.got {
		var n struct{ Type, Text string }
		require.NoError(t, json.Unmarshal([]byte(body), &n))
		types = append(types, n.Type+n.Text)
	}
	return types
}

func TestWebhookFlag(t *testing.T) {
	t.Setenv(envWebhookSecret, hookSecret) // not parallel: the environment is the process's
	out, m, other := t.TempDir(), newMailbox(t), newMailbox(t)
	model := &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	at := m.URL + "/CANARY?token=CANARY"
	o := run(t, app, "--out", out, "--webhook", at, "--webhook", other.URL)
	require.Equal(t, codePartial, o.code, o.stderr)
	require.Equal(t, []string{"run.partial"}, m.types(t))
	require.Equal(t, []string{"run.partial"}, other.types(t))
	require.Equal(t, []bool{true}, m.sign)

	model.set(func() { model.refuse = nil })
	o2 := run(t, app, "--out", out, "--resume")
	require.Equal(t, codeCompleted, o2.code, o2.stderr)
	require.Len(t, m.types(t), 1, "the address was not recorded")

	t.Setenv(envWebhook, at+" "+other.URL)
	o3 := run(t, app, "--out", out, "--fresh", "--webhook-format", "slack")
	require.Equal(t, codeCompleted, o3.code, o3.stderr)
	text := "monday (tides) completed\nCost: "
	require.Contains(t, m.types(t)[1], text)
	require.Contains(t, other.types(t)[1], text)

	o4 := run(t, app, "--out", out, "--fresh", "--webhook", "none")
	require.Equal(t, codeCompleted, o4.code, o4.stderr)
	require.Len(t, m.types(t), 2, "none: no address, whatever the environment says")

	o5 := run(t, app, "--out", out, "--webhook", at) // refused, with the command to start anew
	require.Equal(t, codeRefused, o5.code)
	for _, o := range []outcome{o, o2, o3, o4, o5, run(t, app, "--out", out, "history"), run(t, app, "--out", out, "--status", "--json")} {
		require.NotContains(t, o.out+o.stderr, "CANARY")
		require.NotContains(t, o.out+o.stderr, "MfKQ9r8G")
	}
	require.NoError(t, filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		require.False(t, bytes.Contains(raw, []byte("CANARY")) || bytes.Contains(raw, []byte("MfKQ9r8G")), path)
		return err
	}))
}

func TestWebhookThatFailsIsALine(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(down.Close)
	out := t.TempDir()
	o := run(t, tides(t, &script{}), "--out", out, "--webhook", down.URL+"/CANARY")
	require.Equal(t, codeCompleted, o.code, o.stderr)
	require.Contains(t, o.out, "monday: completed, 100.0%")
	require.Contains(t, o.stderr, "webhook not delivered")
	require.Contains(t, o.stderr, "HTTP 404")
	require.NotContains(t, o.stderr, "CANARY")
}

func TestWebhookRefused(t *testing.T) {
	for _, c := range []struct {
		name, url, format, secret, want string
	}{
		{name: "http elsewhere", url: "http://example.com/CANARY", want: `--webhook: the URL must begin with https:// since "example.com" is another machine`},
		{name: "broken", url: "CANARY", want: "--webhook: the URL can't be read"},
		{name: "format", url: "https://example.com", format: "teams", want: "--webhook-format must be json or slack, not teams"},
		{name: "secret", url: "https://example.com", secret: "CANARY!", want: "DOGEAR_WEBHOOK_SECRET: the secret can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			t.Setenv(envWebhookSecret, c.secret)
			o := run(t, tides(t, &script{}), "--out", out, "--webhook", c.url, "--webhook-format", c.format)
			require.Equal(t, codeRefused, o.code)
			require.Contains(t, o.stderr, c.want)
			require.NotContains(t, o.stderr, "CANARY")
			require.NoDirExists(t, out, "nothing was started")

			if c.format == "" && c.secret == "" {
				t.Setenv(envWebhook, c.url)
				o := run(t, tides(t, &script{}), "--out", out)
				require.Equal(t, codeRefused, o.code)
				require.Contains(t, o.stderr, strings.Replace(c.want, "--webhook", envWebhook, 1))
			}
		})
	}
}

func TestWebhookFormats(t *testing.T) {
	t.Parallel()
	w := &webhookFlags{}
	require.EqualValues(t, "json", w.formatFor("https://example.com/hooks.slack.com"))
	require.EqualValues(t, "slack", w.formatFor("https://hooks.slack.com/services/T/B/x"))
	w.format = "json"
	require.EqualValues(t, "json", w.formatFor("https://hooks.slack.com/services/T/B/x"))
}

// TestLogFormatJSON: every line of stderr is an object with the same three fields, whatever happens.
func TestLogFormatJSON(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(down.Close)
	model := &script{refuse: map[string]bool{"note on tide 2": true}}
	app := tides(t, model)
	out := t.TempDir()
	var all []string
	for _, c := range []struct {
		code int
		args []string
	}{
		{codePartial, []string{"--webhook", down.URL}},
		{codeRefused, nil},
		{codePartial, []string{"--resume", "-v"}},
		{codeRefused, []string{"--count", "0"}},
		{codeRefused, []string{"--fresh", "--nonsense"}},
		{codeRefused, []string{"show", "nothing"}},
	} {
		o := run(t, app, append([]string{"--log-format", "json", "--out", out}, c.args...)...)
		require.Equal(t, c.code, o.code, o.stderr)
		require.NotEmpty(t, o.stderr)
		for text := range strings.Lines(o.stderr) {
			var l map[string]any
			require.NoError(t, json.Unmarshal([]byte(text), &l), text)
			require.Subset(t, keys(l), []string{"ts", "level", "msg"}, text)
			require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, l["ts"])
			all = append(all, fmt.Sprint(l["level"], " ", l["msg"]))
		}
	}
	for _, want := range []string{"info run created", "info step started", "warn item failed", "warn webhook not delivered", "debug call sent", "info run stopped"} {
		require.Contains(t, all, want)
	}
	require.NotContains(t, strings.Join(all, "\n"), "prose: started", "no progress lines")
}

func keys(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

func TestLogFormats(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := tides(t, &script{})
	o := run(t, app, "--out", out, "--log-format", "yaml")
	require.Equal(t, codeRefused, o.code)
	require.Contains(t, o.stderr, "--log-format must be text or json, not yaml")

	o = run(t, app, "--out", out, "--log-format", "text")
	require.Equal(t, codeCompleted, o.code)
	require.Contains(t, o.stderr, "INFO\tstep completed")
	require.NotContains(t, o.stderr, "DEBUG")
	require.Contains(t, o.stderr, "notes: completed", "progress stays")

	o = run(t, app, "--out", out, "--fresh", "-v")
	require.Contains(t, o.stderr, "DEBUG\tcall answered")

	o = run(t, app, "--out", out, "--fresh")
	require.NotContains(t, o.stderr, "INFO", "no logs but when asked")
}
