package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// until waits until a run is as wanted.
func (b *board) until(run string, is func(RunView) bool) (v RunView) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		v = get[RunView](b, "/api/runs/"+run)
		return is(v)
	}, 10*time.Second, 5*time.Millisecond)
	return v
}

func status(s state.Status) func(RunView) bool { return func(v RunView) bool { return v.Status == s } }

// TestARunIsSteeredFromTheDashboard: a gate is approved, the run resumed here, paused, resumed, an item edited.
func TestARunIsSteeredFromTheDashboard(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one", "two", "three")
	release := make(chan struct{})
	asked := make(chan string, 16)
	model := &script{wait: func(ctx context.Context, prompt string) error {
		asked <- prompt
		if prompt != "two" {
			return nil
		}
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	_, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: model})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	b := newBoard(t, Config{Store: store, Open: opener(p, store, model)})

	v := get[RunView](b, "/api/runs/Ten")
	require.Equal(t, []Action{ActionResume, ActionApprove, ActionReject, ActionEdit}, v.Actions)
	code, text := b.post("/api/runs/Ten/pause", "{}")
	require.Equal(t, http.StatusConflict, code, text)

	hash := v.Steps[1].Gate.Hash
	code, text = b.post("/api/runs/Ten/approve", `{"step":"look","hash":"0123"}`)
	require.Equal(t, http.StatusConflict, code, text)
	require.Contains(t, text, "has changed")
	code, text = b.post("/api/runs/Ten/approve", `{"step":"plan","hash":"0123"}`)
	require.Equal(t, http.StatusUnprocessableEntity, code, text)
	code, text = b.post("/api/runs/Ten/approve", fmt.Sprintf(`{"step":"look","hash":%q,"note":"fine"}`, hash))
	require.Equal(t, http.StatusAccepted, code, text)
	code, text = b.post("/api/runs/Ten/resume", "")
	require.Equal(t, http.StatusAccepted, code, text)
	for asked := range asked {
		if asked == "two" {
			break
		}
	}
	v = b.until("Ten", func(v RunView) bool { return len(v.Calls) == 1 })
	require.Equal(t, state.StatusRunning, v.Status)
	require.True(t, v.Here)
	require.Equal(t, []Action{ActionPause}, v.Actions)
	require.Equal(t, "two", v.Calls[0].Item)
	require.Equal(t, "dashboard, this machine", v.Steps[1].Gate.Who)
	require.Equal(t, "fine", v.Steps[1].Gate.Note)
	code, text = b.post("/api/runs/Ten/resume", "")
	require.Equal(t, http.StatusConflict, code, text)
	code, text = b.post("/api/runs/Ten/edit", `{"step":"scenes","item":"one","replaces":"x","result":"y"}`)
	require.Equal(t, http.StatusConflict, code, text)

	code, text = b.post("/api/runs/Ten/pause", "{}")
	require.Equal(t, http.StatusAccepted, code, text)
	b.until("Ten", func(v RunView) bool { return v.Pausing })
	close(release)
	v = b.until("Ten", func(v RunView) bool { return slices.Contains(v.Actions, ActionEdit) }) // and the run is given back
	require.Equal(t, state.StatusPaused, v.Status)

	r := get[ResultView](b, "/api/runs/Ten/result?step=scenes&item=one")
	edit := func(replaces, result string) (int, string) {
		body, err := json.Marshal(EditRequest{Step: "scenes", Item: "one", Replaces: replaces, Result: json.RawMessage(result)})
		require.NoError(t, err)
		return b.post("/api/runs/Ten/edit", string(body))
	}
	code, text = edit(r.Hash, "17")
	require.Equal(t, http.StatusUnprocessableEntity, code, text)
	code, text = edit(r.Hash, `"better"`)
	require.Equal(t, http.StatusAccepted, code, text)
	code, text = edit(r.Hash, `"later"`)
	require.Equal(t, http.StatusConflict, code, text)
	r = get[ResultView](b, "/api/runs/Ten/result?step=scenes&item=one")
	require.Equal(t, "better", r.Text)
	require.True(t, r.Edited)

	code, text = b.post("/api/runs/Ten/resume", "{}")
	require.Equal(t, http.StatusAccepted, code, text)
	b.until("Ten", status(state.StatusCompleted))
	code, text = b.post("/api/runs/Ten/resume", "{}")
	require.Equal(t, http.StatusConflict, code, text)
	code, text = b.post("/api/runs/Ten/retry", "{}")
	require.Equal(t, http.StatusConflict, code, text)
}

