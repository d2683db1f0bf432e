package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// current is the hash of the result that is recorded now.
func (r *rig) current(step, item string) string {
	r.Helper()
	if item == "" {
		return r.step(step).Hash
	}
	it, ok := r.state().Item(step, item)
	require.True(r, ok)
	return it.Result
}

func (r *rig) tryEdit(e workflow.Edit) error {
	r.Helper()
	run, err := r.p.Open(r.Context(), "r", r.cfg)
	require.NoError(r, err)
	return run.Edit(r.Context(), e)
}

// edit replaces what is recorded now.
func (r *rig) edit(step, item, result string) {
	r.Helper()
	require.NoError(r, r.tryEdit(workflow.Edit{Step: step, Item: item, Replaces: r.current(step, item), Who: "ann", Note: "better", Result: json.RawMessage(result)}))
}

// chapter is a result with fields.
type chapter struct {
	Title  string   `json:"title"`
	Words  int      `json:"words"`
	Scenes []scene  `json:"scenes"`
	Tags   []string `json:"tags,omitempty"`
}

func (c chapter) Validate() error {
	if c.Words < 0 {
		return errors.New("a chapter has no fewer than 0 words")
	}
	return nil
}

var first = chapter{Title: "One", Words: 7, Scenes: []scene{{1, "a"}}}

func TestAnEditReplacesAResultForWhatHasNotRunYet(t *testing.T) {
	t.Parallel()
	stop := true
	task := workflow.NewTask("outline", func(ctx context.Context) (string, error) { return ask(ctx, "outline") })
	each := workflow.NewEach("notes", func(context.Context) ([]string, error) { return []string{"a", "b"}, nil }, key, ask)
	done := workflow.NewTask("done", func(ctx context.Context) (string, error) { return task.Result(ctx) })
	last := workflow.NewTask("last", func(ctx context.Context) (string, error) {
		if stop {
			return "", class("auth")
		}
		text, err := task.Result(ctx)
		if err != nil {
			return "", err
		}
		note, err := each.Result(ctx, "b")
		return text + " " + note, err
	})
	r := newRig(t, echo(t), task, each, done, last)
	exports := 0
	r.cfg.Export = func(ctx context.Context) error {
		exports++
		_, _ = task.Result(ctx)
		return nil
	}
	require.Error(t, r.run())
	before := r.state()
	exports = 0
	r.edit("outline", "", ` "mine & <yours>" `)
	r.edit("notes", "b", `"noted"`)
	require.Equal(t, 2, exports, "products follow")

	require.Equal(t, []state.ResultEdited{
		{Result: json.RawMessage(`"mine & <yours>"`), Hash: r.current("outline", ""), Replaces: before.Step("outline").Hash, Who: "ann", Note: "better"},
		{Result: json.RawMessage(`"noted"`), Hash: r.current("notes", "b"), Replaces: mustItem(t, before, "notes", "b").Result, Who: "ann", Note: "better"},
	}, events[state.ResultEdited](r))
	st := r.state()
	require.True(t, st.Step("outline").Edited)
	require.True(t, mustItem(t, st, "notes", "b").Edited)
	require.Equal(t, before.Step("notes").Items, st.Step("notes").Items)
	require.Equal(t, state.StatusFailed, st.Status, "the run stands as it stood")
	require.Equal(t, before.Reason, st.Reason)
	require.Equal(t, before.Usage, st.Usage)

	stop = false
	require.NoError(t, r.run())
	text, err := last.Result(r.reader())
	require.NoError(t, err)
	require.Equal(t, "mine & <yours> noted", text)
	text, err = done.Result(r.reader())
	require.NoError(t, err)
	require.Equal(t, "<outline>", text, "what was complete stays as it is")
	require.Equal(t, 3, r.model.Calls())
	require.True(t, r.step("outline").Edited, "and the edit stays")
}

func mustItem(t *testing.T, st *state.WorkflowState, step, key string) state.ItemState {
	t.Helper()
	it, ok := st.Item(step, key)
	require.True(t, ok)
	return it
}

