package workflow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/fake"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// Reject says that what was answered means the wrong thing: the attempt's answers are dead, and the step asks anew.
func ExampleReject() {
	title := workflow.NewTask("title", func(ctx context.Context) (string, error) {
		text, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("writer"), "A title about tides.")
		if err != nil {
			return "", err
		}
		if !strings.Contains(text, "Tide") {
			return "", workflow.Reject(errors.New("it is not about tides"))
		}
		return text, nil
	}, workflow.Attempts(3))
	p, err := workflow.New("tides", title)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	run, err := p.Run(ctx, "monday", workflow.Config{Store: memstore.New(), Model: fake.NewFakeLLM([]string{"Mountains", "Tide and Time"})})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := title.Result(run.Context(ctx))
	fmt.Println(text, err)
	st, err := run.State(ctx)
	fmt.Println(st.Usage.Calls, "calls", err)
	// Output:
	// Tide and Time <nil>
	// 2 calls <nil>
}
