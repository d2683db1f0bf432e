package workflow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// fixed is a model that answers at once, always the same.
type fixed struct{ text string }

func (m fixed) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

func (m fixed) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: m.text, StopReason: "stop"}}}, nil
}

// BenchmarkItem is what one item costs without a disk: time, and allocations (the store's own copy of its records
// included).
func BenchmarkItem(b *testing.B) {
	text := strings.Repeat("“I never said that,” she told him, and put the café's only \"clean\" cup back on the shelf.\n", 44)
	call := func(ctx context.Context, _ int) (string, error) { return ask(ctx, "a prompt") }
	none := func(context.Context, int) (string, error) { return text, nil }
	for _, c := range []struct {
		name string
		fn   func(context.Context, int) (string, error)
	}{{"result", none}, {"call and result", call}} {
		b.Run(c.name, func(b *testing.B) {
			n := b.N
			items := func(context.Context) ([]int, error) {
				list := make([]int, n+1)
				for i := range list {
					list[i] = i
				}
				return list, nil
			}
			p, err := workflow.New("bench", workflow.NewEach("items", items, func(i int) string { return fmt.Sprintf("item-%06d", i) },
				func(ctx context.Context, i int) (string, error) {
					if i == 0 {
						b.ResetTimer() // the list is made
					}
					if i == n {
						b.StopTimer()
					}
					return c.fn(ctx, i)
				}))
			require.NoError(b, err)
			b.ReportAllocs()
			_, err = p.Run(b.Context(), "r", workflow.Config{Store: memstore.New(), Model: fixed{text}, Concurrency: 1})
			require.NoError(b, err)
		})
	}
}
