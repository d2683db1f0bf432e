package providers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// pure answers each prompt in the same way, whoever is asked, and fails while ill says so.
type pure struct {
	asked int
	ill   func(n int) error
}

func (p *pure) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, p, prompt, options...)
}

func (p *pure) GenerateContent(_ context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	p.asked++
	if p.ill != nil {
		if err := p.ill(p.asked); err != nil {
			return nil, err
		}
	}
	return content("An answer to: "+msgs[0].Parts[0].(llms.TextContent).Text, "stop"), nil
}

// book is a pipeline of twelve calls.
func book(t *testing.T) (*workflow.Pipeline, *workflow.Each[int, string]) {
	scenes := workflow.NewEach("scenes", func(context.Context) ([]int, error) { return []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, nil },
		func(n int) string { return fmt.Sprint("scene ", n) },
		func(ctx context.Context, n int) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, fmt.Sprint("Write scene ", n))
		})
	p, err := workflow.New("book", scenes)
	require.NoError(t, err)
	return p, scenes
}

func write(t *testing.T, store *memstore.Store, m llms.Model) ([]string, *state.WorkflowState, error) {
	t.Helper()
	p, scenes := book(t)
	run, err := p.Run(t.Context(), "r", workflow.Config{Store: store, Model: m})
	if run == nil {
		return nil, nil, err
	}
	texts, _ := scenes.Results(run.Context(t.Context()))
	st, stErr := run.State(t.Context())
	require.NoError(t, stErr)
	return texts, st, err
}

// TestAProviderThatDiesMidRunIsReplaced: whatever it dies of, the run ends with the same results through the next one.
func TestAProviderThatDiesMidRunIsReplaced(t *testing.T) {
	t.Parallel()
	for _, class := range resilience.Classes() {
		if class == resilience.Canceled || class == resilience.Truncated { // the caller's own; no other provider helps
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			want, _, err := write(t, memstore.New(), &pure{})
			require.NoError(t, err)
			a := &pure{ill: func(n int) error {
				if n > 4 {
					return &resilience.Error{Class: class, Provider: "a"}
				}
				return nil
			}}
			b := &pure{}
			got, st, err := write(t, memstore.New(), chain(t, member("a", a), member("b", b)))
			require.NoError(t, err, class)
			require.Equal(t, want, got, class)
			require.Equal(t, 12, st.Usage.Calls, class)
			require.Equal(t, a.asked-4, st.Usage.FailedCalls, class)
			require.Equal(t, 4, st.Providers["a"].Calls)
			require.Equal(t, 8, st.Providers["b"].Calls, class)
			require.Equal(t, 8, b.asked)
		})
	}
}

// TestThePreferredProviderIsUsedAgain once it is well.
func TestThePreferredProviderIsUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := &pure{ill: func(n int) error {
			<-time.After(10 * time.Second)
			if since := time.Since(start); since > 30*time.Second && since < 80*time.Second {
				return resilience.FromHTTP("a", 503, nil, nil)
			}
			return nil
		}}
		b := &pure{ill: func(int) error { <-time.After(10 * time.Second); return nil }}
		_, st, err := write(t, memstore.New(), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Greater(t, st.Providers["a"].Calls, 3, "before and after")
		require.NotZero(t, st.Providers["b"].Calls)
		require.Equal(t, 12, st.Usage.Calls)
	})
}