// TestAnEditedCompleteRunCanBeResumed: a complete run offers to go on once something that a list of items or a gate is made from
// was edited, until that is done; an edit that nothing more follows from offers nothing.
func TestAnEditedCompleteRunCanBeResumed(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	plan := workflow.NewTask("plan", func(context.Context) ([]string, error) { return []string{"one", "two"}, nil })
	scenes := workflow.NewEach("scenes", plan.Result, func(s string) string { return s },
		func(_ context.Context, s string) (string, error) { return "on " + s, nil })
	first := workflow.NewEach("first", func(ctx context.Context) ([]string, error) {
		text, err := scenes.Result(ctx, "one")
		return []string{text}, err
	}, func(string) string { return "first" }, func(_ context.Context, s string) (string, error) { return s + "!", nil })
	all := workflow.NewEach("all", scenes.Results, func(s string) string { return s }, func(_ context.Context, s string) (string, error) { return s + ".", nil })
	end := workflow.NewTask("end", func(ctx context.Context) (string, error) {
		_, err := plan.Result(ctx)
		return "the end", err
	})
	p, err := workflow.New("book", plan, scenes, first, all, end)
	require.NoError(t, err)
	_, err = p.Run(t.Context(), "Ten", workflow.Config{Store: store})
	require.NoError(t, err)
	b := newBoard(t, Config{Store: store, Open: opener(p, store, &script{})})

	complete := func() {
		t.Helper()
		b.until("Ten", func(v RunView) bool {
			return v.Status == state.StatusCompleted && slices.Equal(v.Actions, []Action{ActionEdit})
		})
		code, text := b.post("/api/runs/Ten/resume", "{}")
		require.Equal(t, http.StatusConflict, code, text)
		require.Contains(t, text, "there is nothing to do")
	}
	complete()
	for _, c := range []struct {
		step, item, result string
		work               bool
	}{
		{"end", "", `"at last"`, false},
		{"all", "on one", `"mine"`, false},
		{"plan", "", `["one","two","three"]`, true},
		{"scenes", "two", `"on 2"`, true},
		{"scenes", "one", `"on 1"`, true},
	} {
		path := "/api/runs/Ten/result?step=" + c.step
		if c.item != "" {
			path += "&item=" + url.QueryEscape(c.item)
		}
		req := EditRequest{Step: c.step, Item: c.item, Replaces: get[ResultView](b, path).Hash, Result: json.RawMessage(c.result)}
		body, err := json.Marshal(req)
		require.NoError(t, err)
		code, text := b.post("/api/runs/Ten/edit", string(body))
		require.Equal(t, http.StatusAccepted, code, text)
		require.Contains(t, text, "items whose value it changed run again, which costs")
		if c.work {
			require.Equal(t, []Action{ActionResume, ActionEdit}, get[RunView](b, "/api/runs/Ten").Actions, c.step)
			code, text := b.post("/api/runs/Ten/resume", "{}")
			require.Equal(t, http.StatusAccepted, code, text)
		}
		complete()
	}
	require.Equal(t, 3, get[RunView](b, "/api/runs/Ten").Steps[1].Total)
}

// askedStore tells when something is asked of a run.
type askedStore struct {
	*memstore.Store
	ask func()
}

func (s *askedStore) Ask(ctx context.Context, run string, r state.Request) error {
	s.ask()
	return s.Store.Ask(ctx, run, r)
}

