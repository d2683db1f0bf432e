package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// A Gate waits for a person. The run stops, a person looks, corrects, decides, and the run goes on.
func ExampleNewGate() {
	outline := workflow.NewTask("outline", func(context.Context) (string, error) { return "A ship sets sail.", nil })
	review := workflow.NewGate("review", outline.Result)
	story := workflow.NewTask("story", func(ctx context.Context) (string, error) {
		text, err := outline.Result(ctx)
		if err != nil {
			return "", err
		}
		said, err := review.Decision(ctx)
		return fmt.Sprintf("%s (%s: %s)", text, said.Who, said.Note), err // a model would write here
	})
	p, err := workflow.New("story", outline, review, story)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	run, err := p.Run(ctx, "first", workflow.Config{Store: memstore.New()})
	fmt.Println(err, errors.Is(err, workflow.ErrWaiting))

	st, err := run.State(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	edit := workflow.Edit{Step: "outline", Replaces: st.Step("outline").Hash, Who: "ann", Result: json.RawMessage(`"A ship sinks."`)}
	fmt.Println(run.Edit(ctx, edit))
	fmt.Println(errors.Is(run.Resume(ctx), workflow.ErrWaiting)) // what it shows has changed: it asks again

	fmt.Println(run.Ask(ctx, state.Request{Kind: state.AskApprove, Step: "review", By: "ann", Note: "more rain"}))
	fmt.Println(run.Resume(ctx))
	fmt.Println(story.Result(run.Context(ctx)))
	// Output:
	// run "first": waiting for a person to decide about step review true
	// <nil>
	// true
	// <nil>
	// <nil>
	// A ship sinks. (ann: more rain) <nil>
}
