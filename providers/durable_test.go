package providers_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

var writer = workflow.Model("writer")

// runs runs one task on a store, and returns its result.
func runs(ctx context.Context, t *testing.T, store *memstore.Store, m llms.Model, fn func(context.Context) (string, error)) (string, error) {
	t.Helper()
	task := workflow.NewTask("task", fn)
	p, err := workflow.New("p", task)
	require.NoError(t, err)
	run, err := p.Run(ctx, "r", workflow.Config{Store: store, Model: m})
	if err != nil {
		return "", err
	}
	return task.Result(run.Context(ctx))
}

// TestAcceptTruncatedHoldsInARun: who asked does not see the chain behind the run's model, but the chain's word counts.
func TestAcceptTruncatedHoldsInARun(t *testing.T) {
	t.Parallel()
	m := script(finishes(good, "length"))
	c := chainWith(t, providers.ChainConfig{AcceptTruncated: true}, member("a", m))
	got, err := runs(t.Context(), t, memstore.New(), c, func(ctx context.Context) (string, error) {
		return providers.Generate[string](ctx, writer, "A scene.")
	})
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Equal(t, 1, m.calls())
}

// TestAToldWaitOutlivesTheProcess: a provider that asked to wait is not asked earlier by a resume, whatever the class.
func TestAToldWaitOutlivesTheProcess(t *testing.T) {
	for _, class := range []resilience.Class{resilience.RateLimit, resilience.Overloaded, resilience.Server} {
		synctest.Test(t, func(t *testing.T) {
			m := script(fails(class, 10*time.Minute), says(good))
			store := memstore.New()
			fn := func(ctx context.Context) (string, error) { return providers.Generate[string](ctx, writer, "A scene.") }
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := runs(ctx, t, store, chain(t, member("a", m)), fn)
			require.Error(t, err)
			require.Equal(t, 1, m.calls())

			got, err := runs(t.Context(), t, store, chain(t, member("a", m)), fn) // a new process
			require.NoError(t, err)
			require.Equal(t, good, got)
			require.Len(t, m.times, 2)
			require.GreaterOrEqual(t, m.times[1].Sub(m.times[0]), 10*time.Minute, class)
		})
	}
}

// TestARunResumesAChainInTheMiddle: the run tells whose answer it replays.
func TestARunResumesAChainInTheMiddle(t *testing.T) {
	t.Parallel()
	a, b := member("a", script(fails(resilience.Auth, 0))), member("b", script(finishes(good, "length"), says(good)))
	a.MaxOutput = 1000
	store := memstore.New()
	fail := true
	fn := func(ctx context.Context) (string, error) {
		resp, err := writer.GenerateContent(ctx, human("A scene."), llms.WithMaxTokens(1000))
		switch {
		case err != nil:
			return "", err
		case fail:
			return "", &resilience.Error{Class: resilience.Network, Err: errors.New("of the step itself")}
		}
		return resp.Choices[0].Content, nil
	}
	_, err := runs(t.Context(), t, store, chain(t, a, b), fn)
	require.Error(t, err)
	fail = false
	got, err := runs(t.Context(), t, store, chain(t, a, b), fn)
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Equal(t, 2, b.LLM.(*scripted).calls())
}

// TestAnEmptyErrorFieldIsNone: some servers send one with every answer.
func TestAnEmptyErrorFieldIsNone(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"null", `""`, "{}", "[]", "false"} {
		a := serve(t, answers(200, nil, `{"error":`+none+`,"choices":[{"finish_reason":"stop","message":{"role":"assistant","content":"`+good+`"}}]}`))
		text, err := ask(context.Background(), chainWith(t, providers.ChainConfig{MaxTries: 1}, a.open(t, "openai")))
		require.NoError(t, err, none)
		require.Equal(t, good, text)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestASlowReaderIsNoSilence: the limit is on the server's silence, not on the caller's function.
func TestASlowReaderIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := transport(func(r *http.Request) (*http.Response, error) {
			body, out := io.Pipe()
			go func() {
				for range 5 {
					_, _ = io.WriteString(out, sse(delta(good)))
				}
				_, _ = io.WriteString(out, "data: [DONE]\n\n")
				_ = out.Close()
			}()
			context.AfterFunc(r.Context(), func() { _ = out.CloseWithError(context.Cause(r.Context())) })
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body, Request: r}, nil
		})
		p, err := providers.Open("openai", providers.Settings{Key: testKey, BaseURL: "http://api.test/v1", Model: "m-1", Transport: base})
		require.NoError(t, err)
		c := chainWith(t, providers.ChainConfig{MaxTries: 1, Idle: 10 * time.Second}, p)
		text, err := ask(t.Context(), c, llms.WithStreamingFunc(func(context.Context, []byte) error {
			<-time.After(30 * time.Second)
			return nil
		}))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat(good, 5), text)
	})
}