// typed is a complete run with results of Go types.
func typed(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, echo(t),
		workflow.NewTask("one", func(context.Context) (chapter, error) { return first, nil }),
		workflow.NewParallel("both", workflow.NewEach("each", func(context.Context) ([]string, error) { return []string{"a/b"}, nil }, key,
			func(context.Context, string) (chapter, error) { return first, nil })),
		shows("gate", "look", workflow.Optional()))
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.NoError(t, r.ask(approve("gate")))
	require.NoError(t, r.run())
	return r
}

func TestAnEditThatDoesNotFitIsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	r := typed(t)
	last := r.state().Seq
	for given, want := range map[string]struct {
		field string
		line  int
		text  string
	}{
		`{"title":"x",` + "\n" + `"words":1,"scenes":[],"titel":"y"}`: {"titel", 2, "no such field"},
		`{"title":"x",` + "\n" + `"words":"many","scenes":[]}`:        {"words", 2, "this is text, but a whole number belongs there"},
		`{"title":["x"],"words":1,"scenes":[]}`:                       {"title", 1, "this is a list, but text belongs there"},
		`{"title":"x","words":1.5,"scenes":[]}`:                       {"words", 1, "a whole number belongs there"},
		`{"title":"x","words":1,"scenes":[{"chapter":1,"name":2}]}`:   {"scenes.name", 1, "text belongs there"},
		`{"title":"x","scenes":[]}`:                                   {"words", 0, "it is missing"},
		`{"title":"x","words":1,"scenes":[{"chapter":1}]}`:            {"scenes[0].name", 0, "it is missing"},
		`{"Title":"x","words":1,"scenes":[]}`:                         {"title", 0, "it is missing"},
		`{"title":null,"words":1,"scenes":[]}`:                        {"title", 0, "null can't stand there"},
		`{"title":"x","words":1,"scenes":[],` + "\n" + `"title":"y"}`: {"title", 2, "it stands there twice"},
		`{"title":"x","words":-1,"scenes":[]}`:                        {"", 0, "no fewer than 0 words"},
		`{"title":"x",` + "\n\n" + `words:1}`:                         {"", 3, "this is no JSON"},
		`{"title":"x",` + "\n" + `"words":1`:                          {"", 2, "the JSON ends in the middle"},
		`{"title":"x","words":1,"scenes":[]}` + "\n" + `{}`:           {"", 2, "after top-level value"},
		`null`: {"", 0, "null can't stand there"},
		`7`:    {"", 1, "this is number, but an object with fields belongs there"},
		``:     {"", 1, "ends in the middle"},
	} {
		for _, e := range []workflow.Edit{{Step: "one"}, {Step: "each", Item: "a/b"}} {
			e.Replaces, e.Result = r.current(e.Step, e.Item), json.RawMessage(given)
			err := r.tryEdit(e)
			require.ErrorIs(t, err, workflow.ErrBadResult, given)
			require.ErrorContains(t, err, want.text, given)
			require.ErrorContains(t, err, "step "+e.Step)
			var bad *workflow.BadResultError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, want.field, bad.Field, "%s: %v", given, err)
			require.Equal(t, want.line, bad.Line, "%s: %v", given, err)
			require.Equal(t, e.Item, bad.Item)
		}
	}
	require.Equal(t, last, r.state().Seq)
}

func TestAnEditOfWhatHasNoResultIsRefused(t *testing.T) {
	t.Parallel()
	r := typed(t)
	for _, e := range []workflow.Edit{
		{Step: "nowhere"}, {Step: "gate"}, {Step: "both"}, {Step: "each"}, {Step: "one", Item: "x"}, {Step: "each", Item: "unknown"},
	} {
		e.Result = json.RawMessage(`{"title":"x","words":1,"scenes":[]}`)
		require.ErrorIs(t, r.tryEdit(e), workflow.ErrNoResult, "%v", e)
	}
	outline, _, chapters := reviewed()
	r = newRig(t, echo(t), shows("first", "look"), outline, chapters)
	require.ErrorIs(t, r.tryEdit(workflow.Edit{Step: "outline", Result: json.RawMessage(`"x"`)}), state.ErrNotFound)
	require.ErrorIs(t, r.run(), workflow.ErrWaiting)
	require.ErrorIs(t, r.tryEdit(workflow.Edit{Step: "outline", Result: json.RawMessage(`"x"`)}), workflow.ErrNoResult, "it has not run")
}

