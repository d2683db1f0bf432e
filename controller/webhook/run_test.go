package webhook_test

import (
	"context"
	"errors"
	"io"
	"log"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/controller/webhook"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

func newHook(t *testing.T, r *receiver) *webhook.Sender {
	t.Helper()
	hook, err := webhook.New(webhook.Config{URL: r.URL, Secret: secret})
	require.NoError(t, err)
	return hook
}

// price says what an answer of the writer costs; those to "two" have no price.
func price(_, _ string, u state.Usage) (int64, bool) { return 1000 * u.Output, u.Output != 0 }

// TestEveryNotification: each kind by a real run.
func TestEveryNotification(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(5 * time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		name   string
		model  []workflowtest.Answer
		more   []workflow.Step
		cancel bool // pause before the start
		budget workflow.Budget
		want   []webhook.Type
		check  func(*require.Assertions, webhook.Data) // of the last one
	}{
		{name: "completed", want: []webhook.Type{webhook.RunCompleted}, check: func(is *require.Assertions, d webhook.Data) {
			is.Equal(state.StatusCompleted, d.Status)
			is.Equal(100.0, d.Progress)
			is.Empty(d.Reason)
		}},
		{name: "failed", model: []workflowtest.Answer{{Match: "a list", Err: &resilience.Error{Class: resilience.Auth, Provider: "groq", Err: errors.New("SECRET")}}},
			want: []webhook.Type{webhook.RunFailed}, check: func(is *require.Assertions, d webhook.Data) {
				is.Equal("step list failed: auth (groq)", d.Reason)
				is.Equal([]string{"auth", "list", "groq"}, []string{d.Class, d.Step, d.Provider})
			}},
		{name: "failed by an error of the step's own", more: []workflow.Step{workflow.NewTask("last", func(context.Context) (int, error) { return 0, errors.New("SECRET") }, workflow.Attempts(1))},
			want: []webhook.Type{webhook.RunFailed}, check: func(is *require.Assertions, d webhook.Data) {
				is.Equal("step last failed: unknown", d.Reason)
				is.Equal(66.6, d.Progress)
			}},
		{name: "partial", model: []workflowtest.Answer{{Match: "two", Err: &resilience.Error{Class: resilience.ContentPolicy, Err: errors.New("SECRET")}}},
			want: []webhook.Type{webhook.RunPartial}, check: func(is *require.Assertions, d webhook.Data) {
				is.Equal("step prose: 1 of 2 items done, 1 failed", d.Reason)
				is.Equal(75.0, d.Progress)
			}},
		{name: "paused", cancel: true, want: []webhook.Type{webhook.RunPaused}, check: func(is *require.Assertions, d webhook.Data) {
			is.Equal("lunch", d.Reason)
		}},
		{name: "budget", budget: workflow.Budget{Run: 5}, want: []webhook.Type{webhook.RunBudget}, check: func(is *require.Assertions, d webhook.Data) {
			is.Equal("budget", d.Class)
			is.Equal(state.StatusPaused, d.Status)
			is.Contains(d.Reason, "the budget of the run, $0.000005")
			is.NotEmpty(d.Hint)
		}},
		{name: "waiting", more: []workflow.Step{workflow.NewGate("review", func(context.Context) (string, error) { return "SECRET", nil })},
			want: []webhook.Type{webhook.RunWaiting}, check: func(is *require.Assertions, d webhook.Data) {
				is.Equal("step review waits for a decision", d.Reason)
				is.Equal("review", d.Step)
				is.Equal(66.6, d.Progress)
			}},
		{name: "paused until", model: []workflowtest.Answer{{Match: "two", Err: longWait{until}}}, want: []webhook.Type{webhook.RunPaused}, check: func(is *require.Assertions, d webhook.Data) {
			is.Equal("no provider may be asked yet", d.Reason)
			is.Equal(until, d.Until)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t)
			hook := newHook(t, r)
			model := workflowtest.NewModel(t, append(c.model, workflowtest.Answer{Text: "yes"})...)
			cfg := workflow.Config{Store: memstore.New(), Model: model, Price: price, Budget: c.budget, Observers: []state.Observer{hook.Observe}, Controller: controller.New()}
			if c.cancel {
				cfg.Controller.Pause("lunch")
			}
			run, _ := pipeline(t, c.more...).Run(t.Context(), "monday", cfg)
			st, err := run.State(t.Context())
			require.NoError(t, err)
			require.NoError(t, closeHook(t, hook, 30*time.Second))
			var types []webhook.Type
			var last webhook.Notification
			for _, last = range r.all() {
				types = append(types, last.Type)
			}
			require.Equal(t, c.want, types)
			require.Equal(t, []string{"monday", st.RunID, "tides"}, []string{last.Data.Run, last.Data.RunID, last.Data.Pipeline})
			require.Equal(t, webhook.Cost{MicroUSD: st.Usage.Cost, Waste: st.Usage.WasteCost, Unpriced: st.Usage.Unpriced}, last.Data.Cost)
			require.NotContains(t, last.Data.Reason+last.Data.Hint, "SECRET")
			c.check(require.New(t), last.Data)
		})
	}
}

