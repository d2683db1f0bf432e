package book

import (
	"context"
	"errors"
	"fmt"

	"github.com/dogear-go/dogear/examples/novel/internal/index"
	"github.com/dogear-go/dogear/workflow"
)

// Answers are the passages of a book that answer a question best.
type Answers struct {
	Question string      `json:"question"`
	Embedder string      `json:"embedder"`
	Complete bool        `json:"complete"` // the whole book is indexed
	Notes    []string    `json:"notes,omitempty"`
	Passages []index.Hit `json:"passages"`
}

// ErrNotIndexed says that there is nothing to ask yet.
var ErrNotIndexed = errors.New("nothing of this book is indexed yet: the index is made by its last step, rag_sync; finish the run first (--resume)")

// Ask finds up to n passages. ctx is a run's reading context, and project names the run. The index is built from recorded
// vectors; only the question is embedded anew, by the embedder that made them.
func Ask(ctx context.Context, project, question string, n int) (Answers, error) {
	entries, err := RagSync.Results(ctx)
	partial := errors.Is(err, workflow.ErrPartial)
	switch {
	case errors.Is(err, workflow.ErrNoResult), partial && len(entries) == 0, err == nil && len(entries) == 0:
		return Answers{}, ErrNotIndexed
	case err != nil && !partial:
		return Answers{}, err
	}
	x, err := index.New(ctx, project, entries)
	if err != nil {
		return Answers{}, err
	}
	e, err := index.Open(x.Embedder())
	if err != nil {
		return Answers{}, fmt.Errorf("the index was made with %s: %w", x.Embedder(), err)
	}
	a := Answers{Question: question, Embedder: x.Embedder(), Complete: !partial, Passages: []index.Hit{}}
	if partial {
		a.Notes = append(a.Notes, fmt.Sprintf("the index is not finished: %d texts are in it", len(entries)))
	}
	if e.Note != "" {
		a.Notes = append(a.Notes, e.Note)
	}
	hits, err := x.Search(ctx, e.Embedder, question, n)
	if err != nil {
		return Answers{}, err
	}
	a.Passages = append(a.Passages, hits...)
	return a, nil
}