func TestAnEditOfAnOldResultIsRefused(t *testing.T) {
	t.Parallel()
	r := typed(t)
	old := r.current("one", "")
	r.edit("one", "", `{"title":"hers","words":1,"scenes":[]}`)
	last := r.state().Seq
	for _, replaces := range []string{old, ""} {
		err := r.tryEdit(workflow.Edit{Step: "one", Replaces: replaces, Result: json.RawMessage(`{"title":"his","words":1,"scenes":[]}`)})
		require.ErrorIs(t, err, workflow.ErrResultChanged)
	}
	r.edit("one", "", `{ "words":1, "title":"hers", "scenes":[] }`)
	require.Equal(t, last, r.state().Seq, "the same result is no edit")
}

func TestAnEditIsRefusedWhileTheRunIsGoing(t *testing.T) {
	t.Parallel()
	var run *workflow.Run
	var refused error
	task := workflow.NewTask("one", func(context.Context) (string, error) { return "x", nil })
	r := newRig(t, echo(t), task, workflow.NewTask("two", func(ctx context.Context) (int, error) {
		refused = run.Edit(ctx, workflow.Edit{Step: "one", Result: json.RawMessage(`"y"`)})
		return 1, nil
	}))
	run, err := r.p.Open(t.Context(), "r", r.cfg)
	require.NoError(t, err)
	require.NoError(t, run.Start(t.Context()))
	var held *state.HeldError
	require.ErrorAs(t, refused, &held)
	require.Empty(t, events[state.ResultEdited](r))
}

// TestWhatAnEditMakesRunAgain: it holds the engine to what the doc comment of Run.Edit says, and with it the texts of the command
// line and the dashboard, about what the session after an edit of a complete run does and pays.
func TestWhatAnEditMakesRunAgain(t *testing.T) {
	t.Parallel()
	type note struct{ Key, Text, Aside string }
	keyOf := func(n note) string { return n.Key }
	outline := workflow.NewTask("outline", func(context.Context) ([]note, error) {
		return []note{{"equal", "a", ""}, {"other", "b", ""}, {"aside", "c", ""}, {"gone", "d", ""}, {"mine", "e", ""}}, nil
	})
	summary := workflow.NewTask("summary", func(ctx context.Context) (string, error) {
		if _, err := outline.Result(ctx); err != nil {
			return "", err
		}
		return ask(ctx, "summary")
	})
	notes := workflow.NewEach("notes", outline.Result, keyOf, func(ctx context.Context, n note) (note, error) {
		text, err := ask(ctx, "note "+n.Text)
		return note{n.Key, text, ""}, err
	})
	finals := workflow.NewEach("finals", notes.Results, keyOf, func(ctx context.Context, n note) (string, error) { return ask(ctx, "final "+n.Text) })
	fixed := workflow.NewEach("fixed", func(context.Context) ([]string, error) { return []string{"x"}, nil }, key, func(ctx context.Context, s string) (string, error) {
		if _, err := outline.Result(ctx); err != nil {
			return "", err
		}
		return ask(ctx, "fixed "+s)
	})
	r := newRig(t, echo(t), outline, summary, notes, finals, fixed)
	r.cfg.Concurrency = 1
	require.NoError(t, r.run())
	r.edit("notes", "mine", `{"Key":"mine","Text":"<note e>","Aside":"by hand"}`)
	require.NoError(t, r.run())
	first := len(r.model.Requests())
	require.Equal(t, 1+5+5+1, first, "finals mine had its answer from the record")

	r.edit("outline", "", `[{"Key":"new","Text":"n","Aside":""},{"Key":"equal","Text":"a","Aside":""},{"Key":"other","Text":"B","Aside":""},`+
		`{"Key":"aside","Text":"c","Aside":"!"},{"Key":"mine","Text":"E","Aside":""}]`)
	require.Equal(t, state.StatusCompleted, r.state().Status, "an edit runs nothing")
	require.Len(t, r.model.Requests(), first)
	require.NoError(t, r.run())
	require.Equal(t, []string{"note n", "note B", "final <note n>", "final <note B>"}, r.model.Requests()[first:])
	for item, gen := range map[string]int{"equal": 0, "other": 1, "aside": 1, "mine": 0, "new": 0} {
		require.Equal(t, gen, mustItem(t, r.state(), "notes", item).Gen, item)
	}
	require.True(t, mustItem(t, r.state(), "notes", "mine").Edited)
	_, there := r.state().Item("notes", "gone")
	require.False(t, there)
	last := r.state().Seq
	require.NoError(t, r.run())
	require.Equal(t, last, r.state().Seq, "and then there is nothing to do")
}

