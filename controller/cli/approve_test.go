package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// gated is a program whose first steps are results that can be edited, and then gates with a step behind.
func gated(t *testing.T, gates ...string) App[tideParams] {
	t.Helper()
	app := tides(t, &script{})
	type fact struct {
		Name  string `json:"name"`
		Level int    `json:"level"`
	}
	text := workflow.NewTask("text", func(context.Context) (string, error) { return "ebb\nand flow", nil })
	facts := workflow.NewEach("facts", func(context.Context) ([]string, error) { return []string{"a/b", "c"}, nil },
		func(s string) string { return s }, func(_ context.Context, s string) (fact, error) { return fact{s, 1}, nil })
	steps := []workflow.Step{text, facts}
	var all []workflow.Step
	for _, name := range gates {
		all = append(all, workflow.NewGate(name, func(ctx context.Context) (string, error) {
			shown, err := text.Result(ctx)
			return name + ": " + shown + "\x1b[31m", err
		}))
	}
	if len(all) > 0 {
		steps = append(steps, workflow.NewParallel("gates", all...))
	}
	steps = append(steps, workflow.NewTask("end", func(context.Context) (int, error) { return 1, nil }))
	p, err := workflow.New("tides", steps...)
	require.NoError(t, err)
	app.Pipeline = p
	return app
}

func TestApprovingWhatWaits(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t, "review")
	o := run(t, app, "--out", out)
	require.Equal(t, 4, o.code)
	require.Contains(t, o.out, "## review\n\nreview: ebb\nand flow\\x1b[31m\n", "what is shown, made safe")
	require.Contains(t, o.out, "monday: waiting, ")
	require.Contains(t, o.stderr, "waiting for a person to decide about step review\napprove or reject it with:\n"+
		"  tides approve --step review --project monday --out "+out+"\n"+
		"  tides reject --step review --note WHY --project monday --out "+out+"\nthen go on with:\n  tides --resume --project monday --out "+out+"\n")

	o = run(t, app, "--status", "--out", out, "--no-color")
	require.Regexp(t, `Waiting for a Person:\n  gates\n  review \(asked `, o.out)
	o = run(t, app, "show", "review", "--out", out)
	require.Contains(t, o.out, "ebb\nand flow\\x1b[31m\n\nit waits for a decision")

	store, err := filestore.Open(out)
	require.NoError(t, err) // what somebody said about an earlier text is no decision about this one
	require.NoError(t, store.Ask(t.Context(), "monday", state.Request{Kind: state.AskReject, Step: "review", Hash: "of an earlier text"}))
	o = run(t, app, "approve", "--note", "good", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "## review\n\nreview: ebb\nand flow", "who decides sees what about")
	require.Contains(t, o.out, "monday: approved review; go on with:\n  tides --resume --project monday --out "+out+"\n")
	o = run(t, app, "reject", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "somebody has decided already: approve the step \"review\"")

	o = run(t, app, "--resume", "--out", out)
	require.Equal(t, 0, o.code, o.stderr)
	o = run(t, app, "show", "review", "--out", out, "--json")
	var shown gateJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &shown))
	require.Equal(t, "good", shown.Decided.Note)
	require.Equal(t, userName(), shown.Decided.Who)
	require.Contains(t, run(t, app, "--status", "--out", out).out, "review (approved")
	require.Contains(t, run(t, app, "--status", "--json", "--out", out).out, `"decision": "approved"`)
	o = run(t, app, "approve", "--step", "review", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, `the step "review" is not waiting: it was approved by `)
	o = run(t, app, "approve", "--out", out)
	require.Equal(t, 2, o.code)
	require.Contains(t, o.stderr, "no step of the run \"monday\" waits for a decision; it is completed")
}

func TestRejectingWhatWaits(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t, "review")
	require.Equal(t, 4, run(t, app, "--out", out).code)
	o := run(t, app, "reject", "--step", "review", "--note", "too dry", "--out", out, "--json")
	require.Equal(t, 0, o.code, o.stderr)
	var said decideJSON
	require.NoError(t, json.Unmarshal([]byte(o.out), &said))
	require.Equal(t, decideJSON{Run: "monday", Step: "review", Decision: "rejected", Hash: load(t, out).Step("review").Gate.Hash}, said)
	o = run(t, app, "--resume", "--out", out)
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "step review: declined by ")
	at := " --project monday --out " + out + "\n"
	require.Contains(t, o.stderr, ": too dry\nchange what was declined with:\n  tides edit text"+at+"or\n  tides edit facts ITEM"+at+
		"and be asked again with:\n  tides --resume"+at, "what stands before the gate, and so can be what it showed")
	require.Equal(t, 4, run(t, app, "--resume", "--out", out).code, "it asks again")
}

