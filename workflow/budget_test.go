package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow"
)

// bank is a model that keeps its own account of what it has answered: what a provider's invoice would say.
type bank struct {
	answer func(prompt string, limit int) (in, out int) // tokens; nil: what was asked, and the limit
	gate   func(ctx context.Context, prompt string) error

	mu     sync.Mutex // guards the fields below
	billed int64
	calls  map[string]int // prompt → requests
	flying int
	most   int
}

// The prices of a token.
const (
	inPrice  = 2
	outPrice = 10
)

func priceOf(_, _ string, u state.Usage) (int64, bool) {
	return u.Input*inPrice + u.Output*outPrice, true
}

func (b *bank) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, b, prompt, options...)
}

func (b *bank) GenerateContent(ctx context.Context, msgs []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	prompt := fmt.Sprint(msgs[len(msgs)-1].Parts[0])
	limit := resilience.ApplyOptions(options).MaxTokens
	in, out := len(prompt), limit
	if b.answer != nil {
		in, out = b.answer(prompt, limit)
	}
	b.mu.Lock()
	if b.calls == nil {
		b.calls = map[string]int{}
	}
	b.calls[prompt]++
	b.billed += int64(in)*inPrice + int64(out)*outPrice
	b.flying++
	b.most = max(b.most, b.flying)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.flying--
		b.mu.Unlock()
	}()
	if b.gate != nil {
		if err := b.gate(ctx, prompt); err != nil {
			return nil, err
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{
		Content: "<" + prompt + ">", StopReason: "stop", GenerationInfo: map[string]any{"PromptTokens": in, "CompletionTokens": out},
	}}}, nil
}

func (b *bank) sum() (billed int64, calls int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.calls {
		calls += n
	}
	return b.billed, calls
}

// short asks for an answer of at most 100 tokens.
func short(ctx context.Context, prompt string) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, workflow.Model(""), prompt, llms.WithMaxTokens(100))
}

// reservation is what a call of short reserves.
func reservation(prompt string) int64 {
	msgs := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, prompt)}
	return inPrice*resilience.PromptBound(context.Background(), msgs, nil) + outPrice*100
}

// asking is an Each that makes some calls for each of n items.
func asking(name string, n, calls int, opts ...workflow.StepOption) workflow.Step {
	items := func(context.Context) ([]int, error) {
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		return list, nil
	}
	return workflow.NewEach(name, items, func(i int) string { return fmt.Sprint(i) }, func(ctx context.Context, i int) (string, error) {
		var all []string
		for c := range calls {
			text, err := short(ctx, fmt.Sprintf("%s %d.%d", name, i, c))
			if err != nil {
				return "", err
			}
			all = append(all, text)
		}
		return strings.Join(all, " "), nil
	}, opts...)
}

// budgetRig is a run whose calls have a price.
func budgetRig(t testing.TB, b *bank, steps ...workflow.Step) *rig {
	t.Helper()
	r := newRig(t, nil, steps...)
	r.cfg.Model, r.cfg.Price = b, priceOf
	return r
}

func (r *rig) budgetError(err error) *workflow.BudgetError {
	r.Helper()
	require.ErrorIs(r, err, workflow.ErrPaused)
	var why *workflow.BudgetError
	require.ErrorAs(r, err, &why)
	return why
}

