package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// slow is a rig with n items that all ask at once and are answered after a minute, and once more after that.
func slow(t *testing.T, n int) *rig {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprint("k", i))
	}
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Text: "<$prompt>", Delay: time.Minute}),
		workflow.NewEach("e", func(context.Context) ([]string, error) { return items, nil }, key, func(ctx context.Context, k string) (string, error) {
			if _, err := ask(ctx, "first "+k); err != nil {
				return "", err
			}
			return ask(ctx, "second "+k)
		}, workflow.Concurrency(n)))
	r.cfg.Controller = controller.New()
	return r
}

func TestCallsInFlightFinishAndAreRecordedOnDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := slow(t, 3)
		began := time.Now()
		time.AfterFunc(10*time.Second, func() { r.cfg.Controller.Pause("enough") })
		require.ErrorIs(t, r.run(), workflow.ErrPaused)
		require.Equal(t, time.Minute, time.Since(began))
		require.Equal(t, 3, r.state().Usage.Calls)
		require.Len(t, events[state.PauseRequested](r), 1)
		require.NoError(t, r.again())
		require.Equal(t, 6, r.model.Calls())
		require.Equal(t, 3, r.state().Usage.Replayed)
	})
}

func TestSecondSignalCancelsCallsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := slow(t, 3)
		began := time.Now()
		time.AfterFunc(10*time.Second, func() { r.cfg.Controller.Pause("enough") })
		time.AfterFunc(20*time.Second, func() { r.cfg.Controller.Cancel("now") })
		require.ErrorIs(t, r.run(), workflow.ErrPaused)
		require.Equal(t, 20*time.Second, time.Since(began))
		st := r.state()
		require.Equal(t, state.StatusPaused, st.Status)
		require.Equal(t, "enough", st.Reason)
		require.Equal(t, 3, st.Usage.FailedCalls)
		require.Equal(t, 0, st.Usage.InDoubt, "each of them is known to have ended")
		require.Empty(t, events[state.AttemptFailed](r))
		require.Empty(t, events[state.ItemFailed](r))
		require.NoError(t, r.again())
		require.Equal(t, 9, r.model.Calls())
	})
}

func TestCancellationIsAPauseOnlyIfTheCauseSaysSo(t *testing.T) {
	t.Parallel()
	custom := errors.New("the server is going down")
	for name, c := range map[string]struct {
		cause  error
		status state.Status
	}{
		"plain":       {nil, state.StatusInterrupted},
		"other cause": {custom, state.StatusInterrupted},
		"paused":      {fmt.Errorf("maintenance: %w", workflow.ErrPaused), state.StatusPaused},
		"pause error": {&workflow.PauseError{Reason: "maintenance"}, state.StatusPaused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := slow(t, 2)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(c.cause) })
				_, err := r.p.Run(ctx, "r", r.cfg)
				require.Error(t, err)
				require.Equal(t, c.status == state.StatusPaused, errors.Is(err, workflow.ErrPaused))
				if c.cause != nil {
					require.ErrorContains(t, err, c.cause.Error())
				}
				require.Equal(t, c.status, r.state().Status)
				require.Equal(t, state.StatusPending, r.item("e", "k0"))
				require.Empty(t, events[state.ItemFailed](r))
				require.NoError(t, r.again())
			})
		})
	}
}

func TestACancelledCallThatIsSwallowedPoisons(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, workflow.NewTask("t", func(ctx context.Context) (string, error) {
		_, _ = ask(ctx, "a")
		return "made up", nil
	}))
	ctx, cancel := context.WithCancel(t.Context())
	r.cfg.Model = modelFunc(func(ctx context.Context, _ string) (string, error) {
		cancel()
		return "", context.Cause(ctx)
	})
	_, err := r.p.Run(ctx, "r", r.cfg)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, events[state.StepCompleted](r))
}

func TestPauseDuringWaitTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	setup := map[string]func(*rig){
		"of a chain": func(r *rig) { r.cfg.Model = chain{r.model, 3, time.Hour} },
		"between attempts": func(r *rig) {
			r.cfg.Policy.Rules = map[resilience.Class]resilience.Rule{resilience.Unknown: {Wait: time.Hour}}
		},
	}
	for name, prepare := range setup {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				failing := workflowtest.Answer{Err: class(resilience.Server), Times: 1}
				if name == "between attempts" {
					failing = workflowtest.Answer{Text: "x", Times: 1}
				}
				first := once()
				r := newRig(t, workflowtest.NewModel(t, failing, workflowtest.Answer{Text: "x"}), workflow.NewTask("t", func(ctx context.Context) (string, error) {
					text, err := ask(ctx, "a")
					if name == "between attempts" && first() {
						return "", errBoom
					}
					return text, err
				}))
				prepare(r)
				r.cfg.Controller = controller.New()
				began := time.Now()
				time.AfterFunc(time.Minute, func() {
					require.Len(t, r.state().Waits, 1, "a reader sees the wait")
					r.cfg.Controller.Pause("a test")
				})
				require.ErrorIs(t, r.run(), workflow.ErrPaused)
				require.Equal(t, time.Minute, time.Since(began))
				require.Equal(t, state.StatusPaused, r.state().Status)
				require.NoError(t, r.again())
				require.Equal(t, 2, r.model.Calls())
			})
		})
	}
}

func TestPauseRequestFileHonoured(t *testing.T) {
	t.Parallel()
	t.Run("memstore", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { pauseRequest(t, memstore.New()) })
	})
	t.Run("filestore", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			store, err := filestore.Open(dir)
			require.NoError(t, err)
			pauseRequest(t, store)
		})
	})
}

func pauseRequest(t *testing.T, store state.Store) {
	r := slow(t, 2)
	r.cfg.Store, r.cfg.Controller = store, nil
	run, err := r.p.Open(t.Context(), "r", r.cfg) // as another process has it
	require.NoError(t, err)
	require.ErrorIs(t, run.Ask(t.Context(), state.Request{Kind: state.AskPause}), state.ErrNotFound)
	time.AfterFunc(10*time.Second, func() {
		require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskPause, By: "somebody", Note: "lunch"}))
	})
	began := time.Now()
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.Equal(t, time.Minute, time.Since(began))
	st, err := run.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, "lunch (somebody)", st.Reason)
	left, err := store.(state.Inbox).Requests(t.Context(), "r")
	require.NoError(t, err)
	require.Empty(t, left, "removed once the pause is durable")
	require.ErrorIs(t, run.Ask(t.Context(), state.Request{Kind: state.AskPause}), workflow.ErrNotRunning)
	require.NoError(t, r.run())
}

func TestAskInTheSameProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := slow(t, 2)
		r.cfg.Controller = nil
		run, err := r.p.Open(t.Context(), "r", r.cfg)
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskPause})) })
		require.ErrorIs(t, run.Start(t.Context()), workflow.ErrPaused)
		require.Equal(t, "asked by a pause request", r.state().Reason)
	})
}

func TestStalePauseRequestSetAside(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server), Times: 1}, workflowtest.Answer{Text: "x"}), abc(func() error { return nil }))
	require.Error(t, r.run())
	require.NoError(t, r.store.Ask(t.Context(), "r", state.Request{Kind: state.AskPause}))
	require.NoError(t, r.run(), "nobody meant this session")
	require.Equal(t, 1, r.warned("stale_pause_request"))
	seq := r.state().Seq
	require.NoError(t, r.store.Ask(t.Context(), "r", state.Request{Kind: state.AskPause}))
	require.NoError(t, r.run())
	require.Equal(t, seq, r.state().Seq, "a complete run is left as it is")
}

type longWait struct{ until time.Time }

func (e longWait) Error() string        { return "come back later" }
func (e longWait) WaitUntil() time.Time { return e.until }

func TestLongWaitPausesUntil(t *testing.T) {
	t.Parallel()
	until := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "b", Err: longWait{until}, Times: 1}, workflowtest.Answer{Text: "x"}), abc(func() error { return nil }))
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrPaused)
	var pause *workflow.PauseError
	require.ErrorAs(t, err, &pause)
	require.Equal(t, until, pause.Until)
	st := r.state()
	require.Equal(t, state.StatusPaused, st.Status)
	require.Equal(t, until, st.Until)
	require.Equal(t, "come back later", st.Reason)
	require.NoError(t, r.run())
	require.Equal(t, "a | b | b | c", r.asked())
	require.True(t, r.state().Until.IsZero())
}