// longWait is the error of a chain that may ask nobody for a long time.
type longWait struct{ until time.Time }

func (longWait) Error() string          { return "SECRET" }
func (l longWait) WaitUntil() time.Time { return l.until }

func TestProviderIsLostInARun(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	hook := newHook(t, r)
	out := workflowtest.NewModel(t, workflowtest.Answer{Err: &resilience.Error{Class: resilience.Auth, Err: errors.New("SECRET")}})
	well := workflowtest.NewModel(t, workflowtest.Answer{Text: "It is what it is, and no more."})
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "first", Model: "m", LLM: out}, providers.Provider{Name: "second", LLM: well})
	require.NoError(t, err)
	_, err = pipeline(t).Run(t.Context(), "monday", workflow.Config{Store: memstore.New(), Model: chain, Observers: []state.Observer{hook.Observe}})
	require.NoError(t, err)
	require.NoError(t, closeHook(t, hook, 30*time.Second))
	got := r.all()
	require.Len(t, got, 2)
	require.Equal(t, webhook.ProviderLost, got[0].Type)
	require.Equal(t, "first m is out for this session: auth", got[0].Data.Reason)
	require.Equal(t, state.StatusRunning, got[0].Data.Status)
	require.Equal(t, webhook.RunCompleted, got[1].Type)
}

// TestGateBesideOtherWork: a person learns of a gate while the other steps of its Parallel still run, and once more when the run
// has stopped for it. Of a gate that opens when nothing else is left the stop alone tells: see TestEveryNotification.
func TestGateBesideOtherWork(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	hook := newHook(t, r)
	gate := workflow.NewGate("review", func(context.Context) (string, error) { return "SECRET", nil })
	long := workflow.NewTask("long", func(ctx context.Context) (int, error) { // until the person was told
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for len(r.all()) == 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		return 1, nil
	})
	cfg := workflow.Config{Store: memstore.New(), Model: workflowtest.NewModel(t, workflowtest.Answer{Text: "yes"}), Observers: []state.Observer{hook.Observe}}
	_, err := pipeline(t, workflow.NewParallel("both", gate, long)).Run(t.Context(), "monday", cfg)
	require.ErrorIs(t, err, workflow.ErrWaiting)
	require.NoError(t, closeHook(t, hook, 30*time.Second))
	got := r.all()
	require.Len(t, got, 2)
	require.Equal(t, webhook.GateOpened, got[0].Type)
	require.Equal(t, state.StatusRunning, got[0].Data.Status)
	require.Equal(t, []string{"review", "step review waits for a decision"}, []string{got[0].Data.Step, got[0].Data.Reason})
	require.Equal(t, webhook.RunWaiting, got[1].Type)
}

// TestSessionsOfARun: each session tells its own end, under an id of its own, and none tells an earlier one's again.
func TestSessionsOfARun(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	store := memstore.New()
	model := workflowtest.NewModel(t, workflowtest.Answer{Text: "yes"})
	for range 2 {
		hook := newHook(t, r) // as in a process of its own
		cfg := workflow.Config{Store: store, Model: model, Observers: []state.Observer{hook.Observe}, Controller: controller.New()}
		cfg.Controller.Pause("lunch")
		_, err := pipeline(t).Run(t.Context(), "monday", cfg)
		require.ErrorIs(t, err, workflow.ErrPaused)
		require.NoError(t, closeHook(t, hook, 30*time.Second))
	}
	hook := newHook(t, r)
	cfg := workflow.Config{Store: store, Model: model, Observers: []state.Observer{hook.Observe}}
	for range 2 { // the second time there is nothing to do
		_, err := pipeline(t).Run(t.Context(), "monday", cfg)
		require.NoError(t, err)
	}
	require.NoError(t, closeHook(t, hook, 30*time.Second))
	var types []webhook.Type
	ids := map[string]bool{}
	for _, n := range r.all() {
		types = append(types, n.Type)
		ids[n.ID] = true
	}
	require.Equal(t, []webhook.Type{webhook.RunPaused, webhook.RunPaused, webhook.RunCompleted}, types)
	require.Len(t, ids, 3)
}

// TestSeveralAddresses: one that hangs keeps nothing from another.
func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	good := newHook(t, r)
	bad, err := webhook.New(webhook.Config{URL: "http://127.0.0.1:1/", Backoff: time.Hour})
	require.NoError(t, err)
	_, err = pipeline(t).Run(t.Context(), "monday", workflow.Config{Store: memstore.New(),
		Model: workflowtest.NewModel(t, workflowtest.Answer{Text: "yes"}), Observers: []state.Observer{webhook.Observer(bad, good)}})
	require.NoError(t, err)
	require.NoError(t, closeHook(t, good, 30*time.Second))
	require.Len(t, r.all(), 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, bad.Close(ctx))
}
