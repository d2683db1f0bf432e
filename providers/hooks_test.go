package providers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

func TestStreamsAreNeverMixed(t *testing.T) {
	t.Parallel()
	breaks := func(after int) step {
		return func(ctx context.Context, o llms.CallOptions) (*llms.ContentResponse, error) {
			if err := o.StreamingFunc(ctx, []byte(good[:after])); err != nil {
				return nil, err
			}
			return nil, &resilience.Error{Class: resilience.InvalidRequest}
		}
	}
	for _, c := range []struct {
		after int
		want  string
		ok    bool
	}{{0, "b " + good, true}, {9, "b " + good, true}, {30, good[:30], false}} {
		var got strings.Builder
		b := script(says("b " + good))
		text, err := ask(context.Background(), chain(t, member("a", script(breaks(c.after))), member("b", b)),
			llms.WithStreamingFunc(func(_ context.Context, p []byte) error { got.Write(p); return nil }))
		require.Equal(t, c.ok, err == nil)
		require.Equal(t, c.want, got.String())
		if c.ok {
			require.Equal(t, got.String(), text)
		} else {
			require.Zero(t, b.calls())
		}
	}
	synctest.Test(t, func(t *testing.T) { // what turns out empty was never seen
		var got strings.Builder
		text, err := ask(t.Context(), chain(t, member("a", script(says("No."), says(good)))),
			llms.WithStreamingFunc(func(_ context.Context, p []byte) error { got.Write(p); return nil }))
		require.NoError(t, err)
		require.Equal(t, good, text)
		require.Equal(t, good, got.String())
	})
	stop := errors.New("that's enough")
	b := script(says(good))
	_, err := ask(context.Background(), chain(t, member("a", script(says(good))), member("b", b)),
		llms.WithStreamingFunc(func(context.Context, []byte) error { return stop }))
	require.ErrorIs(t, err, stop)
	require.Zero(t, b.calls())
}

func TestHooksSeeEveryTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		a := script(fails(resilience.Server, 0), fails(resilience.RateLimit, 10*time.Second))
		b := script(says("Hm."), says(good))
		_, err := ask(j.ctx(t.Context()), chain(t, member("a", a), member("b", b)))
		require.NoError(t, err)
		require.Equal(t, []string{
			"before a", "after a server retry", "wait",
			"before a", "after a rate_limit switch", "cools a rate_limit",
			"before b", "after b answered", "wasted a1", "wait",
			"before b", "after b answered",
		}, j.log)
		require.Equal(t, "writer", j.tries[0].Role)
		require.NotEmpty(t, j.tries[0].Hash)
		require.Equal(t, j.tries[0].Hash, j.tries[3].Hash, "the provider is not part of the request")
		require.Positive(t, j.tries[0].Wait)
		require.Equal(t, resilience.Usage{Input: 7, Output: 10}, j.tries[3].Usage)
		require.Equal(t, "stop", j.tries[3].Finish)
		require.Len(t, j.tries[0].Messages, 1)
		require.Positive(t, j.tries[0].Estimate.Input)
	})
}

// TestReplayIsJudgedAsIfItHadJustArrived: whatever was recorded, the resumed call asks what the first one asked, and nothing more.
func TestReplayIsJudgedAsIfItHadJustArrived(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]step{
		"good":              {says(good)},
		"short, then good":  {says("No."), says(good)},
		"cut twice":         {finishes(good, "length"), finishes(good+" More.", "length"), says(good + " Whole.")},
		"failures between":  {fails(resilience.Server, 0), says("No."), fails(resilience.Network, 0), says(good)},
		"short for ever":    {says("No.")},
		"filtered for ever": {finishes(good, "content_filter")},
		"cut for ever":      {finishes(good, "length")},
	} {
		synctest.Test(t, func(t *testing.T) {
			run := func(j *journal, s *scripted) (string, string, error) {
				var streamed strings.Builder
				text, err := ask(j.ctx(t.Context()), chain(t, member("a", s)), llms.WithTemperature(0.5))
				return text, streamed.String(), err
			}
			first := newJournal()
			text, _, err := run(first, script(steps...))
			again := script(says("never asked, never asked"))
			second := first.resumed()
			start := time.Now()
			text2, _, err2 := run(second, again)
			require.Equal(t, text, text2, name)
			require.Equal(t, err == nil, err2 == nil, name)
			require.Equal(t, resilience.Classify(err), resilience.Classify(err2), name)
			require.Zero(t, again.calls(), name)
			require.Zero(t, time.Since(start), "%s: what is replayed waits for nobody", name)
			for _, word := range []string{"before", "cools", "out"} {
				require.NotContains(t, strings.Join(second.log, ","), word, name)
			}
		})
	}
}

func TestReplayStreamsTheWholeTextOnce(t *testing.T) {
	t.Parallel()
	j := newJournal()
	c := chain(t, member("a", script(says(good))))
	var chunks []string
	stream := llms.WithStreamingFunc(func(_ context.Context, p []byte) error { chunks = append(chunks, string(p)); return nil })
	_, err := ask(j.ctx(context.Background()), c, stream)
	require.NoError(t, err)
	require.Equal(t, good, strings.Join(chunks, ""))
	chunks = nil
	_, err = ask(j.resumed().ctx(context.Background()), c, stream)
	require.NoError(t, err)
	require.Equal(t, []string{good}, chunks)
}

func TestReplayDoesNotWaitForProviders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		_, err := ask(j.ctx(t.Context()), chain(t, member("a", script(says(good)))))
		require.NoError(t, err)
		r := j.resumed()
		r.until["a"] = time.Now().Add(24 * time.Hour)
		_, err = ask(r.ctx(t.Context()), chain(t, member("a", script(hangs))))
		require.NoError(t, err)
	})
}
