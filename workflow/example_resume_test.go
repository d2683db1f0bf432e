package workflow_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/fake"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// Whatever stopped a run, Run goes on with it: what was answered is in the journal, and not paid again.
func ExamplePipeline_Run_resume() {
	online := false
	text := workflow.NewTask("text", func(ctx context.Context) (string, error) {
		draft, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), "Write about tides.")
		if err != nil {
			return "", err
		}
		if !online { // say, a search that the step makes itself
			return "", &resilience.Error{Class: resilience.Network, Err: errors.New("no route to host")}
		}
		return draft + " (checked)", nil
	})
	tides, err := workflow.New("tides", text)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	cfg := workflow.Config{Store: memstore.New(), Model: fake.NewFakeLLM([]string{"The sea breathes.", "paid twice!"})}
	run, err := tides.Run(ctx, "monday", cfg)
	var failed *workflow.StepError
	if errors.As(err, &failed) {
		fmt.Println("failed:", failed.Step, resilience.Classify(err))
	}

	online = true
	if err := run.Resume(ctx); err != nil {
		fmt.Println(err)
		return
	}
	result, err := text.Result(run.Context(ctx))
	fmt.Println(result, err)
	st, err := run.State(ctx)
	if err == nil {
		fmt.Println(st.Status, st.Usage.Calls, "call,", st.Usage.Replayed, "replayed")
	}
	// Output:
	// failed: text network
	// The sea breathes. (checked) <nil>
	// completed 1 call, 1 replayed
}
