package workflow_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

func zero(context.Context) (int, error) { return 0, nil }

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := workflow.New("bad name",
		workflow.NewTask("t", zero, workflow.Concurrency(2), workflow.Attempts(0)), workflow.NewTask("t", zero), nil, workflow.NewTask[int]("nil", nil),
		workflow.NewEach("e", k1k2, key, askTwice, workflow.Lane(func(int) string { return "" }), workflow.Timeout(-1)),
		workflow.NewParallel("p", workflow.NewTask("in/side", zero)))
	for _, want := range []string{`"bad name"`, "used twice", "is nil", "Concurrency is an option for an each", "Attempts(0)", "Lane is for items of type int", "Timeout(-1ns)", `"in/side"`} {
		require.ErrorContains(t, err, want)
	}
	_, err = workflow.New("p")
	require.ErrorContains(t, err, "no steps")
}

func TestStartExistsResumeNotFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	run, err := r.p.Open(t.Context(), "r", r.cfg)
	require.NoError(t, err)
	require.ErrorIs(t, run.Resume(t.Context()), state.ErrNotFound)
	_, err = run.State(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	require.NoError(t, run.Start(t.Context()))
	require.ErrorIs(t, run.Start(t.Context()), state.ErrExists)
	require.NoError(t, run.Resume(t.Context()))
	require.Equal(t, 3, r.model.Calls())
	_, err = r.p.Open(t.Context(), "../r", r.cfg)
	require.ErrorIs(t, err, state.ErrName)
}

func TestARunIsHeldByOne(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	r := newRig(t, echo(t), workflow.NewTask("t", func(context.Context) (int, error) {
		close(begun)
		<-goOn
		return 0, nil
	}))
	done := make(chan error)
	go func() { done <- r.run() }()
	<-begun
	require.ErrorIs(t, r.run(), state.ErrLocked)
	require.Equal(t, state.StatusRunning, r.state().Status)
	require.Eventually(t, func() bool { return r.state().Current() == "t" }, time.Minute, time.Millisecond)
	close(goOn)
	require.NoError(t, <-done)
}

func TestPipelineChanged(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(ctx context.Context) (string, error) { return ask(ctx, "plan") })
	r := newRig(t, echo(t), plan, workflow.NewTask("gone", zero))
	require.NoError(t, r.run())
	p, err := workflow.New("p", workflow.NewTask("new", func(ctx context.Context) (string, error) { return ask(ctx, "new") }), plan)
	require.NoError(t, err)
	r.p = p
	require.NoError(t, r.run())
	require.Equal(t, "plan | new", r.asked())
	change := events[state.PipelineChanged](r)
	require.Len(t, change, 1)
	require.Equal(t, [][]string{{"new"}, {"gone"}}, [][]string{change[0].Added, change[0].Removed})
	seq := r.state().Seq
	require.NoError(t, r.run())
	require.Equal(t, seq, r.state().Seq)
}

func TestOtherPipelineRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	require.NoError(t, r.run())
	seq := r.state().Seq
	other, err := workflow.New("other", abc(func() error { return nil }))
	require.NoError(t, err)
	_, err = other.Run(t.Context(), "r", r.cfg)
	require.ErrorContains(t, err, `belongs to pipeline "p", not to "other"`)
	require.Equal(t, seq, r.state().Seq)
}

func TestSessionSettingsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: class(resilience.Server), Times: 2}, workflowtest.Answer{Text: "x"}), abc(func() error { return nil }))
	r.cfg.Settings = map[string]string{"provider": "offline"}
	require.Error(t, r.run())
	r.cfg.Settings = nil
	require.Error(t, r.run())
	require.Equal(t, "offline", r.state().Session.Settings["provider"])
	r.cfg.Settings = map[string]string{"provider": "other"}
	require.NoError(t, r.run())
	require.Equal(t, "other", r.state().Session.Settings["provider"])
}

func TestExportErrorIsAWarning(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(context.Context) (string, error) { return "text", nil })
	r := newRig(t, echo(t), plan, workflow.NewTask("next", zero))
	var got []string
	r.cfg.Export = func(ctx context.Context) error {
		text, err := plan.Result(ctx)
		got = append(got, text)
		if _, err := ask(ctx, "from an exporter"); err == nil {
			t.Error("an exporter may not call")
		}
		if len(got) == 1 {
			panic("disk full")
		}
		return fmt.Errorf("disk full: %w", err)
	}
	require.NoError(t, r.run())
	require.Equal(t, []string{"text", "text", "text"}, got, "after each step and at the end")
	require.Equal(t, 3, r.warned("export_failed"))
	require.Equal(t, state.StatusCompleted, r.state().Status)
	seq := r.state().Seq
	require.NoError(t, r.run())
	require.Len(t, got, 4, "products are written anew for a complete run")
	require.Equal(t, seq, r.state().Seq)
}

func TestRolesChooseTheModel(t *testing.T) {
	t.Parallel()
	other := echo(t)
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (string, error) {
		if _, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("critic"), "a"); err != nil {
			return "", err
		}
		return ask(ctx, "b")
	}))
	r.cfg.Roles = map[string]llms.Model{"critic": other}
	require.NoError(t, r.run())
	require.Equal(t, "a", other.Requests()[0])
	require.Equal(t, "b", r.asked())

	r = newRig(t, nil, abc(func() error { return nil }))
	r.cfg.Model = nil
	require.ErrorContains(t, r.run(), `set Config.Model, or Config.Roles["writer"]`)
	require.Len(t, events[state.AttemptFailed](r), 1)
}

func Test50ConcurrentRunsInOneProcess(t *testing.T) {
	t.Parallel()
	p, prose, whole := book(t)
	store := memstore.New()
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			genre := fmt.Sprintf("genre %d", i)
			cfg := workflow.Config{Store: store, Model: echo(t), Concurrency: 3, Params: struct {
				Genre string `json:"genre"`
			}{genre}}
			run, err := p.Run(t.Context(), fmt.Sprint("run-", i), cfg)
			if !(assertNoError(t, err)) {
				return
			}
			texts, err := prose.Results(run.Context(t.Context()))
			all, err2 := whole.Result(run.Context(t.Context()))
			if assertNoError(t, err) && assertNoError(t, err2) && all != fmt.Sprint(texts) {
				t.Errorf("run %d is mixed with another", i)
			}
			st, err := run.State(t.Context())
			if assertNoError(t, err) && st.Usage.Calls != 13 {
				t.Errorf("run %d: %d calls", i, st.Usage.Calls)
			}
			for e, err := range store.Events(t.Context(), run.Name(), state.Query{}) {
				if d, ok := e.Data.(state.StepCompleted); assertNoError(t, err) && ok && e.Step == "plan" {
					want := fmt.Sprintf("\"<improve: <plan a %s>>\"", genre)
					if string(d.Result) != want {
						t.Errorf("run %d: %s", i, d.Result)
					}
				}
			}
		})
	}
	group.Wait()
}

func assertNoError(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

func TestConfigNowIsTheClockOfEvents(t *testing.T) {
	t.Parallel()
	at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	var now time.Time
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) { now = workflow.Now(ctx); return 0, nil }))
	r.cfg.Now = func() time.Time { return at }
	require.NoError(t, r.run())
	require.Equal(t, at, now)
	require.Equal(t, at, r.state().Finished)
}
