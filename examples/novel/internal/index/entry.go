package index

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/embeddings"
)

// Document is something that can be found: a character, a location, a scene.
type Document struct {
	Kind  string `json:"kind"`
	Key   string `json:"key"` // unique among all documents of a book
	Title string `json:"title"`
	Text  string `json:"text"`
}

// Entry is a document with its vectors.
type Entry struct {
	Kind     string    `json:"kind"`
	Key      string    `json:"key"`
	Title    string    `json:"title"`
	Embedder string    `json:"embedder"` // that made the vectors; a question must be embedded by the same
	Passages []Passage `json:"passages"`
}

// Passage is a piece of a document's text.
type Passage struct {
	Text   string `json:"text"`
	Vector Vector `json:"vector"`
}

// Embed makes the entry of a document with the embedder of that name, in one call. A document without words has no passages.
func Embed(ctx context.Context, name string, e embeddings.Embedder, d Document) (Entry, error) {
	entry := Entry{Kind: d.Kind, Key: d.Key, Title: d.Title, Embedder: name, Passages: []Passage{}}
	texts := Split(d.Text)
	if len(texts) == 0 {
		return entry, nil
	}
	vectors, err := e.EmbedDocuments(ctx, withTitle(d.Title, texts))
	if err != nil {
		return Entry{}, fmt.Errorf("embed %s: %w", d.Key, err)
	}
	if len(vectors) != len(texts) {
		return Entry{}, fmt.Errorf("embed %s: %d vectors for %d passages", d.Key, len(vectors), len(texts))
	}
	for i, t := range texts {
		entry.Passages = append(entry.Passages, Passage{Text: t, Vector: vectors[i]})
	}
	return entry, nil
}

// withTitle puts the title before each passage, since a passage seldom says whom it is about.
func withTitle(title string, passages []string) []string {
	out := make([]string, len(passages))
	for i, p := range passages {
		out[i] = strings.TrimSpace(title + "\n\n" + p)
	}
	return out
}
