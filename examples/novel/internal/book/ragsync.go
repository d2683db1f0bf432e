package book

import (
	"context"
	"strings"

	"github.com/dogear-go/dogear/examples/novel/internal/index"
	"github.com/dogear-go/dogear/workflow"
)

// RagSync is the eighth step. A book without an index is a book all the same, so the step is optional. What it records for
// each item is the vectors, which is what costs; the index itself is built from them whenever it is asked.
var RagSync = workflow.NewEach("rag_sync", documents, func(d index.Document) string { return d.Key }, embed, workflow.Optional())

// documents are what can be asked for: characters, locations, and scenes as they were edited.
func documents(ctx context.Context) ([]index.Document, error) {
	w, err := worldOf(ctx)
	if err != nil {
		return nil, err
	}
	chapters, err := Outline.Result(ctx)
	if err != nil {
		return nil, err
	}
	drafts, err := Edit.Results(ctx)
	if err != nil {
		return nil, err
	}
	return w.documents(chapters, byKey(drafts)), nil
}

func (w world) documents(chapters []Chapter, texts map[string]string) []index.Document {
	var docs []index.Document
	for _, c := range w.cast {
		docs = append(docs, index.Document{Kind: "character", Key: "character/" + c.Name, Title: c.Name,
			Text: paragraphs(c.FullName, c.AKA, c.Description, c.Biography, c.Notes, c.Goals)})
	}
	for _, l := range w.places {
		docs = append(docs, index.Document{Kind: "location", Key: "location/" + l.Name, Title: l.Name, Text: paragraphs(l.AKA, l.Description)})
	}
	for _, c := range chapters {
		for i, s := range c.Scenes {
			key := sceneKey(c.Number, i+1)
			if text := texts[key]; text != "" {
				docs = append(docs, index.Document{Kind: "scene", Key: "scene/" + key, Title: s.Title, Text: text})
			}
		}
	}
	return docs
}

// paragraphs joins texts that are not empty.
func paragraphs(texts ...string) string {
	return tidy(strings.Join(texts, "\n\n"))
}

func embed(ctx context.Context, d index.Document) (index.Entry, error) {
	p, err := workflow.Params[struct {
		Embed string `json:"embed"`
	}](ctx)
	if err != nil {
		return index.Entry{}, err
	}
	e, err := index.Open(p.Embed)
	if err != nil {
		return index.Entry{}, err
	}
	if e.Remote { // paid for: recorded before it is used
		e.Embedder = workflow.Embedder(e.Embedder)
	}
	return index.Embed(ctx, e.Name, e.Embedder, d)
}
