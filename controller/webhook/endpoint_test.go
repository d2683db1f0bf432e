package webhook_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dogear-go/dogear/controller/webhook"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a server that verifies what it is sent, and keeps it.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu  sync.Mutex
	got []webhook.Notification
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	verifier, broken := standardwebhooks.NewWebhook(secret)
	if err != nil || broken != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("a %s of %s: %v, %v", req.Method, req.Header.Get("Content-Type"), err, broken)
	}
	if err := verifier.Verify(body, req.Header); err != nil {
		r.t.Errorf("the signature: %v", err)
	}
	var n webhook.Notification
	if err := json.Unmarshal(body, &n); err != nil {
		r.t.Errorf("the body: %v", err)
	}
	n.ID = req.Header.Get("webhook-id")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, n)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) all() []webhook.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]webhook.Notification(nil), r.got...)
}

func ask(ctx context.Context, prompt string) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), prompt)
}

// pipeline asks once in a task and once for each of two items.
func pipeline(t *testing.T, more ...workflow.Step) *workflow.Pipeline {
	t.Helper()
	list := workflow.NewTask("list", func(ctx context.Context) ([]string, error) {
		_, err := ask(ctx, "a list")
		return []string{"one", "two"}, err
	})
	prose := workflow.NewEach("prose", list.Result, func(s string) string { return s }, func(ctx context.Context, s string) (string, error) { return ask(ctx, s) })
	p, err := workflow.New("tides", append([]workflow.Step{list, prose}, more...)...)
	require.NoError(t, err)
	return p
}

// close bounds the delivery.
func closeHook(t *testing.T, hook *webhook.Sender, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return hook.Close(ctx)
}

// TestEndpoints: whatever an endpoint does, the run is what it is without one; only the log and the delivery tell.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	t.Cleanup(func() { close(hanging) })
	stay := func(r *http.Request) {
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
	}
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(target.Close)
	for _, c := range []struct {
		name    string
		serve   http.HandlerFunc // for each request
		tls     bool
		tries   int32         // at least; how many more depends on the machine
		exactly bool          // no more
		timeout time.Duration // of an attempt; zero: so long that only this endpoint could use it up
		why     string        // of the log; empty: it is delivered
	}{
		{name: "works", serve: func(http.ResponseWriter, *http.Request) {}, tries: 1, exactly: true},
		{name: "500 at first", tries: 2, serve: nth(func(n int32, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}), exactly: true},
		{name: "429 at first", tries: 2, serve: nth(func(n int32, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "0.05")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}), exactly: true},
		{name: "hangs for ever", serve: func(_ http.ResponseWriter, r *http.Request) { stay(r) }, tries: 1, timeout: 100 * time.Millisecond, why: "no answer in time"},
		{name: "begins an answer and hangs", tries: 1, exactly: true, serve: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "SECRET")
			_ = http.NewResponseController(w).Flush()
			stay(r)
		}},
		{name: "10 GB slowly", tries: 1, exactly: true, serve: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10000000000")
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat("SECRET", 1000))); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
			}
		}},
		{name: "endless headers", tries: 2, why: "what came back is no HTTP answer", serve: raw(func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-Secret: "+strings.Repeat("SECRET", 1000)+"\r\n"); err != nil {
					return
				}
			}
		})},
		{name: "redirects", tries: 1, exactly: true, why: "it redirects (HTTP 307)", serve: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL+"/SECRET", http.StatusTemporaryRedirect)
		}},
		{name: "garbage", tries: 2, why: "what came back is no HTTP answer", serve: raw(func(c net.Conn) {
			_, _ = io.WriteString(c, "SECRET SECRET SECRET\r\n\r\n")
		})},
		{name: "closes", tries: 2, why: "the connection was closed without an answer", serve: raw(func(net.Conn) {})},
		{name: "resets", tries: 2, why: "reset", serve: raw(func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
		})},
		{name: "untrusted certificate", tls: true, serve: func(http.ResponseWriter, *http.Request) {}, exactly: true, why: "its certificate is not trusted"},
		{name: "404", tries: 1, exactly: true, why: "HTTP 404", serve: http.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				_, _ = io.Copy(io.Discard, r.Body) // or the server would not see that the client has gone
				c.serve(w, r)
			}))
			server.Config.ErrorLog = quietLog()
			if c.tls {
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			core, logs := observer.New(zap.DebugLevel)
			hook, err := webhook.New(webhook.Config{URL: server.URL + "/CANARY", Timeout: cmp.Or(c.timeout, time.Minute), Backoff: 10 * time.Millisecond,
				Attempts: 3, Logger: zap.New(core)})
			require.NoError(t, err)

			model := workflowtest.NewModel(t, workflowtest.Answer{Text: "yes"})
			run, err := pipeline(t).Run(t.Context(), "monday", workflow.Config{Store: memstore.New(), Model: model, Observers: []state.Observer{hook.Observe}})
			require.NoError(t, err)
			st, err := run.State(t.Context())
			require.NoError(t, err)
			require.Equal(t, state.StatusCompleted, st.Status)
			require.Equal(t, 3, model.Calls())

			start := time.Now()
			err = closeHook(t, hook, 20*time.Second)
			require.Less(t, time.Since(start), 25*time.Second, "the bound, and some for a busy machine")
			all := fmt.Sprint(entries(logs))
			if c.why == "" {
				require.NoError(t, err, all)
				require.Contains(t, all, "webhook delivered")
			} else {
				require.ErrorContains(t, err, "1 notification not delivered")
				require.Contains(t, all, c.why)
			}
			require.GreaterOrEqual(t, requests.Load(), c.tries)
			if c.exactly {
				require.Equal(t, c.tries, requests.Load())
			}
			require.NotContains(t, all, "SECRET")
			require.NotContains(t, all, "CANARY")
		})
	}
	t.Cleanup(func() { require.Zero(t, elsewhere.Load(), "no redirect is followed") })
}

// TestNobodyListens is a server that is down.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	core, logs := observer.New(zap.DebugLevel)
	hook, err := webhook.New(webhook.Config{URL: "http://" + addr + "/CANARY", Backoff: time.Millisecond, Attempts: 3, Logger: zap.New(core)})
	require.NoError(t, err)
	hook.Send(webhook.Notification{ID: "1", Type: webhook.RunFailed, Timestamp: time.Now()})
	require.Error(t, closeHook(t, hook, 30*time.Second))
	require.Contains(t, fmt.Sprint(entries(logs)), "refused")
	require.NotContains(t, fmt.Sprint(entries(logs)), "CANARY")
}

func entries(logs *observer.ObservedLogs) (all []string) {
	for _, e := range logs.All() {
		all = append(all, fmt.Sprint(e.Message, " ", e.ContextMap()))
	}
	return all
}

// nth numbers the requests.
func nth(fn func(n int32, w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) { fn(n.Add(1), w, r) }
}

// raw answers on the connection, below HTTP, and closes it.
func raw(fn func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		fn(conn)
		_ = conn.Close()
	}
}