// TestAllProvidersDown: the error, or the reason of the pause, names each with its remedy; the resume asks only for what is missing.
func TestAllProvidersDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := func(err error) func(int) error {
			return func(n int) error {
				if n > 3 {
					return err
				}
				return nil
			}
		}
		a := &pure{ill: down(resilience.FromHTTP("a", 401, nil, []byte(`{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}`)))}
		b := &pure{ill: down(resilience.FromHTTP("b", 402, nil, []byte(`{"error":{"message":"Insufficient Balance"}}`)))}
		store := memstore.New()
		_, st, err := write(t, store, chain(t, member("a", a), member("b", b)))
		require.Error(t, err)
		for _, part := range []string{"a a-model: auth", "check the provider's API key", "b b-model: quota", "add credit"} {
			require.ErrorContains(t, err, part)
		}
		require.Equal(t, state.StatusFailed, st.Status)
		done := st.Usage.Calls

		a, b = &pure{}, &pure{}
		_, st, err = write(t, store, chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, 12-done, a.asked, "the key was mended: it is asked again, for what is missing")
		require.Equal(t, 12, st.Usage.Calls)
	})
	synctest.Test(t, func(t *testing.T) {
		wait := func(name string, d time.Duration) func(int) error {
			return func(n int) error {
				if n > 3 {
					return &resilience.Error{Class: resilience.RateLimit, Provider: name, Status: 429, After: d}
				}
				return nil
			}
		}
		a, b := &pure{ill: wait("a", 3*time.Hour)}, &pure{ill: wait("b", 2*time.Hour)}
		store := memstore.New()
		_, st, err := write(t, store, chain(t, member("a", a), member("b", b)))
		require.ErrorIs(t, err, workflow.ErrPaused)
		require.Equal(t, state.StatusPaused, st.Status)
		require.Contains(t, st.Reason, "b is the first")
		require.Contains(t, st.Reason, "a a-model: rate_limit")
		asked := a.asked + b.asked

		// A resume that comes too early asks nobody: what they asked for is in the journal.
		early, earlyB := &pure{}, &pure{}
		_, st, err = write(t, store, chain(t, member("a", early), member("b", earlyB)))
		require.ErrorIs(t, err, workflow.ErrPaused)
		require.Zero(t, early.asked+earlyB.asked)
		require.Contains(t, st.Reason, "b is the first")
		require.Contains(t, st.Reason, "a a-model: rate_limit", "a new process names each as well")

		<-time.After(2*time.Hour + time.Minute)
		_, st, err = write(t, store, chain(t, member("a", early), member("b", earlyB)))
		require.NoError(t, err)
		require.Zero(t, early.asked, "one hour is left for a")
		require.Equal(t, 12, st.Usage.Calls)
		require.Equal(t, 2, asked-6, "one refusal each")
	})
}

// TestUnknownTokensAreNotNone: a model that does not say what it used is counted as such.
func TestUnknownTokensAreNotNone(t *testing.T) {
	t.Parallel()
	silent := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: good, StopReason: "stop"}}}, nil
	}
	for name, c := range map[string]struct {
		step step
		want int
	}{"silent": {silent, 1}, "telling": {says(good), 0}} {
		store := memstore.New()
		_, err := runs(t.Context(), t, store, chain(t, member("a", script(c.step))), func(ctx context.Context) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, "A scene.")
		})
		require.NoError(t, err)
		st, err := state.Load(t.Context(), store, "r")
		require.NoError(t, err)
		require.Equal(t, c.want, st.Usage.Uncounted, name)
		require.Equal(t, c.want, st.Providers["a"].Uncounted, name)
	}
}

// TestEveryTryIsAnEvent: who was asked, what came of it, how long it took, what it used, and whether that was of use.
func TestEveryTryIsAnEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.Overloaded, 0), finishes(good, "length"), says(good+" To the end."))
		store := memstore.New()
		_, err := runs(t.Context(), t, store, chain(t, member("a", a)), func(ctx context.Context) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, "A scene.")
		})
		require.NoError(t, err)
		var log []string
		for e, err := range store.Events(t.Context(), "r", state.Query{}) {
			require.NoError(t, err)
			switch d := e.Data.(type) {
			case state.CallSent:
				log = append(log, fmt.Sprint("sent ", d.Try, " ", d.Provider))
			case state.CallFailed:
				log = append(log, fmt.Sprint("failed ", d.Try, " ", d.Provider, " ", d.Class, " ", d.Next))
			case state.CallAnswered:
				log = append(log, fmt.Sprint("answered ", d.Try, " ", d.Provider, " ", d.Usage.Output))
			case state.CallJudged:
				log = append(log, "wasted "+d.Class)
			}
		}
		require.Equal(t, []string{"sent 1 a", "failed 1 a overloaded retry", "sent 2 a", "answered 2 a 10", "wasted truncated", "sent 3 a", "answered 3 a 13"}, log,
			strings.Join(log, "\n"))
	})
}