func TestAnEditIsPinned(t *testing.T) {
	t.Parallel()
	p := workflow.NewTask("version", func(context.Context) (string, error) { return "1", nil })
	list := workflow.NewEach("e", func(ctx context.Context) ([][2]string, error) {
		v, err := p.Result(ctx)
		return [][2]string{{"k", v}, {"l", v}}, err
	}, func(v [2]string) string { return v[0] }, func(ctx context.Context, v [2]string) (string, error) { return ask(ctx, v[0]+v[1]) })
	r := newRig(t, echo(t), p, list)
	require.NoError(t, r.run())
	r.edit("e", "k", `"mine"`)
	r.edit("version", "", `"2"`)
	require.NoError(t, r.run())
	texts, err := list.Results(r.reader())
	require.NoError(t, err)
	require.Equal(t, []string{"mine", "<l2>"}, texts)
}

func TestAnEditedResultOnAnIncompleteBaseStays(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	whole := workflow.NewTask("whole", func(ctx context.Context) (string, error) {
		texts, err := prose.Results(ctx)
		if errors.Is(err, workflow.ErrPartial) {
			err = nil
		}
		return fmt.Sprint(texts), err
	}, workflow.AllowPartial())
	r := newRig(t, k2FailsOnce(t), prose, whole)
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, state.BasePartial, r.step("whole").Base)
	r.edit("whole", "", `"mine"`)
	require.NoError(t, r.run())
	text, err := whole.Result(r.reader())
	require.NoError(t, err)
	require.Equal(t, "mine", text)
}

// TestACompletedRunStaysCompletedAfterAnEdit: as the fold, the store's head, a snapshot and a replay tell it.
func TestACompletedRunStaysCompletedAfterAnEdit(t *testing.T) {
	t.Parallel()
	store, err := filestore.Open(t.TempDir())
	require.NoError(t, err)
	task := workflow.NewTask("one", func(context.Context) (string, error) { return "x", nil })
	p, err := workflow.New("p", task)
	require.NoError(t, err)
	run, err := p.Run(t.Context(), "r", workflow.Config{Store: store})
	require.NoError(t, err)
	before, err := run.State(t.Context())
	require.NoError(t, err)
	require.NoError(t, run.Edit(t.Context(), workflow.Edit{Step: "one", Replaces: before.Step("one").Hash, Result: json.RawMessage(`"y"`)}))
	head, err := store.Head(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, state.StatusCompleted, head.Status)
	require.Equal(t, before.Seq+2, head.Last, "the edit and the closing mark")
	for range 2 { // from the snapshot, and from the journal
		st, err := run.State(t.Context())
		require.NoError(t, err)
		require.Equal(t, state.StatusCompleted, st.Status)
		require.Equal(t, 100.0, st.Progress())
		require.Equal(t, before.Finished, st.Finished)
		require.Equal(t, before.Epoch, st.Epoch, "an edit is no session")
		require.True(t, st.Closed)
		require.True(t, st.Step("one").Edited)
		require.NoError(t, store.SaveSnapshot(t.Context(), "r", []byte("none")))
	}
	require.NoError(t, run.Resume(t.Context()))
	text, err := task.Result(run.Context(t.Context()))
	require.NoError(t, err)
	require.Equal(t, "y", text)
}
