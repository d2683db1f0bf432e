package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/philippgille/chromem-go"
	"github.com/tmc/langchaingo/embeddings"
)

// Index answers questions about one book.
type Index struct {
	passages *chromem.Collection
	embedder string
}

// Hit is a passage that was found. The nearer its score is to 1, the nearer it is to the question.
type Hit struct {
	Rank  int     `json:"rank"`
	Kind  string  `json:"kind"`
	Title string  `json:"title"`
	Key   string  `json:"key"`
	Score float64 `json:"score"`
	Text  string  `json:"text"`

	passage int
}

// New builds the index of a project. An entry replaces an earlier one of the same key. All must be of one embedder.
func New(ctx context.Context, project string, entries []Entry) (*Index, error) {
	if len(entries) == 0 {
		return nil, errors.New("nothing is indexed")
	}
	c, err := chromem.NewDB().CreateCollection(project, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("create the collection: %w", err)
	}
	x := &Index{passages: c, embedder: entries[0].Embedder}
	for _, e := range entries {
		if err := x.put(ctx, e); err != nil {
			return nil, fmt.Errorf("index %s: %w", e.Key, err)
		}
	}
	return x, nil
}

// Embedder names the embedder that a question must be embedded with.
func (x *Index) Embedder() string { return x.embedder }

// put adds an entry, or replaces it.
func (x *Index) put(ctx context.Context, e Entry) error {
	if e.Embedder != x.embedder {
		return fmt.Errorf("made with embedder %q, while others were made with %q", e.Embedder, x.embedder)
	}
	if x.passages.Count() > 0 {
		if err := x.passages.Delete(ctx, map[string]string{"key": e.Key}, nil); err != nil {
			return err
		}
	}
	for i, p := range e.Passages {
		if p.Vector.length() == 0 {
			continue // without words: near to nothing
		}
		err := x.passages.AddDocument(ctx, chromem.Document{
			ID:        e.Key + "#" + strconv.Itoa(i),
			Metadata:  map[string]string{"key": e.Key, "kind": e.Kind, "title": e.Title, "passage": strconv.Itoa(i)},
			Embedding: p.Vector,
			Content:   p.Text,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ErrNoWords says that the offline embedder finds nothing in a question that could be looked for.
var ErrNoWords = errors.New("the question has no words to look for")

// Search returns up to n passages, best first; equal ones in the order of their keys. None that has nothing in common with
// the question.
func (x *Index) Search(ctx context.Context, e embeddings.Embedder, question string, n int) ([]Hit, error) {
	total := x.passages.Count()
	if total == 0 {
		return nil, nil
	}
	v, err := e.EmbedQuery(ctx, question)
	if err != nil {
		return nil, fmt.Errorf("embed the question: %w", err)
	}
	if Vector(v).length() == 0 {
		return nil, ErrNoWords
	}
	results, err := x.passages.QueryEmbedding(ctx, v, total, nil, nil) // all, since the store breaks ties at random
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	var hits []Hit
	for _, r := range results {
		if r.Similarity > 0.01 {
			i, _ := strconv.Atoi(r.Metadata["passage"]) // written above
			hits = append(hits, Hit{Kind: r.Metadata["kind"], Title: r.Metadata["title"], Key: r.Metadata["key"],
				Score: float64(r.Similarity), Text: r.Content, passage: i})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Key, b.Key), cmp.Compare(a.passage, b.passage))
	})
	hits = hits[:min(n, len(hits))]
	for i := range hits {
		hits[i].Rank = i + 1
	}
	return hits, nil
}