func TestBudgetPausesAndGoesOn(t *testing.T) {
	t.Parallel()
	b := &bank{}
	r := budgetRig(t, b, asking("prose", 4, 1))
	one := reservation("prose 0.0")
	cost := int64(len("prose 0.0"))*inPrice + 100*outPrice
	r.cfg.Budget = workflow.Budget{Run: cost + one} // the second call just fits, the third does not
	why := r.budgetError(r.run())
	require.Equal(t, &workflow.BudgetError{Limit: cost + one, Spent: 2 * cost, Needed: one}, why)
	require.EqualValues(t, 3*cost/10_000*10_000, (why.Spent+why.Needed)/10_000*10_000)
	st := r.state()
	require.Equal(t, state.StatusPaused, st.Status)
	require.Equal(t, workflow.BudgetClass, st.Class)
	require.Contains(t, st.Reason, "the budget of the run")
	require.Contains(t, st.Hint, state.Dollars(why.Enough()))
	require.Equal(t, &state.Short{Enough: why.Enough()}, st.Short)
	require.Equal(t, 2, st.Step("prose").Items.Done)
	require.Zero(t, st.Step("prose").Items.Failed)
	require.Equal(t, 2*cost, st.Usage.Cost)
	require.Zero(t, st.Usage.WasteCost)
	require.Empty(t, st.InFlight())
	for _, sent := range events[state.CallSent](r) {
		require.Equal(t, one, *sent.Reserved)
	}

	r.cfg.Budget = workflow.Budget{} // the run's own stays
	require.Equal(t, why, r.budgetError(r.run()))
	require.Equal(t, map[string]int64{"": cost + one}, events[state.RunCreated](r)[0].Budget)
	require.Empty(t, events[state.RunBudget](r))
	require.Equal(t, cost+one, events[state.SessionOpened](r)[1].Budget)

	r.cfg.Budget.Run = 3*cost + one
	require.NoError(t, r.run())
	require.Equal(t, []state.RunBudget{{Limit: 3*cost + one}}, events[state.RunBudget](r))
	billed, calls := b.sum()
	require.Equal(t, 4, calls, "nothing was paid twice")
	require.Equal(t, billed, r.state().Usage.Cost)

	seq := r.state().Seq
	r.cfg.Budget.Run = 9
	require.NoError(t, r.run())
	require.Equal(t, seq, r.state().Seq, "a complete run is left as it is")
}

func TestBudgetLifted(t *testing.T) {
	t.Parallel()
	r := budgetRig(t, &bank{}, asking("prose", 3, 1))
	r.cfg.Budget = workflow.Budget{Run: 1, Steps: map[string]int64{"prose": 2}}
	require.Zero(t, r.budgetError(r.run()).Spent)
	require.Equal(t, map[string]int64{"": 1, "prose": 2}, r.state().Budget)
	r.cfg.Budget = workflow.Budget{Run: -1}
	require.Equal(t, "prose", r.budgetError(r.run()).Step)
	r.cfg.Budget = workflow.Budget{Run: -1, Steps: map[string]int64{"prose": -5}}
	require.NoError(t, r.run())
	require.Empty(t, r.state().Budget)
	require.Len(t, events[state.RunBudget](r), 2, "what changes nothing is not recorded")
}

func TestBudgetOfStepsAndParallels(t *testing.T) {
	t.Parallel()
	b := &bank{}
	both := workflow.NewParallel("both", asking("left", 3, 1), asking("right", 3, 1))
	r := budgetRig(t, b, asking("plan", 3, 1), both)
	cost := int64(len("plan 0.0"))*inPrice + 100*outPrice
	r.cfg.Budget.Steps = map[string]int64{"plan": cost + reservation("plan 0.0")}
	why := r.budgetError(r.run())
	require.Equal(t, "plan", why.Step)
	require.Equal(t, 2*cost, r.state().Usage.Cost)

	r.cfg.Budget.Steps = map[string]int64{"plan": 1 << 40, "both": 2 * reservation("right 0.0")}
	why = r.budgetError(r.run())
	require.Equal(t, "both", why.Step, "a Parallel's limit is that of its children together")
	st := r.state()
	require.LessOrEqual(t, st.Step("left").Usage.Cost+st.Step("right").Usage.Cost, 2*reservation("right 0.0"))
	require.Contains(t, why.Error(), "step both")

	r.cfg.Budget.Steps = map[string]int64{"both": 1 << 40}
	require.NoError(t, r.run())
	_, calls := b.sum()
	require.Equal(t, 9, calls)
}

func TestBudgetOfAStepThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := budgetRig(t, &bank{}, asking("prose", 1, 1))
	r.cfg.Budget.Steps = map[string]int64{"prosa": 5}
	require.ErrorContains(t, r.run(), `no step "prosa"`)
	_, err := r.store.Head(t.Context(), "r")
	require.ErrorIs(t, err, state.ErrNotFound, "nothing was begun")
}

