package workflow_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

type bookParams struct {
	Genre    string            `json:"genre"`
	Chapters int               `json:"chapters"`
	Budget   int               `json:"budget,string"`
	Notes    map[string]string `json:"notes,omitempty"`
}

func TestParamsRefusedWhenDifferent(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(context.Context) (int, error) { return 0, nil }))
	r.cfg.Params = bookParams{Genre: "farce", Chapters: 10}
	require.NoError(t, r.run())
	seq := r.state().Seq
	for name, same := range map[string]any{"none": nil, "nil pointer": (*bookParams)(nil), "the same": bookParams{Genre: "farce", Chapters: 10}, "a pointer": &bookParams{Genre: "farce", Chapters: 10}} {
		r.cfg.Params = same
		require.NoError(t, r.run(), name)
	}
	r.cfg.Params = bookParams{Genre: "farce", Chapters: 12}
	err := r.run()
	require.ErrorIs(t, err, workflow.ErrParams)
	require.ErrorContains(t, err, "chapters is 10 in the run, 12 now")
	require.NotContains(t, err.Error(), "genre")
	r.cfg.Params = func() {}
	require.ErrorContains(t, r.run(), "Config.Params")
	require.Equal(t, seq, r.state().Seq)
}

func TestParamsGivenToARunWithoutAny(t *testing.T) {
	t.Parallel()
	r := newRig(t, echo(t), workflow.NewTask("t", func(ctx context.Context) (int, error) {
		_, err := workflow.Params[bookParams](ctx)
		return 0, err
	}))
	require.ErrorContains(t, r.run(), "started without any")
	r.cfg.Params = bookParams{}
	require.ErrorContains(t, r.run(), "not set in the run")
}

func TestParamsNarrowRead(t *testing.T) {
	t.Parallel()
	type odd struct {
		Chapters int
		Notes    map[string]string `json:"notes,omitempty"`
		Budget   int               `json:"budget,string"`
	}
	read := func(ctx context.Context) (any, error) {
		p, err := workflow.Params[struct {
			Chapters int
			odd
		}](ctx)
		return p.Chapters, err
	}
	for name, c := range map[string]struct {
		fn    func(context.Context) (any, error)
		parts []string
		fault string
	}{
		"one field":     {func(ctx context.Context) (any, error) { return workflow.Params[struct{ Genre string }](ctx) }, []string{"genre"}, ""},
		"string option": {func(ctx context.Context) (any, error) { return workflow.Params[odd](ctx) }, []string{"chapters", "notes", "budget"}, ""},
		"embedded":      {read, []string{"chapters", "notes", "budget"}, ""},
		"whole":         {func(ctx context.Context) (any, error) { return workflow.Params[map[string]any](ctx) }, []string{""}, ""},
		"unknown":       {func(ctx context.Context) (any, error) { return workflow.Params[struct{ Hero string }](ctx) }, nil, `has no "Hero"`},
		"other type":    {func(ctx context.Context) (any, error) { return workflow.Params[struct{ Genre int }](ctx) }, nil, "does not fit the Go type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, echo(t), workflow.NewTask("t", c.fn))
			r.cfg.Params = bookParams{Genre: "farce", Chapters: 10, Budget: 5}
			if c.fault != "" {
				require.ErrorContains(t, r.run(), c.fault)
				return
			}
			require.NoError(t, r.run())
			var parts []string
			for _, read := range events[state.StepCompleted](r)[0].Reads {
				require.Equal(t, state.ReadParams, read.Source)
				parts = append(parts, read.Part)
			}
			require.ElementsMatch(t, c.parts, parts)
		})
	}
}

func TestParamsAndResultsOfTheHandle(t *testing.T) {
	t.Parallel()
	plan := workflow.NewTask("plan", func(context.Context) (string, error) { return "x", nil })
	r := newRig(t, echo(t), plan)
	r.cfg.Params = bookParams{Chapters: 3}
	require.NoError(t, r.run())
	p, err := workflow.Params[struct{ Chapters int }](r.reader())
	require.NoError(t, err)
	require.Equal(t, 3, p.Chapters)
	text, err := plan.Result(r.reader())
	require.NoError(t, err)
	require.Equal(t, "x", text)
}