// TestTheFirstDecisionCounts: a second one is refused while the first waits to be taken in, whoever gave that, and however
// many are given at once; a decision about what was shown before is none about what is shown now.
func TestTheFirstDecisionCounts(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one")
	for _, name := range []string{"Ten", "Eleven"} {
		_, err := p.Run(t.Context(), name, workflow.Config{Store: store, Model: &script{}})
		require.ErrorIs(t, err, workflow.ErrWaiting)
	}
	asking := &askedStore{Store: store}
	b := newBoard(t, Config{Store: asking, Open: opener(p, store, &script{})})
	var free atomic.Int32 // how often another decision could have come between the look and this one
	asking.ask = func() {
		if b.deciding.TryLock() {
			b.deciding.Unlock()
			free.Add(1)
		}
	}
	hash := get[RunView](b, "/api/runs/Ten").Steps[1].Gate.Hash
	body := fmt.Sprintf(`{"step":"look","hash":%q}`, hash)
	require.NoError(t, store.Ask(t.Context(), "Ten", state.Request{Kind: state.AskReject, Step: "look", By: "bob", Hash: "of something else", Time: time.Unix(1, 0)}))
	require.NoError(t, store.Ask(t.Context(), "Ten", state.Request{Kind: state.AskApprove, Step: "look", By: "ann", Note: "fine", Time: time.Unix(2, 0)}))
	code, text := b.post("/api/runs/Ten/reject", body)
	require.Equal(t, http.StatusConflict, code, text)
	require.Contains(t, text, `somebody has decided already: the gate \"look\" is approved by ann`)
	require.NoError(t, store.Ask(t.Context(), "Ten", state.Request{Kind: state.AskReject, Step: "look", By: "eve", Time: time.Unix(3, 0)}))
	_, err := b.current(t.Context(), "Ten")
	require.NoError(t, err)
	v := get[RunView](b, "/api/runs/Ten")
	g := v.Steps[1].Gate
	require.Equal(t, []string{"approve", "ann", "fine"}, []string{g.Asked, g.AskedBy, g.AskedNote}, "not what was asked last")
	code, text = b.post("/api/runs/Ten/resume", "")
	require.Equal(t, http.StatusAccepted, code, text)
	b.until("Ten", status(state.StatusCompleted))

	answers := make(chan error)
	for _, kind := range []Action{ActionApprove, ActionReject, ActionApprove, ActionReject} {
		go func() {
			_, err := b.decide(t.Context(), "Eleven", kind, DecideRequest{Step: "look", Hash: hash}, "somebody")
			answers <- err
		}()
	}
	codes := map[int]int{}
	for range 4 {
		var refused *refusal
		if err := <-answers; errors.As(err, &refused) {
			codes[refused.status]++
		} else {
			require.NoError(t, err)
		}
	}
	require.Equal(t, map[int]int{http.StatusConflict: 3}, codes, "one was taken")
	require.Zero(t, free.Load())
}

// TestADecisionThatWaitsIsShown: until the run takes it in, the run says who has decided what and that going on is left to
// do, and nobody is asked for a decision any more.
func TestADecisionThatWaitsIsShown(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one")
	_, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: &script{}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	b := newBoard(t, Config{Store: store, Who: "ann", Open: opener(p, store, &script{})})
	v := get[RunView](b, "/api/runs/Ten")
	require.Contains(t, v.Reason, "waiting for a person")
	code, text := b.post("/api/runs/Ten/reject", fmt.Sprintf(`{"step":"look","hash":%q}`, v.Steps[1].Gate.Hash))
	require.Equal(t, http.StatusAccepted, code, text)
	v = get[RunView](b, "/api/runs/Ten")
	require.Equal(t, state.StatusWaiting, v.Status)
	require.Equal(t, "step look is rejected by ann; this is taken in when the run goes on", v.Reason)
	require.Equal(t, "resume the run", v.Hint)
	require.Equal(t, []Action{ActionResume, ActionEdit}, v.Actions)
	page := b.do(http.MethodGet, "/runs/Ten", "", nil).body
	require.Contains(t, page, "Rejected by <bdi>ann</bdi>")
	require.NotContains(t, page, `data-action="approve"`)
}