// TestBudgetRefusesTheUnknown: without a price, or without an end, a call is not made; the error says what the choices are.
func TestBudgetRefusesTheUnknown(t *testing.T) {
	t.Parallel()
	endless := workflow.NewTask("prose", func(ctx context.Context) (string, error) { return ask(ctx, "on and on") })
	for name, c := range map[string]struct {
		step  workflow.Step
		price func(string, string, state.Usage) (int64, bool)
		want  workflow.BudgetError
		text  string
	}{
		"no prices":      {asking("prose", 2, 1), nil, workflow.BudgetError{Limit: 1 << 40, Unpriced: true}, "price"},
		"no price":       {asking("prose", 2, 1), func(string, string, state.Usage) (int64, bool) { return 0, false }, workflow.BudgetError{Limit: 1 << 40, Unpriced: true}, "--"},
		"no length":      {endless, priceOf, workflow.BudgetError{Limit: 1 << 40, Unbounded: true}, "WithMaxTokens"},
		"free, endless":  {endless, func(string, string, state.Usage) (int64, bool) { return 0, true }, workflow.BudgetError{}, ""},
		"known and long": {asking("prose", 2, 1), priceOf, workflow.BudgetError{}, ""},
	} {
		b := &bank{answer: func(string, int) (int, int) { return 1, 1 }}
		r := budgetRig(t, b, c.step)
		r.cfg.Price, r.cfg.Budget.Run = c.price, 1<<40
		err := r.run()
		if c.text == "" {
			require.NoError(t, err, name)
			continue
		}
		why := r.budgetError(err)
		require.Equal(t, c.want, *why, name)
		require.Zero(t, why.Enough(), name)
		require.Contains(t, why.Hint(), strings.Trim(c.text, "-"), name)
		require.Contains(t, r.state().Hint, "lift the budget", name)
		_, calls := b.sum()
		require.Zero(t, calls, name)
		r.cfg.Budget.Run = -1
		require.NoError(t, r.run(), name)
		require.Zero(t, r.state().Usage.Cost-b.billed*int64(1-min(1, r.state().Usage.Unpriced)), name)
	}
}

// TestBudgetWaitsForWhatIsInFlight: a call that does not fit beside another one waits until that one is settled.
func TestBudgetWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := &bank{
			answer: func(prompt string, _ int) (int, int) { return len(prompt), 1 },
			gate:   func(context.Context, string) error { <-release; return nil },
		}
		r := budgetRig(t, b, asking("prose", 5, 1))
		r.cfg.Concurrency = 5
		r.cfg.Budget.Run = 2*reservation("prose 0.0") + 200 // two at a time; what is left over is enough for all
		done := make(chan error, 1)
		go func() { done <- r.run() }()
		for left := 5; left > 0; left-- {
			synctest.Wait()
			b.mu.Lock()
			require.Equal(t, min(2, left), b.flying)
			b.mu.Unlock()
			require.Len(t, r.state().InFlight(), min(2, left))
			release <- struct{}{}
		}
		require.NoError(t, <-done)
		require.Equal(t, 2, b.most)
	})
}

// TestBudgetWaitEnds by a pause and by a cancellation, and by the answer that leaves too little: then the run pauses.
func TestBudgetWaitEnds(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"pause", "cancel", "spent"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				b := &bank{gate: func(context.Context, string) error { <-release; return nil }}
				r := budgetRig(t, b, asking("prose", 3, 1))
				ctrl := controller.New()
				defer func() { _ = ctrl.Close() }()
				r.cfg.Concurrency, r.cfg.Controller = 3, ctrl
				r.cfg.Budget.Run = reservation("prose 0.0") + 500
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() {
					_, err := r.p.Run(ctx, "r", r.cfg)
					done <- err
				}()
				synctest.Wait()
				require.Equal(t, 1, b.flying)
				switch how {
				case "pause":
					ctrl.Pause("lunch")
				case "cancel":
					cancel()
				}
				synctest.Wait()
				release <- struct{}{}
				err := <-done
				_, calls := b.sum()
				require.Equal(t, 1, calls)
				var why *workflow.BudgetError
				require.Equal(t, how == "spent", errors.As(err, &why), "%v", err)
				require.Equal(t, 1, r.state().Step("prose").Items.Done+r.state().Usage.FailedCalls, "what was in flight is kept")
			})
		})
	}
}

