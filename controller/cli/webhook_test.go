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
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/webhook"
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
	o := run(t, app, "--out", out, "--webhook", at, "--webhook", other.URL, "--webhook", at) // an address that is given twice is told once
	require.Equal(t, codePartial, o.code, o.stderr)
	require.Equal(t, []string{"run.partial"}, m.types(t))
	require.Equal(t, []string{"run.partial"}, other.types(t))
	require.Equal(t, []bool{true}, m.sign)

	model.set(func() { model.refuse = nil })
	o2 := run(t, app, "--out", out, "--resume")
	require.Equal(t, codeCompleted, o2.code, o2.stderr)
	require.Len(t, m.types(t), 1, "the address was not recorded")

	t.Setenv(envWebhook, at+" "+other.URL+"  "+at)
	o3 := run(t, app, "--out", out, "--fresh", "--webhook-format", "slack")
	require.Equal(t, codeCompleted, o3.code, o3.stderr)
	text := "monday (tides) completed\nCost: "
	require.Len(t, m.types(t), 2)
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

// stuck is a server that is asked and never answers. It tells of each request.
func stuck(t *testing.T) (url string, asked <-chan struct{}) {
	t.Helper()
	requests, over := make(chan struct{}, 8), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client has gone
		requests <- struct{}{}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		close(over)
		s.Close()
	})
	return s.URL, requests
}

// TestLeavingWhatIsDelivered: a request to the controller ends the delivery at once. What is lost has its line, and the program
// ends as the run did, with its advice.
func TestLeavingWhatIsDelivered(t *testing.T) {
	t.Parallel()
	url, asked := stuck(t)
	app := tides(t, &script{refuse: map[string]bool{"note on tide 2": true}})
	ctl := controller.New()
	app.Config.Controller = ctl
	var out, stderr buffer
	ended := make(chan outcome, 1)
	began := time.Now()
	go func() { ended <- runTo(app, &out, &stderr, "--out", t.TempDir(), "--webhook", url) }()
	<-asked
	require.Eventually(t, func() bool { return strings.Contains(out.String(), "monday: partial") }, 10*time.Second, time.Millisecond)
	ctl.Pause("enough")
	o := <-ended
	require.Less(t, time.Since(began), webhookTime, "it was not waited for")
	require.Equal(t, codePartial, o.code, o.stderr)
	require.Contains(t, o.stderr, "webhook not delivered")
	require.Contains(t, o.stderr, "try again what failed with:\n  tides retry")
}

// TestWhoWaitsForADeliveryIsToldWhy: once, after a moment, and as a log line where stderr holds JSON.
func TestWhoWaitsForADeliveryIsToldWhy(t *testing.T) {
	t.Parallel()
	const says = "delivering webhooks; Ctrl+C to leave them"
	for _, format := range []string{logText, logJSON} {
		synctest.Test(t, func(t *testing.T) {
			var stderr buffer
			k := &kit{stderr: &stderr, logFormat: format}
			require.NoError(t, k.logs())
			sender, err := webhook.New(webhook.Config{URL: "https://example.com", Client: &http.Client{Transport: silent{}}, Logger: k.log})
			require.NoError(t, err)
			leave, done := make(chan struct{}), make(chan struct{})
			sender.Send(webhook.Notification{Type: webhook.RunCompleted, ID: "1", Timestamp: time.Now()})
			go func() {
				defer close(done)
				k.deliver([]*webhook.Sender{sender}, leave)
			}()
			<-time.After(webhookPatience - 1) // of the bubble's clock
			synctest.Wait()
			require.NotContains(t, stderr.String(), says)
			<-time.After(2 * webhookPatience)
			synctest.Wait()
			require.Equal(t, 1, strings.Count(stderr.String(), says))
			if format == logJSON {
				require.Contains(t, stderr.String(), `"msg":"`+says+`"`)
			}
			close(leave)
			<-done
			require.Contains(t, stderr.String(), "webhook not delivered")
		})
	}
}

// silent is a transport that gets no answer.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
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