// TestABudgetIsRaisedFromTheDashboard: a run that is paused for its budget, or for that of a step, is not gone on with until
// the limit is enough; and is not offered to be where the program can't be told a new one.
func TestABudgetIsRaisedFromTheDashboard(t *testing.T) {
	t.Parallel()
	writer := workflow.Model("writer")
	step := func(name string) workflow.Step {
		return workflow.NewTask(name, func(ctx context.Context) (string, error) {
			return llms.GenerateFromSinglePrompt(ctx, writer, name, llms.WithMaxTokens(10))
		})
	}
	p, err := workflow.New("book", step("plan"), step("scene"))
	require.NoError(t, err)
	costs := func(_, _ string, u state.Usage) (int64, bool) { return u.Output * 1000, true } // an answer has 7 of 10 tokens
	for step, given := range map[string]workflow.Budget{
		"":      {Run: 10_000},
		"scene": {Steps: map[string]int64{"scene": 5_000}},
	} {
		store := memstore.New()
		open := func(ctx context.Context, o Opening) (*workflow.Run, error) {
			return p.Open(ctx, o.Run, workflow.Config{Store: store, Model: &script{}, Price: costs, Budget: o.Budget})
		}
		r, err := open(t.Context(), Opening{Run: "Ten", Budget: given})
		require.NoError(t, err)
		var budget *workflow.BudgetError
		require.ErrorAs(t, r.Start(t.Context()), &budget)
		require.Equal(t, step, budget.Step)
		b := newBoard(t, Config{Store: store, OpenWith: open})
		before := get[RunView](b, "/api/runs/Ten")
		require.Equal(t, budget.Limit, before.Short.Limit)
		require.Equal(t, step, before.Short.Step)
		require.Equal(t, budget.Enough(), before.Short.Enough)
		require.Contains(t, before.Actions, ActionResume)
		require.Contains(t, b.do(http.MethodGet, "/runs/Ten", "", nil).body, `data-budget="`+before.Short.Propose+`"`)
		for body, want := range map[string]int{
			"": http.StatusConflict, "{}": http.StatusConflict, `{"budget":"0.000001"}`: http.StatusConflict,
			`{"budget":"0"}`: http.StatusBadRequest, `{"budget":"1,5"}`: http.StatusBadRequest, `{"budget":"-1"}`: http.StatusBadRequest,
			`{"budget":"$5"}`: http.StatusBadRequest, `{"budget":"scene=5"}`: http.StatusBadRequest, `{"budget":5}`: http.StatusBadRequest,
		} {
			code, text := b.post("/api/runs/Ten/resume", body)
			require.Equal(t, want, code, "%s: %s", body, text)
			if want == http.StatusConflict {
				require.Contains(t, text, "resume it with a budget of "+state.Dollars(budget.Enough())+" or more, or none")
			}
		}
		require.Equal(t, before.Seq, get[RunView](b, "/api/runs/Ten").Seq, "no session was begun")

		mute := newBoard(t, Config{Store: store, Open: opener(p, store, &script{})})
		require.NotContains(t, get[RunView](mute, "/api/runs/Ten").Actions, ActionResume)
		code, text := mute.post("/api/runs/Ten/resume", `{"budget":"none"}`)
		require.Equal(t, http.StatusUnprocessableEntity, code, text)

		code, text = b.post("/api/runs/Ten/resume", `{"budget":"10.00"}`)
		require.Equal(t, http.StatusAccepted, code, text)
		v := b.until("Ten", status(state.StatusCompleted))
		require.EqualValues(t, 10_000_000, v.Budget[0].Limit)
		require.Equal(t, step, v.Budget[0].Step)
	}
}

// TestWhoChangesARunSeesTheChange: at once, however seldom the run is looked at.
func TestWhoChangesARunSeesTheChange(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one")
	run, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: &script{}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskApprove, Step: "look"}))
	require.NoError(t, run.Resume(t.Context()))
	b := newBoard(t, Config{Store: store, Open: opener(p, store, &script{}), Poll: time.Hour})
	const result = "/api/runs/Ten/result?step=scenes&item=one"
	for _, text := range []string{"better", "better still"} {
		body, err := json.Marshal(EditRequest{Step: "scenes", Item: "one", Replaces: get[ResultView](b, result).Hash, Result: json.RawMessage(`"` + text + `"`)})
		require.NoError(t, err)
		code, answer := b.post("/api/runs/Ten/edit", string(body))
		require.Equal(t, http.StatusAccepted, code, answer)
		require.Equal(t, text, get[ResultView](b, result).Text)
	}
}