// TestBudgetOfACallInsideACall: a streaming function that makes a call of its own does not wait for the call around it.
func TestBudgetOfACallInsideACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bank{answer: func(string, int) (int, int) { return 1, 1 }}
		nested := func(ctx context.Context) (string, error) {
			stream := llms.WithStreamingFunc(func(ctx context.Context, _ []byte) error {
				_, err := short(ctx, "inside")
				return err
			})
			return llms.GenerateFromSinglePrompt(ctx, workflow.Model("outer"), "outside", llms.WithMaxTokens(100), stream)
		}
		r := budgetRig(t, b, workflow.NewTask("prose", nested))
		r.cfg.Roles = map[string]llms.Model{"outer": streaming{b}}
		r.cfg.Budget.Run = reservation("outside") + reservation("inside") - 1
		why := r.budgetError(r.run())
		require.Zero(t, why.Spent)
		r.cfg.Budget.Run++
		r.cfg.Budget.Run += reservation("outside") // the first one's end nobody saw
		require.NoError(t, r.run())
	})
}

// streaming calls the streaming function before it answers.
type streaming struct{ *bank }

func (s streaming) GenerateContent(ctx context.Context, msgs []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if err := resilience.ApplyOptions(options).StreamingFunc(ctx, []byte("x")); err != nil {
		return nil, err
	}
	return s.bank.GenerateContent(ctx, msgs, options...)
}

// TestBudgetIsNeverExceeded: many items at once, with answers of random length and speed, some of which fail: the invoice is
// never above the limit, and what the run says that it spent is never below the invoice. With larger limits the run comes to
// its end, and no answer was paid twice.
func TestBudgetIsNeverExceeded(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	for i := range sizes.Get().BudgetRuns {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			var mu sync.Mutex // guards rng
			n := func(most int) int {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(most)
			}
			b := &bank{
				answer: func(prompt string, limit int) (int, int) { return 1 + n(len(prompt)), n(limit + 1) },
				gate: func(ctx context.Context, _ string) error {
					timer := time.NewTimer(time.Duration(n(1000)) * time.Millisecond)
					defer timer.Stop()
					select {
					case <-timer.C:
					case <-ctx.Done():
						return ctx.Err()
					}
					if n(10) == 0 {
						return class(resilience.Timeout) // billed all the same
					}
					return nil
				},
			}
			r := budgetRig(t, b, asking("prose", 24, 3, workflow.Concurrency(16)))
			r.cfg.Model = chain{b, 20, 0}
			limit := int64(20_000)
			for session := 1; ; session++ {
				r.cfg.Budget.Run = limit
				err := r.run()
				billed, calls := b.sum()
				st := r.state()
				require.LessOrEqual(t, billed, limit, "DOGEAR_SEED=%d, run %d, session %d", seed, i, session)
				require.LessOrEqual(t, st.Usage.Cost, limit, "DOGEAR_SEED=%d, run %d, session %d", seed, i, session)
				require.GreaterOrEqual(t, st.Usage.Cost, billed)
				require.Empty(t, st.InFlight())
				require.Equal(t, calls, st.Usage.Calls+st.Usage.FailedCalls)
				require.Equal(t, st.Usage.DoubtCost, st.Usage.WasteCost, "what timed out, and nothing else")
				require.Equal(t, st.Usage.FailedCalls > 0, st.Usage.WasteCost > 0)
				if err == nil {
					require.Equal(t, 72, st.Usage.Calls)
					require.Greater(t, b.most, 8)
					break
				}
				why := r.budgetError(err)
				require.Greater(t, why.Spent+why.Needed, limit)
				limit += 20_000
			}
		})
	}
}

