package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap/zaptest"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// board is a dashboard behind a real server.
type board struct {
	*Dashboard
	t     *testing.T
	store state.Store
	srv   *httptest.Server
	token string
}

func newBoard(t *testing.T, cfg Config) *board {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = memstore.New()
	}
	if cfg.Poll == 0 {
		cfg.Poll = 20 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = zaptest.NewLogger(t)
	}
	d, err := New(cfg)
	require.NoError(t, err)
	b := &board{Dashboard: d, t: t, store: cfg.Store, srv: httptest.NewServer(d), token: cfg.Token}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, d.Close(ctx))
		b.srv.Close()
	})
	return b
}

// answer is what a request got.
type reply struct {
	*http.Response
	body string
}

// do sends a request; change may alter it.
func (b *board) do(method, path, body string, change func(*http.Request)) reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.srv.URL+path, strings.NewReader(body))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	if change != nil {
		change(r)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return reply{resp, string(data)}
}

// get reads an object of the API.
func get[T any](b *board, path string) (v T) {
	b.t.Helper()
	r := b.do(http.MethodGet, path, "", nil)
	require.Equal(b.t, http.StatusOK, r.StatusCode, r.body)
	dec := json.NewDecoder(bytes.NewReader([]byte(r.body)))
	dec.DisallowUnknownFields()
	require.NoError(b.t, dec.Decode(&v))
	return v
}

// post sends an action, and gives the status and the text of the answer.
func (b *board) post(path, body string) (int, string) {
	b.t.Helper()
	r := b.do(http.MethodPost, path, body, nil)
	return r.StatusCode, r.body
}

// script is a model that may be made to fail, and to wait.
type script struct {
	fail func(prompt string) error
	wait func(ctx context.Context, prompt string) error
}

func (s *script) Call(ctx context.Context, prompt string, opts ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, s, prompt, opts...)
}

func (s *script) GenerateContent(ctx context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	prompt := msgs[0].Parts[0].(llms.TextContent).Text
	if s.wait != nil {
		if err := s.wait(ctx, prompt); err != nil {
			return nil, err
		}
	}
	if s.fail != nil {
		if err := s.fail(prompt); err != nil {
			return nil, err
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: "on " + prompt, StopReason: "stop",
		GenerationInfo: map[string]any{"PromptTokens": 3, "CompletionTokens": 7}}}}, nil
}

// book is a pipeline: a plan, a gate after it, and a scene for each item.
func book(t *testing.T, items ...string) *workflow.Pipeline {
	t.Helper()
	writer := workflow.Model("writer")
	plan := workflow.NewTask("plan", func(ctx context.Context) ([]string, error) {
		_, err := llms.GenerateFromSinglePrompt(ctx, writer, "a plan")
		return items, err
	})
	look := workflow.NewGate("look", func(ctx context.Context) (string, error) {
		list, err := plan.Result(ctx)
		return strings.Join(list, "\n"), err
	})
	scenes := workflow.NewEach("scenes", plan.Result, func(s string) string { return s },
		func(ctx context.Context, s string) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, s)
		})
	p, err := workflow.New("book", plan, look, scenes)
	require.NoError(t, err)
	return p
}

// opener is a Config.Open for one pipeline.
func opener(p *workflow.Pipeline, store state.Store, m llms.Model) func(context.Context, string, string) (*workflow.Run, error) {
	return func(ctx context.Context, _, run string) (*workflow.Run, error) {
		return p.Open(ctx, run, workflow.Config{Store: store, Model: m, Price: price})
	}
}

func price(string, string, state.Usage) (int64, bool) { return 1000, true }

// refuse fails a prompt for good.
func refuse(prompt string) func(string) error {
	return func(p string) error {
		if p == prompt {
			return &resilience.Error{Class: resilience.ContentPolicy, Err: errors.New("not about this")}
		}
		return nil
	}
}
