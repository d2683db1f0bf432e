package providers_test

import (
	"context"
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

// manyFaults has a fault in each of its fields.
const manyFaults = `{"a":"x","b":1,"c":["no"],"d":{"x":"q","y":"r"},"e":{"k":"v","l":"w","m":"q"}}`

type faultyAnswer struct {
	A int    `json:"a"`
	B string `json:"b"`
	C []int  `json:"c"`
	D struct {
		X int `json:"x"`
		Y int `json:"y"`
	} `json:"d"`
	E map[string]int `json:"e"`
}

// TestRepairsAskTheSameAgain: the library validates in a map's order, but what is asked after a fault must not depend on it.
func TestRepairsAskTheSameAgain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{manyFaults, `{"a":1,"b":"","c":[],"d":{"x":1,"y":2},"e":{"k":"v","l":"w","m":"q","n":1}}`, `{"a":1}`, `[1]`, `{"a":1,"b":"","c":[],"d":{},"e":{}}`} {
		seen := map[string]bool{}
		for range 30 {
			m := script(says(text))
			_, err := providers.Generate[faultyAnswer](context.Background(), m, "An answer.")
			require.Error(t, err)
			hash, _, err := resilience.Fingerprint(context.Background(), "", m.msgs[1], nil)
			require.NoError(t, err)
			seen[hash] = true
		}
		require.Len(t, seen, 1, text)
	}
}

func TestRepairSaysWhere(t *testing.T) {
	t.Parallel()
	_, err := providers.Generate[faultyAnswer](context.Background(), script(says(`{"a":1,"b":"","c":[],"d":{"x":1,"y":"two"},"e":{}}`)), "An answer.")
	require.ErrorContains(t, err, `/d/y: type: two has type "string", want "integer"`)
	_, err = providers.Generate[faultyAnswer](context.Background(), script(says(`{"a":1,"b":"","c":[],"d":{"x":1},"e":{}}`)), "An answer.")
	require.ErrorContains(t, err, `/d: required: missing properties: ["y"]`)
}

func TestNullIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"null", `{"answer":null}`, `{"answer": null }`} {
		_, err := providers.Generate[*faultyAnswer](context.Background(), script(says(text)), "An answer.")
		require.Error(t, err, text)
	}
}

// crash makes a call that is killed before its n-th request (from 1), resumes it, and returns both journals.
func crash(t *testing.T, n int, call func(ctx context.Context) error) (first, second *journal) {
	first = newJournal()
	sent := 0
	first.before = func(resilience.Try) error {
		if sent++; sent >= n {
			return errPaused
		}
		return nil
	}
	require.ErrorIs(t, call(first.ctx(t.Context())), errPaused)
	second = first.resumed()
	return first, second
}

// TestAReplayedAnswerIsJudgedAsItsGivers: what one member can't do says nothing about the one that answered.
func TestAReplayedAnswerIsJudgedAsItsGivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := member("a", script(fails(resilience.Auth, 0))), member("b", script(finishes(good, "length"), says(good)))
		a.MaxOutput = 1000
		call := func(ctx context.Context) error {
			_, err := ask(ctx, chain(t, a, b), llms.WithMaxTokens(1000))
			return err
		}
		_, second := crash(t, 3, call)
		require.NoError(t, call(second.ctx(t.Context())))

		// A policy of b's does not keep a from being asked.
		a = member("a", script(says("a "+good)))
		b = member("b", script(finishes(good, "content_filter")))
		first := newJournal()
		first.until = map[string]time.Time{"a": time.Now().Add(time.Minute)}
		first.before = func(t resilience.Try) error {
			if t.Provider == "a" {
				return errPaused
			}
			return nil
		}
		call = func(ctx context.Context) error {
			_, err := ask(ctx, chain(t, a, b))
			return err
		}
		require.ErrorIs(t, call(first.ctx(t.Context())), errPaused)
		second = first.resumed()
		require.NoError(t, call(second.ctx(t.Context())))
		require.Equal(t, 1, b.LLM.(*scripted).calls())
	})
}

