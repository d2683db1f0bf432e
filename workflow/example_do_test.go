package workflow_test

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// Do runs a side effect once, however often its step is attempted or resumed. What the effect depends on is in its key.
func ExampleDo() {
	sent, attempts := 0, 0
	notify := workflow.NewTask("notify", func(ctx context.Context) (string, error) {
		attempts++
		id, err := workflow.Do(ctx, "mail to the editor", func(context.Context) (string, error) {
			sent++
			return fmt.Sprintf("message %d", sent), nil
		})
		if err != nil {
			return "", err
		}
		if attempts == 1 {
			panic("something else goes wrong")
		}
		return id, nil
	})
	p, err := workflow.New("letters", notify)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = p.Run(context.Background(), "monday", workflow.Config{Store: memstore.New()})
	fmt.Println(attempts, "attempts,", sent, "mail,", err)
	// Output: 2 attempts, 1 mail, <nil>
}
