package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
	"github.com/dogear-go/dogear/workflow/workflowtest"
)

// TestLogFields: each line has the run, and whatever its event has of step, item, attempt, provider and class, under the same names.
func TestLogFields(t *testing.T) {
	t.Parallel()
	const answer = "An answer of more than ten letters."
	refused := &resilience.Error{Class: resilience.ContentPolicy, Err: errors.New("SECRET")}
	first := workflowtest.NewModel(t, workflowtest.Answer{Match: "b", Err: refused},
		workflowtest.Answer{Times: 1, Err: &resilience.Error{Class: resilience.Auth, Status: 401, Err: errors.New("SECRET")}}, workflowtest.Answer{Text: answer})
	second := workflowtest.NewModel(t, workflowtest.Answer{Match: "b", Err: refused}, workflowtest.Answer{Text: answer})
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "first", Model: "m", LLM: first}, providers.Provider{Name: "second", Model: "n", LLM: second})
	require.NoError(t, err)
	items := workflow.NewEach("items", func(context.Context) ([]string, error) { return []string{"a", "b"}, nil }, func(s string) string { return s },
		func(ctx context.Context, s string) (string, error) {
			workflow.Logger(ctx).Info("my own")
			return llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), s)
		})
	p, err := workflow.New("logs", items)
	require.NoError(t, err)
	core, logs := observer.New(zap.DebugLevel)
	_, err = p.Run(t.Context(), "monday", workflow.Config{Store: memstore.New(), Model: chain, Logger: zap.New(core)})
	require.ErrorIs(t, err, workflow.ErrPartial)

	type fields = map[string]any
	for _, want := range []struct {
		msg    string
		fields fields
	}{
		{"run created", fields{"pipeline": "logs"}},
		{"session opened", fields{"concurrency": int64(1)}},
		{"step started", fields{"step": "items"}},
		{"item started", fields{"step": "items", "item": "a"}},
		{"my own", fields{"step": "items", "item": "a", "attempt": int64(1)}},
		{"call sent", fields{"step": "items", "item": "a", "attempt": int64(1), "provider": "first", "model": "m", "role": "writer", "try": int64(1)}},
		{"call failed", fields{"step": "items", "item": "a", "attempt": int64(1), "provider": "first", "model": "m", "class": "auth", "status": int64(401), "next": "switch"}},
		{"provider excluded", fields{"step": "items", "item": "a", "attempt": int64(1), "provider": "first", "model": "m", "class": "auth"}},
		{"call answered", fields{"step": "items", "item": "a", "attempt": int64(1), "provider": "second", "model": "n"}},
		{"item completed", fields{"step": "items", "item": "a", "attempt": int64(1)}},
		{"item failed", fields{"step": "items", "item": "b", "attempt": int64(1), "provider": "second", "class": "content_policy"}},
		{"step incomplete", fields{"step": "items", "done": int64(1), "failed": int64(1)}},
		{"run stopped", fields{"status": "partial", "error": "step items is incomplete: 1 item failed"}},
	} {
		require.True(t, anyEntry(logs, want.msg, want.fields), "%s %v in %v", want.msg, want.fields, logs.FilterMessage(want.msg).All())
	}
	for _, e := range logs.All() {
		m := e.ContextMap()
		require.Equal(t, "monday", m["run"], e.Message)
		for name, value := range m {
			require.NotEqual(t, "", value, "%s of %s says nothing", name, e.Message)
			require.NotContains(t, fmt.Sprint(value), "SECRET", "%s of %s", name, e.Message)
		}
	}
}

func anyEntry(logs *observer.ObservedLogs, msg string, want map[string]any) bool {
	for _, e := range logs.FilterMessage(msg).All() {
		got, all := e.ContextMap(), true
		for name, value := range want {
			all = all && got[name] == value
		}
		if all {
			return true
		}
	}
	return false
}

// TestLogOfAPause: the end of a session tells why, in the words of who asked.
func TestLogOfAPause(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	r := newRig(t, echo(t), halfDone())
	r.cfg.Logger, r.cfg.Controller = zap.New(core), controller.New()
	r.cfg.Controller.PauseBy("dashboard", "lunch")
	require.ErrorIs(t, r.run(), workflow.ErrPaused)
	require.True(t, anyEntry(logs, "run stopped", map[string]any{"status": "paused", "error": "paused: lunch"}), "%v", logs.All())
}
