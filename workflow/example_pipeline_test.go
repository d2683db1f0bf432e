package workflow_test

import (
	"context"
	"fmt"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/fake"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// A pipeline is a list of steps; a step is a function of a context. With filestore (the default), running the same
// program again goes on where it was killed.
func ExamplePipeline_Run() {
	writer := workflow.Model("writer")
	title := workflow.NewTask("title", func(ctx context.Context) (string, error) {
		return llms.GenerateFromSinglePrompt(ctx, writer, "A title about tides.")
	})
	text := workflow.NewTask("text", func(ctx context.Context) (string, error) {
		t, err := title.Result(ctx)
		if err != nil {
			return "", err
		}
		return llms.GenerateFromSinglePrompt(ctx, writer, "Two paragraphs for: "+t)
	})
	tides, err := workflow.New("tides", title, text)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	run, err := tides.Run(ctx, "monday", workflow.Config{
		Store: memstore.New(), // leave it out, and the folder output is used
		Model: fake.NewFakeLLM([]string{"Twice a Day", "The sea breathes."}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := text.Result(run.Context(ctx))
	fmt.Println(result, err)
	// Output: The sea breathes. <nil>
}