// TestOnlyTheNamedItemIsTriedAgain: retry names one of two that failed.
func TestOnlyTheNamedItemIsTriedAgain(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	var mu sync.Mutex
	bad := map[string]bool{"one": true, "two": true}
	model := &script{fail: func(prompt string) error {
		mu.Lock()
		defer mu.Unlock()
		if bad[prompt] {
			return refuse(prompt)(prompt)
		}
		return nil
	}}
	p := book(t, "one", "two", "three")
	run, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: model})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskApprove, Step: "look"}))
	require.ErrorIs(t, run.Resume(t.Context()), workflow.ErrPartial)
	b := newBoard(t, Config{Store: store, Open: opener(p, store, model)})
	require.Equal(t, []Action{ActionResume, ActionRetry, ActionEdit}, get[RunView](b, "/api/runs/Ten").Actions)

	for body, want := range map[string]int{
		`{"items":["one"]}`:                     http.StatusBadRequest,
		`{"step":"nowhere"}`:                    http.StatusNotFound,
		`{"step":"plan"}`:                       http.StatusConflict,
		`{"step":"scenes","items":["three"]}`:   http.StatusConflict,
		`{"step":"scenes","items":["nowhere"]}`: http.StatusNotFound,
		`{"step":"scenes","more":1}`:            http.StatusBadRequest,
		`[]`:                                    http.StatusBadRequest,
	} {
		code, text := b.post("/api/runs/Ten/retry", body)
		require.Equal(t, want, code, "%s: %s", body, text)
	}
	mu.Lock()
	clear(bad)
	mu.Unlock()
	code, text := b.post("/api/runs/Ten/retry", `{"step":"scenes","items":["two"]}`)
	require.Equal(t, http.StatusAccepted, code, text)
	v := b.until("Ten", func(v RunView) bool { return v.Done == 2 && v.Status == state.StatusPartial })
	require.Equal(t, 1, v.Failed)
	require.Equal(t, "fcc", get[Grid](b, "/api/runs/Ten/grid?step=scenes").Cells)
}

// TestCloseCancelsWhatDoesNotPause: a call that hangs is cancelled when the time for closing is over, and the run is
// paused, not lost.
func TestCloseCancelsWhatDoesNotPause(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one")
	called := make(chan struct{}, 1)
	model := &script{wait: func(ctx context.Context, _ string) error {
		called <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	_, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: &script{fail: refuse("a plan")}})
	require.Error(t, err)

	d, err := New(Config{Store: store, Open: opener(p, store, model)})
	require.NoError(t, err)
	_, err = d.resume(t.Context(), "Ten", "", nil)
	require.NoError(t, err)
	<-called
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, d.Close(ctx))
	st, err := state.Load(t.Context(), store, "Ten")
	require.NoError(t, err)
	require.Equal(t, state.StatusPaused, st.Status)
	require.Contains(t, st.Reason, "closed")
	_, err = d.resume(t.Context(), "Ten", "", nil)
	require.ErrorIs(t, err, errClosed)
}

// TestSessionsAreBounded: one run more than allowed is refused for now.
func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	p := book(t, "one")
	called := make(chan struct{}, 8)
	model := &script{wait: func(ctx context.Context, _ string) error {
		called <- struct{}{}
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	for _, name := range []string{"A", "B"} {
		_, err := p.Run(t.Context(), name, workflow.Config{Store: store, Model: &script{fail: refuse("a plan")}})
		require.Error(t, err)
	}
	b := newBoard(t, Config{Store: store, Open: opener(p, store, model), MaxSessions: 1})
	code, text := b.post("/api/runs/A/resume", "")
	require.Equal(t, http.StatusAccepted, code, text)
	<-called
	r := b.do(http.MethodPost, "/api/runs/B/resume", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode, r.body)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, b.Close(ctx))
}
