package workflow_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// TestStoreFailureStopsWithoutPaying: wherever the journal fails, nothing is paid from then on but what was in flight,
// the error says so, and the next session goes on.
func TestStoreFailureStopsWithoutPaying(t *testing.T) {
	t.Parallel()
	var kinds sync.Map
	for n := 1; ; n++ {
		p, _, _ := book(t)
		r := &rig{t, memstore.New(), echo(t), workflow.Config{}, p}
		r.cfg = workflow.Config{Store: r.store, Params: params, Model: r.model, Concurrency: 2}
		r.store.CrashBefore(n)
		err := r.run()
		if !r.store.Crashed() {
			require.NoError(t, err)
			break
		}
		var recorded int
		if n > 1 {
			recorded = len(events[state.CallAnswered](r))
		}
		if err != nil { // nil only when the closing mark was lost
			require.ErrorIs(t, err, state.ErrJournalFailed, n)
			require.ErrorIs(t, err, memstore.ErrCrashed, n)
		}
		require.LessOrEqual(t, r.model.Calls(), recorded+2, "at most the calls in flight, before event %d", n)
		paid := r.model.Calls()
		r.store.Restart()
		require.NoError(t, r.run(), n)
		require.LessOrEqual(t, r.model.Calls(), 13+paid-recorded, n)
		require.Equal(t, 13, r.state().Usage.Calls, n)
		for e, err := range r.store.Events(t.Context(), "r", state.Query{}) {
			require.NoError(t, err)
			kinds.Store(e.Type, true)
		}
	}
	for _, kind := range []state.Type{
		state.TypeRunCreated, state.TypeSessionOpened, state.TypeStepStarted, state.TypeStepItems, state.TypeItemStarted, state.TypeCallSent,
		state.TypeCallAnswered, state.TypeDoCompleted, state.TypeItemCompleted, state.TypeStepCompleted, state.TypeRunStopped, state.TypeJournalMark,
	} {
		_, hit := kinds.Load(kind)
		require.True(t, hit, kind)
	}
}

// TestStoreFailureStopsWaits: an hour's wait of one item ends when another can't record its answer.
func TestStoreFailureStopsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Match: "k00", Err: class(resilience.Server)}, workflowtest.Answer{Text: "x", Delay: time.Minute}),
			many(2, workflow.Concurrency(2)))
		r.cfg.Model = chain{r.model, 5, time.Hour}
		time.AfterFunc(30*time.Second, func() { r.store.CrashBefore(1) })
		began := time.Now()
		require.ErrorIs(t, r.run(), state.ErrJournalFailed)
		require.Equal(t, time.Minute, time.Since(began))
		require.Equal(t, 2, r.model.Calls())
	})
}

func TestACallInFlightAtACrashIsInDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	r.store.CrashBefore(5) // created, opened, started, sent
	require.Error(t, r.run())
	require.Equal(t, 1, r.model.Calls())
	r.store.Restart()
	require.NoError(t, r.run())
	require.Equal(t, 1, r.state().Usage.InDoubt)
	require.Equal(t, 4, r.model.Calls())
	require.Equal(t, 3, r.state().Usage.Calls)
}

func TestObserversSeeEverythingOnceInOrder(t *testing.T) {
	t.Parallel()
	p, _, _ := book(t)
	r := &rig{t, memstore.New(), echo(t), workflow.Config{}, p}
	r.cfg = workflow.Config{Store: r.store, Params: params, Model: r.model, Concurrency: 3}
	r.store.CrashAfter(20, false)
	require.Error(t, r.run())
	r.store.Restart()
	history := r.state().Seq

	var quickly, slowly []state.Event
	panicked := 0
	hold := make(chan struct{})
	r.cfg.Observers = []state.Observer{
		func(e state.Event) { quickly = append(quickly, e) },
		func(e state.Event) {
			if e.Seq == history+3 {
				<-hold // until the run has ended
			}
			slowly = append(slowly, e)
		},
		func(state.Event) { panicked++; panic("an observer") },
	}
	var stopped atomic.Bool
	r.cfg.Export = func(context.Context) error {
		if st := r.state(); st.Step("whole").Status == state.StatusCompleted && stopped.CompareAndSwap(false, true) {
			close(hold)
		}
		return nil
	}
	require.NoError(t, r.run())
	require.Equal(t, 1, panicked)
	require.Equal(t, 1, r.warned("observer_panicked"))
	last := r.state().Seq
	for name, seen := range map[string][]state.Event{"quick": quickly, "slow": slowly} {
		require.Len(t, seen, int(last), name)
		for i, e := range seen {
			require.EqualValues(t, i+1, e.Seq, name)
			require.Equal(t, e.Seq <= history, e.History, name)
		}
	}
	require.Equal(t, 13, r.model.Calls())
}

func TestAnObserverThatHangsDoesNotFailTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, echo(t), abc(func() error { return nil }))
		release := make(chan struct{})
		r.cfg.Observers = []state.Observer{func(state.Event) { <-release }}
		require.NoError(t, r.run())
		close(release)
	})
}

// TestReplayedStateIsTheLiveState: at every event of a run with failures, refusals and a pause.
func TestReplayedStateIsTheLiveState(t *testing.T) {
	t.Parallel()
	prose := halfDone()
	r := newRig(t, k2FailsOnce(t), prose, workflow.NewParallel("both", bad("x", workflow.Optional()), half("y", workflow.Optional())))
	for range 2 {
		_ = r.run()
	}
	st := &state.WorkflowState{}
	for e, err := range r.store.Events(t.Context(), "r", state.Query{}) {
		require.NoError(t, err)
		require.NoError(t, st.Apply(e))
	}
	loaded, err := state.Load(t.Context(), r.store, "r")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%+v", st.Steps), fmt.Sprintf("%+v", loaded.Steps))
	require.Equal(t, st.Usage, loaded.Usage)
}
