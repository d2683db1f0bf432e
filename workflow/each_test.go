package workflow_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// listed is a pipeline whose second step has an item for each word that the first gives. In every session the first
// is run anew when its words changed.
func listed(t *testing.T, words *[]string, model *workflowtest.Model, fn func(context.Context, string) (string, error), opts ...workflow.StepOption) (*rig, *workflow.Each[string, string]) {
	t.Helper()
	list := &wordList{words: words}
	each := workflow.NewEach("e", list.Result, func(s string) string { return strings.SplitN(s, ":", 2)[0] }, fn, opts...)
	r := newRig(t, model, workflow.NewTask("list", list.run, workflow.AllowPartial()), each)
	list.task = workflow.NewTask("list", list.run)
	return r, each
}

// wordList stands in for an upstream step whose result changes between sessions.
type wordList struct {
	words *[]string
	task  *workflow.Task[[]string]
}

func (l *wordList) run(context.Context) ([]string, error) { return *l.words, nil }

func (l *wordList) Result(ctx context.Context) ([]string, error) { return l.task.Result(ctx) }

// relist replaces the result of step list.
func (r *rig) relist(words ...string) {
	r.Helper()
	raw, err := state.Marshal(words)
	require.NoError(r, err)
	r.edit("list", "", string(raw))
}

func askTwice(ctx context.Context, w string) (string, error) {
	k := strings.SplitN(w, ":", 2)[0]
	if _, err := ask(ctx, "common "+k); err != nil {
		return "", err
	}
	return ask(ctx, "own "+w)
}

func TestNewItemsRunMissingAreRetired(t *testing.T) {
	t.Parallel()
	words := []string{"k1", "k2", "k3"}
	r, each := listed(t, &words, echo(t), askTwice)
	require.NoError(t, r.run())
	require.Equal(t, 6, r.model.Calls())
	r.relist("k4", "k2", "k1")
	require.NoError(t, r.run())
	require.Equal(t, 8, r.model.Calls(), "only the new item runs")
	texts, err := each.Results(r.reader())
	require.NoError(t, err)
	require.Equal(t, []string{"<own k4>", "<own k2>", "<own k1>"}, texts, "in the new order")
	_, err = each.Result(r.reader(), "k3")
	require.ErrorIs(t, err, workflow.ErrNoResult)
	require.Equal(t, []string{"k3"}, events[state.ItemRetired](r)[0].Keys)
	require.Equal(t, 3, r.state().Step("e").Items.Total)
}

func TestItemWithChangedValueRunsAgainReplayingEqualRequests(t *testing.T) {
	t.Parallel()
	words := []string{"k1:old", "k2:old"}
	r, each := listed(t, &words, echo(t), askTwice)
	require.NoError(t, r.run())
	r.relist("k1:new", "k2:old")
	require.NoError(t, r.run())
	require.Equal(t, "common k1 | own k1:old | common k2 | own k2:old | own k1:new", r.asked())
	texts, err := each.Results(r.reader())
	require.NoError(t, err)
	require.Equal(t, []string{"<own k1:new>", "<own k2:old>"}, texts)
	require.Zero(t, r.warned("divergence"))
	it, _ := r.state().Item("e", "k1")
	require.Equal(t, 1, it.Gen)
}

func TestInheritedAnswersLastForEveryAttempt(t *testing.T) {
	t.Parallel()
	words := []string{"k1:old"}
	panics := false
	r, _ := listed(t, &words, echo(t), func(ctx context.Context, w string) (string, error) {
		text, err := askTwice(ctx, w)
		if panics {
			panics = false
			panic("once")
		}
		return text, err
	})
	require.NoError(t, r.run())
	panics = true
	r.relist("k1:new")
	require.NoError(t, r.run())
	require.Equal(t, "common k1 | own k1:old | own k1:new", r.asked())
}

func TestInheritedAnswersDieByReject(t *testing.T) {
	t.Parallel()
	words := []string{"k1:old"}
	reject := false
	r, _ := listed(t, &words, echo(t), func(ctx context.Context, w string) (string, error) {
		text, err := askTwice(ctx, w)
		if reject {
			reject = false
			return "", workflow.Reject(errBoom)
		}
		return text, err
	})
	require.NoError(t, r.run())
	reject = true
	r.relist("k1:new")
	require.NoError(t, r.run())
	require.Equal(t, "common k1 | own k1:old | own k1:new | common k1 | own k1:new", r.asked())
}

func TestFailedItemWithChangedValueDoesNotDiverge(t *testing.T) {
	t.Parallel()
	words := []string{"k1:old"}
	r, _ := listed(t, &words, workflowtest.NewModel(t, workflowtest.Answer{Match: "own k1:old", Err: class(resilience.Server)}, workflowtest.Answer{Text: "x"}), askTwice)
	r.cfg.OnDivergence = workflow.DivergenceStop
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	r.relist("k1:new")
	require.NoError(t, r.run())
	require.Equal(t, "common k1 | own k1:old | own k1:new", r.asked())
}

