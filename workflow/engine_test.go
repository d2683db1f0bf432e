package workflow_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

type scene struct {
	Chapter int    `json:"chapter"`
	Name    string `json:"name"`
}

func (s scene) Key() string  { return fmt.Sprintf("c%d/%s", s.Chapter, s.Name) }
func (s scene) Lane() string { return fmt.Sprint(s.Chapter) }

var scenes = []scene{{1, "a"}, {1, "b"}, {2, "a"}, {2, "b"}, {3, "a"}}

// book is a pipeline with everything in it: a task, two steps side by side, items in lanes that look at the one before, a
// Do, and a step that reads all.
func book(t testing.TB, opts ...workflow.StepOption) (*workflow.Pipeline, *workflow.Each[scene, string], *workflow.Task[string]) {
	plan := workflow.NewTask("plan", func(ctx context.Context) (string, error) {
		p, err := workflow.Params[struct {
			Genre string `json:"genre"`
		}](ctx)
		if err != nil {
			return "", err
		}
		first, err := ask(ctx, "plan a "+p.Genre)
		if err != nil {
			return "", err
		}
		return ask(ctx, "improve: "+first)
	})
	left := workflow.NewTask("left", func(ctx context.Context) (string, error) {
		return workflow.Do(ctx, "effect", func(ctx context.Context) (string, error) { return ask(ctx, "inside a do") })
	})
	right := workflow.NewTask("right", func(ctx context.Context) (int64, error) {
		_ = workflow.Now(ctx)
		return workflow.Rand(ctx).Int64() * 0, nil
	})
	prose := workflow.NewEach("prose", func(ctx context.Context) ([]scene, error) {
		_, err := plan.Result(ctx)
		return scenes, err
	}, scene.Key, func(ctx context.Context, s scene) (string, error) {
		before, ok, err := workflow.Previous[string](ctx)
		if err != nil {
			return "", err
		}
		text, err := ask(ctx, fmt.Sprintf("write %s after %q %t", s.Key(), before, ok))
		if err != nil {
			return "", err
		}
		return ask(ctx, "edit: "+text)
	}, append(opts, workflow.Lane(scene.Lane))...)
	whole := workflow.NewTask("whole", func(ctx context.Context) (string, error) {
		texts, err := prose.Results(ctx)
		return fmt.Sprint(texts), err
	})
	p, err := workflow.New("book", plan, workflow.NewParallel("both", left, right), prose, whole)
	require.NoError(t, err)
	return p, prose, whole
}

var params = struct {
	Genre string `json:"genre"`
}{"farce"}

func TestRunCompletesAndResultsAreRead(t *testing.T) {
	t.Parallel()
	ctx, store, model := context.Background(), memstore.New(), echo(t)
	p, prose, whole := book(t)
	run, err := p.Run(ctx, "r", workflow.Config{Store: store, Params: params, Model: model, Concurrency: 2})
	require.NoError(t, err)
	texts, err := prose.Results(run.Context(ctx))
	require.NoError(t, err)
	require.Len(t, texts, 5)
	require.Contains(t, texts[1], "after \"<edit: <write c1/a", "the second scene of a chapter sees the first")
	all, err := whole.Result(run.Context(ctx))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(texts), all)
	st, err := run.State(ctx)
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, st.Status)
	require.Equal(t, 100.0, st.Progress())
	require.Equal(t, 13, st.Usage.Calls)
	require.Equal(t, 13, model.Calls())
	require.Equal(t, state.StatusCompleted, st.Step("both").Status)

	last := st.Seq
	_, err = p.Run(ctx, "r", workflow.Config{Store: store, Model: model})
	require.NoError(t, err, "running a complete run does nothing")
	st, err = run.State(ctx)
	require.NoError(t, err)
	require.Equal(t, last, st.Seq, "and nothing is appended")
	require.Equal(t, 13, model.Calls())
}

func TestBookDoesNotDependOnConcurrency(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var books []string
	for _, n := range []int{1, 4} {
		p, _, whole := book(t)
		run, err := p.Run(ctx, "r", workflow.Config{Store: memstore.New(), Params: params, Model: echo(t), Concurrency: n})
		require.NoError(t, err)
		text, err := whole.Result(run.Context(ctx))
		require.NoError(t, err)
		books = append(books, text)
	}
	require.Equal(t, books[0], books[1])
}

func TestCrashAtEveryEvent(t *testing.T) {
	t.Parallel()
	setup := func(n int) func(testing.TB) (*workflow.Pipeline, workflow.Config) {
		return func(t testing.TB) (*workflow.Pipeline, workflow.Config) {
			p, _, _ := book(t)
			return p, workflow.Config{Params: params, Model: echo(t), Concurrency: n, Policy: quick}
		}
	}
	t.Run("sequential", func(t *testing.T) { t.Parallel(); workflowtest.CrashEverywhere(t, setup(1)) })
	t.Run("concurrent", func(t *testing.T) { t.Parallel(); workflowtest.CrashEverywhere(t, setup(3)) })
}
