package workflow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
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

// BenchmarkItem is what one item costs in time and in allocations; those of the store in memory are mostly its copies of
// the records.
func BenchmarkItem(b *testing.B) {
	text := strings.Repeat("“I never said that,” she told him, and put the café's only \"clean\" cup back on the shelf.\n", 44)
	call := func(ctx context.Context, _ int) (string, error) { return ask(ctx, "a prompt") }
	none := func(context.Context, int) (string, error) { return text, nil }
	disk, err := filestore.Open(b.TempDir())
	require.NoError(b, err)
	for _, c := range []struct {
		name  string
		fn    func(context.Context, int) (string, error)
		store state.Store
		width int
	}{
		{"result", none, memstore.New(), 1},
		{"result, 16 at once on disk", none, disk, 16},
		{"call and result", call, memstore.New(), 1},
	} {
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
						b.StopTimer() // what follows ends the run
					}
					return c.fn(ctx, i)
				}))
			require.NoError(b, err)
			b.ReportAllocs()
			_, err = p.Run(b.Context(), fmt.Sprintf("%s-%d", b.Name()[len("BenchmarkItem/"):][:4], n), workflow.Config{Store: c.store, Model: fixed{text}, Concurrency: c.width})
			require.NoError(b, err)
		})
	}
}
