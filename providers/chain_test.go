package providers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func TestFirstHealthyProviderAnswers(t *testing.T) {
	t.Parallel()
	a, b := script(says(good)), script(says("b "+good))
	c := chain(t, member("a", a), member("b", b))
	got, err := ask(context.Background(), c, llms.WithModel("the caller's"))
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Zero(t, b.calls())
	require.Equal(t, "a-model", a.opts[0].Model, "the caller's model must not reach another provider")
	require.True(t, c.ReportsTries())
}

// TestWhatEachClassDoes is the table of contract section 7 as a chain of two sees it.
func TestWhatEachClassDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		class    resilience.Class
		a, b     int // requests to each
		outAfter bool
		ok       bool
	}{
		{resilience.RateLimit, 2, 1, true, true},
		{resilience.Quota, 1, 1, true, true},
		{resilience.Auth, 1, 1, true, true},
		{resilience.Permission, 1, 1, true, true},
		{resilience.NotFound, 1, 1, true, true},
		{resilience.InvalidRequest, 1, 1, false, true},
		{resilience.ContextLength, 1, 1, false, true},
		{resilience.ContentPolicy, 1, 1, false, true},
		{resilience.Overloaded, 2, 1, true, true},
		{resilience.Server, 2, 1, true, true},
		{resilience.Timeout, 2, 1, true, true},
		{resilience.Network, 2, 1, true, true},
		{resilience.EmptyResponse, 2, 1, true, true},
		{resilience.InvalidResponse, 2, 1, true, true},
		{resilience.Unknown, 2, 1, true, true},
		{resilience.Canceled, 1, 0, false, false},
	} {
		t.Run(string(c.class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := script(fails(c.class, 0)), script(says(good))
				ch := chain(t, member("a", a), member("b", b))
				got, err := ask(t.Context(), ch)
				require.Equal(t, c.ok, err == nil, err)
				require.Equal(t, []int{c.a, c.b}, []int{a.calls(), b.calls()})
				if !c.ok {
					require.Equal(t, c.class, resilience.Classify(err))
					return
				}
				require.Equal(t, good, got)
				_, err = ask(t.Context(), ch)
				require.NoError(t, err)
				if c.outAfter {
					require.Equal(t, c.a, a.calls(), "it cools down or is out: the next call must not ask it")
				} else {
					require.Greater(t, a.calls(), c.a)
				}
			})
		})
	}
}

func TestInvalidRequestGetsOneMoreOpinion(t *testing.T) {
	t.Parallel()
	a, b, c := script(fails(resilience.InvalidRequest, 0)), script(fails(resilience.InvalidRequest, 0)), script(says(good))
	_, err := ask(context.Background(), chain(t, member("a", a), member("b", b), member("c", c)))
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
	require.Equal(t, []int{1, 1, 0}, []int{a.calls(), b.calls(), c.calls()})
}

func TestContextLengthWantsALargerWindow(t *testing.T) {
	t.Parallel()
	a, b, c := script(fails(resilience.ContextLength, 0)), script(says(good)), script(says("large "+good))
	small, same, large := member("a", a), member("b", b), member("c", c)
	small.Context, same.Context, large.Context = 8000, 8000, 128000
	got, err := ask(context.Background(), chain(t, small, same, large))
	require.NoError(t, err)
	require.Equal(t, "large "+good, got)
	require.Zero(t, b.calls())
}

func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ms []providers.Provider
		var all []*scripted
		for i := range 6 {
			s := script(fails(resilience.Server, 0))
			all = append(all, s)
			ms = append(ms, member(fmt.Sprint("p", i), s))
		}
		_, err := ask(t.Context(), chain(t, ms...))
		require.Error(t, err)
		n := 0
		for _, s := range all {
			n += s.calls()
		}
		require.Equal(t, 8, n)
		require.LessOrEqual(t, len(strings.Split(err.Error(), "\n")), 7)
	})
}

func TestChainErrorListsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(fails(resilience.Auth, 0)), script(fails(resilience.Server, 0))
		c := chain(t, member("groq", a), member("openai", b))
		_, err := ask(t.Context(), c)
		var all *providers.ChainError
		require.ErrorAs(t, err, &all)
		require.Len(t, all.Failures, 2)
		require.Equal(t, "groq", all.Failures[0].Provider)
		require.Equal(t, resilience.Auth, all.Failures[0].Class)
		require.Equal(t, "openai", all.Failures[1].Provider)
		require.Equal(t, resilience.Server, resilience.Classify(err), "the decisive failure is the last one")
		var typed *resilience.Error
		require.ErrorAs(t, err, &typed)
		require.Equal(t, "openai", typed.Provider)
		require.True(t, llms.IsProviderUnavailableError(err))
		for _, want := range []string{"groq", "auth", "openai", "server"} {
			require.ErrorContains(t, err, want)
		}
		_, err = ask(t.Context(), c)
		require.ErrorContains(t, err, "groq", "also what was out before the call is listed")
	})
}

func TestAttemptTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := script(hangs), script(says(good))
		start := time.Now()
		got, err := ask(t.Context(), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, good, got)
		require.Equal(t, 2, a.calls())
		require.GreaterOrEqual(t, time.Since(start), 10*time.Minute)

		_, err = ask(t.Context(), chainWith(t, providers.ChainConfig{Timeout: time.Second}, member("a", script(hangs))))
		require.Equal(t, resilience.Timeout, resilience.Classify(err))
	})
}

func TestCancellationIsAlwaysCancellation(t *testing.T) {
	t.Parallel()
	reason := errors.New("second signal")
	for name, s := range map[string]step{
		"ctx error": hangs,
		"rewritten": func(ctx context.Context, _ llms.CallOptions) (*llms.ContentResponse, error) {
			<-ctx.Done()
			return nil, errors.New("network error: failed to reach API server")
		},
		"partial answer as success": func(ctx context.Context, o llms.CallOptions) (*llms.ContentResponse, error) {
			<-ctx.Done()
			return content("The tide came", "stop"), nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(reason) })
			a, b := script(s), script(says(good))
			_, err := ask(ctx, chain(t, member("a", a), member("b", b)), llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
			require.ErrorIs(t, err, context.Canceled, name)
			require.ErrorIs(t, err, reason, name)
			require.Equal(t, resilience.Canceled, resilience.Classify(err), name)
			require.Zero(t, b.calls(), name)
		})
	}
	synctest.Test(t, func(t *testing.T) { // while it waits
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := ask(ctx, chain(t, member("a", script(fails(resilience.Server, 0)))))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestErrorsOfHooksComeBackAtOnce(t *testing.T) {
	t.Parallel()
	boom := errors.New("over budget")
	a, b := script(says(good)), script(says(good))
	c := chain(t, member("a", a), member("b", b))
	j := newJournal()
	j.before = func(resilience.Try) error { return boom }
	_, err := ask(j.ctx(context.Background()), c)
	require.ErrorIs(t, err, boom)
	require.Zero(t, a.calls()+b.calls())

	j = newJournal()
	j.after = func(resilience.Try) error { return boom }
	_, err = ask(j.ctx(context.Background()), c)
	require.ErrorIs(t, err, boom)
	require.Equal(t, 1, a.calls()+b.calls())
}

func TestPanicsBecomeErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		panics := func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
			var c *llms.ContentChoice
			return nil, errors.New(c.Content)
		}
		got, err := ask(t.Context(), chain(t, member("a", script(panics)), member("b", script(says(good)))))
		require.NoError(t, err)
		require.Equal(t, good, got)
	})
	stream := llms.WithStreamingFunc(func(context.Context, []byte) error { panic("the caller's own") })
	b := script(says(good))
	_, err := ask(context.Background(), chain(t, member("a", script(says(good))), member("b", b)), stream)
	require.ErrorContains(t, err, "the caller's own")
	require.Zero(t, b.calls())
}

func TestNewChainRefuses(t *testing.T) {
	t.Parallel()
	for _, ps := range [][]providers.Provider{
		{}, {{Name: "a"}}, {{LLM: script(says(good))}}, {member("a", script(says(good))), member("a", script(says(good)))},
	} {
		_, err := providers.NewChain(providers.ChainConfig{}, ps...)
		require.Error(t, err)
	}
}

func TestInputsThatWouldPanicAreRefused(t *testing.T) {
	t.Parallel()
	c := chain(t, member("a", script(says(good))))
	for name, msgs := range map[string][]llms.MessageContent{
		"none":     nil,
		"no parts": {{Role: llms.ChatMessageTypeHuman}},
		"nil part": {{Role: llms.ChatMessageTypeHuman, Parts: []llms.ContentPart{nil}}},
		"no call":  {{Role: llms.ChatMessageTypeAI, Parts: []llms.ContentPart{llms.ToolCall{ID: "1"}}}},
	} {
		_, err := c.GenerateContent(context.Background(), msgs)
		require.Equal(t, resilience.InvalidRequest, resilience.Classify(err), name)
	}
	_, err := c.GenerateContent(context.Background(), human("x"), llms.WithTools([]llms.Tool{{Type: "function"}}))
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
	_, err = c.GenerateContent(context.Background(), human("x"), nil)
	require.NoError(t, err, "a nil option says nothing")
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := script(fails(resilience.RateLimit, time.Second), says(good), fails(resilience.Server, 0), says(good))
		c := chain(t, member("a", a), member("b", script(fails(resilience.Overloaded, 0), says(good))))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, err := ask(newJournal().ctx(t.Context()), c, llms.WithStreamingFunc(func(context.Context, []byte) error { return nil }))
				require.NoError(t, err)
			})
		}
		wg.Wait()
	})
}
