package providers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

const story = "The tide came in over the flats without a sound, and the old lighthouse keeper counted the boats twice before he went up to light the lamp."

// cutMember has a limit that can't be raised.
func cutMember(steps ...step) (providers.Provider, *scripted) {
	s := script(steps...)
	p := member("a", s)
	p.MaxOutput = 100
	return p, s
}

func TestACutAnswerIsContinuedWhereItsLimitCantBeRaised(t *testing.T) {
	t.Parallel()
	first, rest := story[:90], story[90:]
	last := first[strings.Index(first, "and the old"):] // some of the last words, as models repeat them
	for name, second := range map[string]string{
		"as asked": first[len(first)-60:] + rest, "without a repetition, in a word": rest, "with the last words": last + rest, "behind a line": "\n" + last + rest,
	} {
		p, s := cutMember(finishes(first, "length"), says(second))
		j := newJournal()
		resp, err := chain(t, p).GenerateContent(j.ctx(context.Background()), human("A story."), llms.WithMaxTokens(100))
		require.NoError(t, err, name)
		if name == "without a repetition, in a word" {
			require.Equal(t, strings.ReplaceAll(story, " ", ""), strings.ReplaceAll(resp.Choices[0].Content, " ", ""))
		} else {
			require.Equal(t, story, resp.Choices[0].Content, name)
		}
		require.Equal(t, []string{"a1", "a2"}, resilience.AnswerIDs(resp))
		require.Equal(t, 14, resp.Choices[0].GenerationInfo["PromptTokens"], "of both")
		require.Len(t, s.msgs[1], 3, "the request, what arrived, and the demand to go on")
		require.NotContains(t, strings.Join(j.log, " "), "wasted")

		again := j.resumed() // a process that died before the answer was used pays nothing
		resp, err = chain(t, p).GenerateContent(again.ctx(context.Background()), human("A story."), llms.WithMaxTokens(100))
		require.NoError(t, err)
		require.NotEmpty(t, resp.Choices[0].Content)
		require.Equal(t, 2, s.calls(), name)
	}
}

func TestAContinuationThatFailsGoesToAnotherProviderFromTheStart(t *testing.T) {
	t.Parallel()
	p, s := cutMember(finishes(story[:90], "length"), fails(resilience.Auth, 0))
	other := script(says(good))
	j := newJournal()
	got, err := ask(j.ctx(context.Background()), chain(t, p, member("b", other)), llms.WithMaxTokens(100))
	require.NoError(t, err)
	require.Equal(t, good, got, "not half of the one and half of the other")
	require.Len(t, other.msgs[0], 1)
	require.Contains(t, j.log, "wasted a1")

	again := j.resumed()
	got, err = ask(again.ctx(context.Background()), chain(t, p, member("b", other)), llms.WithMaxTokens(100))
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Equal(t, []int{2, 1}, []int{s.calls(), other.calls()}, "the resume finds both answers")
}

func TestContinuationsAreBounded(t *testing.T) {
	t.Parallel()
	p, s := cutMember(finishes(story, "length"))
	j := newJournal()
	_, err := ask(j.ctx(context.Background()), chain(t, p), llms.WithMaxTokens(100))
	require.Equal(t, resilience.Truncated, resilience.Classify(err))
	require.Equal(t, 4, s.calls())
	require.Subset(t, j.log, []string{"wasted a1", "wasted a2", "wasted a3", "wasted a4"})
}

func TestARejectedAnswerOfPartsIsWastedWhole(t *testing.T) {
	t.Parallel()
	p, _ := cutMember(finishes("I apologize, but I cannot write that story for you, because", "length"), says("because it is not allowed."), says(good))
	j := newJournal()
	got, err := providers.Generate[string](j.ctx(context.Background()), providers.With(chain(t, p), llms.WithMaxTokens(100)), "A story.")
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Subset(t, j.log, []string{"wasted a1", "wasted a2"})
}

// cutting answers in two parts, whoever asks and however often.
type cutting struct{ asked int }

func (c *cutting) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, c, prompt, options...)
}

func (c *cutting) GenerateContent(_ context.Context, msgs []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	c.asked++
	if len(msgs) == 1 {
		return content(story[:90], "length"), nil
	}
	return content(story[60:], "stop"), nil
}

// TestACrashInAContinuationPaysNothingTwice: at each event, before and after it is written.
func TestACrashInAContinuationPaysNothingTwice(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		model := &cutting{}
		p := member("a", model)
		p.MaxOutput = 100
		ask := func(ctx context.Context) (string, error) {
			return providers.Generate[string](ctx, providers.With(writer, llms.WithMaxTokens(100)), "A story.")
		}
		store := memstore.New()
		store.CrashAfter(n, n%2 == 0)
		got, err := runs(t.Context(), t, store, chain(t, p), ask)
		whole := err == nil
		if !whole {
			store.Restart()
			got, err = runs(t.Context(), t, store, chain(t, p), ask)
			require.NoError(t, err, "crash after event %d", n)
		}
		require.Equal(t, story, got)
		require.LessOrEqual(t, model.asked, 3, "crash after event %d: only the request in flight is made again", n)
		st, err := state.Load(t.Context(), store, "r")
		require.NoError(t, err)
		require.Equal(t, 2, st.Usage.Calls)
		require.Zero(t, st.Usage.Waste, "both parts are of use")
		if whole {
			require.Equal(t, 2, model.asked)
			require.Greater(t, n, 6)
			return
		}
	}
}