func TestADecisionIsLeftInADatabase(t *testing.T) {
	t.Parallel()
	app, at := gated(t, "review"), "sqlite:"+filepath.Join(t.TempDir(), "runs.db")
	require.Equal(t, 4, run(t, app, "--store", at).code)
	o := run(t, app, "approve", "--store", at)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "tides --resume --project monday --store "+at)
	require.Equal(t, 0, run(t, app, "--store", at, "--resume").code)
}

func TestWhichStepIsMeant(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t, "one", "two")
	o := run(t, app, "--out", out)
	require.Equal(t, 4, o.code)
	require.Contains(t, o.stderr, "the steps one, two")
	require.Contains(t, o.stderr, "approve --step two")
	for args, says := range map[string]string{
		"":        "2 steps wait for a decision; say which one with:\n  tides approve --step one --project monday",
		"nowhere": `has no step "nowhere"; its steps are text`,
		"text":    `the step "text" is no gate`,
	} {
		o = run(t, app, "approve", "--step", args, "--out", out)
		require.Equal(t, 2, o.code, args)
		require.Contains(t, o.stderr, says)
	}
	require.Equal(t, 2, run(t, app, "approve", "one", "--out", out).code)
	require.Equal(t, 0, run(t, app, "approve", "--step", "one", "--out", out).code)
	o = run(t, app, "--resume", "--out", out)
	require.Equal(t, 4, o.code)
	require.NotContains(t, o.out, "## one", "only what waits is shown")
	require.Contains(t, o.out, "## two")
}

// TestADecisionIsTakenByTheProcessThatRuns: approve waits for the running process, and says that nothing is left to type.
func TestADecisionIsTakenByTheProcessThatRuns(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t)
	opened, goOn := make(chan struct{}), make(chan struct{})
	p, err := workflow.New("tides", workflow.NewParallel("both",
		workflow.NewGate("review", func(context.Context) (string, error) { return "look", nil }),
		workflow.NewTask("long", func(context.Context) (int, error) { <-goOn; return 1, nil })))
	require.NoError(t, err)
	app.Pipeline = p
	app.Config.Observers = []state.Observer{func(e state.Event) {
		if e.Type == state.TypeGateOpened {
			close(opened)
		}
	}}
	ended := make(chan outcome, 1)
	go func() { ended <- run(t, app, "--out", out) }()
	<-opened
	other := app
	other.Config.Observers = nil
	o := run(t, other, "approve", "--out", out)
	close(goOn)
	require.Equal(t, 0, o.code, o.stderr)
	require.Contains(t, o.out, "monday: approved review\n")
	require.NotContains(t, o.out, "--resume")
	require.Equal(t, 0, (<-ended).code)
}

func TestAPipelineThatDependsOnParameters(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	app := gated(t)
	with := gated(t, "review").Pipeline
	plain := app.Pipeline
	app.PipelineOf = func(p tideParams) (*workflow.Pipeline, error) {
		if p.Count == 7 {
			return with, nil
		}
		return plain, nil
	}
	require.Equal(t, 0, run(t, app, "--out", out).code)
	require.Equal(t, 4, run(t, app, "--out", out, "--project", "other", "--count", "7").code)
	require.Equal(t, 4, run(t, app, "--out", out, "--project", "other", "--resume").code, "the run knows which one it has")
	require.Equal(t, 0, run(t, app, "approve", "--out", out, "--project", "other").code)
	require.Equal(t, 0, run(t, app, "--out", out, "--project", "other", "--resume").code)
	store, err := filestore.Open(out)
	require.NoError(t, err)
	for e, err := range store.Events(t.Context(), "other", state.Query{}) {
		require.NoError(t, err)
		require.NotEqual(t, state.TypePipelineChanged, e.Type)
	}
	require.FileExists(t, filepath.Join(out, "other", "journal.jsonl"))

	app.PipelineOf = func(tideParams) (*workflow.Pipeline, error) {
		return workflow.New("waves", workflow.NewParallel("none"))
	}
	o := run(t, app, "--out", out, "--project", "third")
	require.Equal(t, 1, o.code)
	require.Contains(t, o.stderr, "App.PipelineOf gave the pipeline waves, not tides")
}