// TestBudgetSurvivesCrashes: wherever the process dies, what it sent counts. The invoice stays within the limit, and with a
// larger one the run comes to the same end, without an answer that is paid twice.
func TestBudgetSurvivesCrashes(t *testing.T) {
	t.Parallel()
	b := &bank{}
	whole := budgetRig(t, b, asking("prose", 4, 2))
	require.NoError(t, whole.run())
	want := results(whole)
	limit := b.billed - 500 // the last call does not fit
	for at := 1; ; at++ {
		crashed := false
		for how, crash := range map[string]func(*memstore.Store, int){
			"before":    func(s *memstore.Store, n int) { s.CrashBefore(n) },
			"after":     func(s *memstore.Store, n int) { s.CrashAfter(n, false) },
			"power cut": func(s *memstore.Store, n int) { s.CrashAfter(n, true) },
		} {
			where := fmt.Sprintf("event %d, %s", at, how)
			b := &bank{}
			r := budgetRig(t, b, asking("prose", 4, 2))
			r.cfg.Concurrency, r.cfg.Budget.Run = 2, limit
			crash(r.store, at)
			require.Error(t, r.run(), where)
			crashed = crashed || r.store.Crashed()
			r.store.Restart()
			for range 2 {
				why := r.budgetError(r.run())
				require.Equal(t, limit, why.Limit, where)
				billed, _ := b.sum()
				require.LessOrEqual(t, billed, limit, where)
				require.GreaterOrEqual(t, r.state().Usage.Cost, billed, where)
				require.LessOrEqual(t, r.state().Usage.Cost, limit, where)
				r.cfg.Budget.Run = 0 // what is recorded counts
			}
			r.cfg.Budget.Run = 2 * limit
			require.NoError(t, r.run(), where)
			st := r.state()
			billed, calls := b.sum()
			require.Equal(t, want, results(r), where)
			require.GreaterOrEqual(t, st.Usage.Calls+st.Usage.InDoubt, calls, "%s: each request is answered or in doubt", where)
			require.Equal(t, 8, st.Usage.Calls, where)
			require.GreaterOrEqual(t, st.Usage.Cost, billed, where)
		}
		if !crashed {
			require.Greater(t, at, 20)
			return
		}
	}
}

func results(r *rig) map[string]string {
	all := map[string]string{}
	for e, err := range r.store.Events(r.Context(), "r", state.Query{}) {
		require.NoError(r, err)
		if done, ok := e.Data.(state.ItemCompleted); ok {
			all[e.Item] = string(done.Result)
		}
	}
	return all
}

// TestBudgetToldWhenItWasExceeded: an answer that is longer than what was asked for counts, and the user is told.
func TestBudgetToldWhenItWasExceeded(t *testing.T) {
	t.Parallel()
	b := &bank{answer: func(string, int) (int, int) { return 5, 5000 }}
	r := budgetRig(t, b, asking("prose", 3, 1))
	r.cfg.Budget.Run = reservation("prose 0.0") + 1
	why := r.budgetError(r.run())
	require.EqualValues(t, 50_010, why.Spent)
	require.Equal(t, 1, r.warned("budget_exceeded"))
	_, calls := b.sum()
	require.Equal(t, 1, calls)
}

// TestBudgetCountsWhatIsNotTold: an answer without token counts counts at what was reserved for it.
func TestBudgetCountsWhatIsNotTold(t *testing.T) {
	t.Parallel()
	b := &bank{answer: func(string, int) (int, int) { return 0, 0 }}
	r := budgetRig(t, b, asking("prose", 1, 1))
	r.cfg.Budget.Run = 1 << 40
	require.NoError(t, r.run())
	u := r.state().Usage
	one := reservation("prose 0.0")
	require.Equal(t, state.Totals{Calls: 1, Cost: one, DoubtCost: one, Uncounted: 1}, u)
}

// A new run whose process dies behind its very first event has its limit all the same.
func TestBudgetOfARunThatDiedAtOnce(t *testing.T) {
	t.Parallel()
	b := &bank{}
	r := budgetRig(t, b, asking("prose", 2, 1))
	r.cfg.Budget = workflow.Budget{Run: 1, Steps: map[string]int64{"prose": 2}}
	r.store.CrashAfter(1, false)
	require.Error(t, r.run())
	require.True(t, r.store.Crashed())
	r.store.Restart()
	r.cfg.Budget = workflow.Budget{}
	require.EqualValues(t, 1, r.budgetError(r.run()).Limit)
	require.Equal(t, map[string]int64{"": 1, "prose": 2}, r.state().Budget)
	_, calls := b.sum()
	require.Zero(t, calls)
}