// TestALimitUsedUpBeforeTheFirstWordIsRecorded: reasoning may use all of it. What is asked next follows from that answer.
func TestALimitUsedUpBeforeTheFirstWordIsRecorded(t *testing.T) {
	t.Parallel()
	m := script(finishes("", "length"), says(good))
	call := func(ctx context.Context) error {
		_, err := ask(ctx, chain(t, member("a", m)), llms.WithMaxTokens(1000))
		return err
	}
	first, second := crash(t, 2, call)
	require.Contains(t, first.log, "wasted a1")
	require.NoError(t, call(second.ctx(t.Context())))
	require.Equal(t, 2, m.calls(), "%v", second.log)
	require.Equal(t, 2048, m.opts[1].MaxTokens)
}

// TestARefusedReplayIsNotStreamed: a client that does not stream delivered nothing when it was live.
func TestARefusedReplayIsNotStreamed(t *testing.T) {
	t.Parallel()
	quiet := func(text, stop string) step {
		return func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
			return content(text, stop), nil
		}
	}
	m := script(quiet(good, "length"), quiet(good+" "+good, "stop"))
	var got strings.Builder
	call := func(ctx context.Context) error {
		_, err := ask(ctx, chain(t, member("a", m)), streaming(&got))
		return err
	}
	_, second := crash(t, 2, call)
	require.NoError(t, call(second.ctx(t.Context())))
	require.Equal(t, 2, m.calls())
	require.Empty(t, got.String())
}

// TestAToldWaitHoldsForAllCalls: whatever the class, and also for a call that was to try again sooner.
func TestAToldWaitHoldsForAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := script(fails(resilience.Server, 0), fails(resilience.Overloaded, time.Minute), says(good))
		c := chain(t, member("a", m))
		var calls sync.WaitGroup
		for range 2 {
			calls.Go(func() {
				_, err := ask(t.Context(), c)
				require.NoError(t, err)
			})
			synctest.Wait()
		}
		calls.Wait()
		require.Len(t, m.times, 4)
		require.GreaterOrEqual(t, m.times[2].Sub(m.times[1]), time.Minute, "the first call's retry")
	})
}

// TestAWishNeverCostsTheAnswer: asking again may fail.
func TestAWishNeverCostsTheAnswer(t *testing.T) {
	t.Parallel()
	wish := resilience.Soft(resilience.MinWords(100))
	for _, again := range []step{finishes("", "content_filter"), fails(resilience.ContextLength, 0), finishes(good, "length")} {
		j := newJournal()
		got, err := providers.Generate[string](j.ctx(context.Background()), chain(t, member("a", script(says(good), again))), "A scene.", wish)
		require.NoError(t, err)
		require.Equal(t, good, got)
		require.Contains(t, j.log, "warn min_words")
		require.NotContains(t, j.log, "wasted a1", "it is used")
	}
	_, err := providers.Generate[string](context.Background(), chain(t, member("a", script(says(good), fails(resilience.Auth, 0)))), "A scene.", wish)
	require.Equal(t, resilience.Auth, resilience.Classify(err))
}

// applying applies options as langchaingo's clients do.
type applying struct{ llms.Model }

func (applying) GenerateContent(_ context.Context, _ []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	var o llms.CallOptions
	for _, option := range options {
		option(&o)
	}
	return content(good, "stop"), nil
}

// TestSharedOptionsAreOnlyRead: some of langchaingo's options write into the metadata map that an earlier one gave.
func TestSharedOptionsAreOnlyRead(t *testing.T) {
	t.Parallel()
	mine := map[string]any{"team": "books"}
	writes := func(o *llms.CallOptions) { o.Metadata["cache"] = true }
	m := providers.With(chain(t, member("a", applying{})), llms.WithMetadata(mine), writes)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			_, err := ask(context.Background(), m)
			require.NoError(t, err)
		})
	}
	calls.Wait()
	require.Len(t, mine, 1)
}

func TestNoChainInAChain(t *testing.T) {
	t.Parallel()
	inner := chain(t, member("a", script(says(good))))
	_, err := providers.NewChain(providers.ChainConfig{}, member("b", inner))
	require.ErrorContains(t, err, "is a chain itself")
}

func TestAChoiceThatIsNil(t *testing.T) {
	t.Parallel()
	m := script(func(context.Context, llms.CallOptions) (*llms.ContentResponse, error) {
		return &llms.ContentResponse{Choices: append([]*llms.ContentChoice{nil}, content(good, "stop").Choices...)}, nil
	})
	text, err := ask(newJournal().ctx(context.Background()), chain(t, member("a", m)))
	require.NoError(t, err)
	require.Equal(t, good, text)
}
