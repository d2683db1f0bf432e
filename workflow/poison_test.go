package workflow_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// pausing is a rig whose controller asks for a pause while the request "pause" is in flight.
func pausing(t *testing.T, steps ...workflow.Step) *rig {
	r := newRig(t, echo(t), steps...)
	ctrl := controller.New()
	t.Cleanup(func() { _ = ctrl.Close() })
	r.cfg.Controller = ctrl
	r.cfg.Model = modelFunc(func(ctx context.Context, prompt string) (string, error) {
		if prompt == "pause" {
			ctrl.Pause("a test")
		}
		return r.model.Call(ctx, prompt)
	})
	return r
}

// again lets the next session run without the controller that paused.
func (r *rig) again() error {
	r.cfg.Controller = nil
	return r.run()
}

func TestRefusedCallPoisonsItem(t *testing.T) {
	t.Parallel()
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"k1", "k2"}, nil }, key,
		func(ctx context.Context, k string) (string, error) {
			if _, err := ask(ctx, "pause"); err != nil {
				return "", err
			}
			text, err := ask(ctx, "after "+k)
			if err != nil {
				return "an agent swallowed it", nil
			}
			return text, nil
		})
	r := pausing(t, each)
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrPaused)
	require.Equal(t, "pause", r.asked())
	st := r.state()
	require.Equal(t, state.StatusPaused, st.Status)
	require.Equal(t, "a test", st.Reason)
	require.Equal(t, state.StatusPending, r.item("e", "k1"))
	require.Empty(t, events[state.ItemCompleted](r))
	require.Empty(t, events[state.AttemptFailed](r), "no attempt is counted")
	require.NoError(t, r.again())
	require.Equal(t, "pause | after k1 | pause | after k2", r.asked())
}

func TestRefusedCallPoisonsATaskThatFailsForIt(t *testing.T) {
	t.Parallel()
	r := pausing(t, workflow.NewTask("t", func(ctx context.Context) (string, error) {
		if _, err := ask(ctx, "pause"); err != nil {
			return "", err
		}
		if _, err := ask(ctx, "b"); err != nil {
			return "", workflow.Reject(errBoom) // it would kill what was paid
		}
		return "fine", nil
	}))
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.NoError(t, r.again())
	require.Equal(t, "pause | b", r.asked())
	require.Zero(t, r.state().Usage.Waste)
}

func TestDrainRefusesNewCallsAtAnyDepth(t *testing.T) {
	t.Parallel()
	call := func(ctx context.Context) (string, error) {
		if _, err := ask(ctx, "pause"); err != nil {
			return "", err
		}
		text, _ := ask(ctx, "after")
		return text, nil
	}
	effects := 0
	for name, fn := range map[string]func(context.Context) (string, error){
		"task": call,
		"inside a do": func(ctx context.Context) (string, error) {
			text, _ := workflow.Do(ctx, "d", call)
			return text, nil
		},
		"a new do": func(ctx context.Context) (string, error) {
			if _, err := ask(ctx, "pause"); err != nil {
				return "", err
			}
			n, _ := workflow.Do(ctx, "d", func(context.Context) (int, error) { effects++; return effects, nil })
			return fmt.Sprint(n), nil
		},
		"a tool": func(ctx context.Context) (string, error) {
			if _, err := ask(ctx, "pause"); err != nil {
				return "", err
			}
			text, _ := workflow.Tool(&counting{}).Call(ctx, "x")
			return text, nil
		},
	} {
		for _, deep := range []bool{false, true} {
			t.Run(fmt.Sprint(name, deep), func(t *testing.T) {
				var step workflow.Step = workflow.NewTask("t", fn)
				if deep {
					step = workflow.NewParallel("all", step, workflow.NewParallel("inner", workflow.NewEach("e",
						func(context.Context) ([]string, error) { return []string{"k"}, nil }, key,
						func(ctx context.Context, _ string) (string, error) { return fn(ctx) })))
				}
				effects = 0
				r := pausing(t, step)
				require.ErrorIs(t, r.run(), workflow.ErrPaused)
				require.NotContains(t, r.asked(), "after")
				require.Empty(t, events[state.DoCompleted](r))
				require.Empty(t, events[state.StepCompleted](r))
				require.Zero(t, effects)
				require.NoError(t, r.again())
			})
		}
	}
}

func TestNoStepStartsDuringADrain(t *testing.T) {
	t.Parallel()
	ran := false
	r := pausing(t, workflow.NewTask("a", func(ctx context.Context) (string, error) { return ask(ctx, "pause") }),
		workflow.NewTask("b", func(context.Context) (int, error) { ran = true; return 0, nil }))
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.False(t, ran)
	require.Equal(t, state.StatusCompleted, r.state().Step("a").Status, "what needed no more calls completed")
	require.Equal(t, state.StatusPending, r.state().Step("b").Status)
}

func TestPausedBeforeItBegins(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), abc(func() error { return nil }))
	r.cfg.Controller = controller.New()
	r.cfg.Controller.Pause("early")
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.Zero(t, r.model.Calls())
	require.NoError(t, r.again())

	seq := r.state().Seq
	r.cfg.Controller = controller.New()
	r.cfg.Controller.Pause("late")
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.Equal(t, seq, r.state().Seq, "a complete run is left as it is")
	require.Equal(t, state.StatusCompleted, r.state().Status)
}

func TestSwallowedErrorsOfAWrappedEach(t *testing.T) {
	t.Parallel()
	each := workflow.NewEach("e", func(context.Context) ([]string, error) { return []string{"k"}, nil }, key,
		func(ctx context.Context, _ string) (string, error) { return ask(ctx, "x") })
	r := newRig(t, workflowtest.NewModel(t, workflowtest.Answer{Err: errBoom}), deaf{each}, workflow.NewTask("next", func(context.Context) (int, error) { return 0, nil }))
	require.ErrorIs(t, r.run(), workflow.ErrPartial)
	require.Equal(t, state.StatusPartial, r.state().Status)

	r = newRig(t, echo(t), hiding{each})
	require.ErrorContains(t, r.run(), "must embed it")
}

// deaf loses the error of the step that it wraps.
type deaf struct{ *workflow.Each[string, string] }

func (d deaf) Run(ctx context.Context) error { _ = d.Each.Run(ctx); return nil }

// hiding wraps an Each without embedding it.
type hiding struct{ inner workflow.Step }

func (h hiding) Name() string                  { return h.inner.Name() }
func (h hiding) Run(ctx context.Context) error { return h.inner.Run(ctx) }

// counting is a tool.
type counting struct {
	mu    sync.Mutex
	calls int
	err   error
}

func (c *counting) Name() string        { return "count" }
func (c *counting) Description() string { return "counts" }

func (c *counting) Call(_ context.Context, in string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return fmt.Sprintf("%s %d", in, c.calls), c.err
}