func TestItemsUnstable(t *testing.T) {
	t.Parallel()
	items := []string{"a", "b"}
	r := newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]string, error) { return items, nil }, key, askTwice))
	require.NoError(t, r.run())
	items = []string{"a", "c"}
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrItemsUnstable)
	require.Equal(t, state.StatusFailed, r.state().Status)
	require.Equal(t, 4, r.model.Calls())
	items = []string{"a", "b"}
	require.NoError(t, r.run())
	require.Equal(t, 4, r.model.Calls())
}

func TestItemValueMayChangeWithTheProgram(t *testing.T) {
	t.Parallel()
	type v struct{ Key, Text string }
	text := "old"
	r := newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]v, error) { return []v{{"k", text}}, nil }, func(x v) string { return x.Key },
		func(ctx context.Context, x v) (string, error) { return ask(ctx, x.Text) }))
	require.NoError(t, r.run())
	text = "new"
	require.NoError(t, r.run())
	require.Equal(t, "old | new", r.asked())
}

func TestDuplicateKeys(t *testing.T) {
	t.Parallel()
	for want, items := range map[string][]string{`same key "a"`: {"a", "b", "a"}, "empty key": {"a", ""}} {
		r := newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]string, error) { return items, nil }, key, askTwice))
		require.ErrorContains(t, r.run(), want)
		require.Zero(t, r.model.Calls())
	}
}

func TestEachOfNothingCompletes(t *testing.T) {
	t.Parallel()
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return nil, nil }, key, askTwice)
	r := newRig(t, echo(t), each)
	require.NoError(t, r.run())
	texts, err := each.Results(r.reader())
	require.NoError(t, err)
	require.Empty(t, texts)
}

func TestLongListsAreRecordedInChunks(t *testing.T) {
	t.Parallel()
	var items []string
	for i := range 2500 {
		items = append(items, fmt.Sprint(i))
	}
	r := newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]string, error) { return items, nil }, key,
		func(context.Context, string) (int, error) { return 0, nil }, workflow.Concurrency(8)))
	require.NoError(t, r.run())
	require.Len(t, events[state.StepItems](r), 3)
	require.Equal(t, 2500, r.state().Step("e").Items.Done)
}

func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	items := strings.Split("abcdefghij", "")
	for n, opts := range map[int][]workflow.StepOption{3: {workflow.Concurrency(3)}, 2: nil} {
		model := workflowtest.NewModel(t, workflowtest.Answer{Text: "x", Delay: 1})
		r := newRig(t, model, workflow.NewEach("e", func(context.Context) ([]string, error) { return items, nil }, key, askTwice, opts...))
		r.cfg.Concurrency = 2
		require.NoError(t, r.run())
		require.LessOrEqual(t, model.MostInFlight(), n)
		require.Equal(t, 20, model.Calls())
	}
}

func TestRetrySelection(t *testing.T) {
	t.Parallel()
	broken := true
	fn := func(name string) func(context.Context, string) (string, error) {
		return func(ctx context.Context, k string) (string, error) {
			if broken && k != "ok" {
				return "", class(resilience.InvalidRequest)
			}
			return ask(ctx, name+k)
		}
	}
	items := func(context.Context) ([]string, error) { return []string{"k1", "k2", "ok"}, nil }
	left := workflow.NewEach("left", items, key, fn("left "))
	right := workflow.NewEach("right", items, key, fn("right "), workflow.Optional())
	r := newRig(t, echo(t), workflow.NewParallel("both", left, right))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	broken = false
	r.cfg.Retry = map[string][]string{"left": {"k2"}}
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	asked := r.model.Requests()
	slices.Sort(asked)
	require.Equal(t, []string{"left k2", "left ok", "right ok"}, asked)
	require.Equal(t, state.StatusFailed, r.item("left", "k1"))
	r.cfg.Retry = map[string][]string{"left": nil}
	require.NoError(t, r.run())
	require.Equal(t, state.StatusTolerated, r.state().Step("right").Status)
	r.cfg.Retry = nil
	require.NoError(t, r.run())
	require.Equal(t, state.StatusCompleted, r.state().Step("right").Status)
	require.Equal(t, 6, r.model.Calls())
}

func TestRetrySelectionOfATask(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Auth), Times: 1}, workflowtest.Answer{Text: "x"}), abc(func() error { return nil }))
	require.Error(t, r.run())
	r.cfg.Retry = map[string][]string{"other": nil}
	err := r.run()
	require.Equal(t, resilience.Auth, resilience.Classify(err))
	require.Equal(t, 1, r.model.Calls())
	require.Equal(t, state.StatusFailed, r.state().Status)
	r.cfg.Retry = map[string][]string{"t": nil}
	require.NoError(t, r.run())
}
