package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/tools"
)

// Tool makes a langchaingo tool durable: its answers are recorded by input, and on resume the agent gets them again
// without the tool being called. Equal inputs queue in order, since agents repeat themselves. An error of the tool is
// returned and not recorded. Outside a step it is ErrNoRun.
func Tool(t tools.Tool) tools.Tool { return durableTool{t} }

type durableTool struct{ tools.Tool }

// Call implements tools.Tool.
func (t durableTool) Call(ctx context.Context, input string) (string, error) {
	return queued(ctx, "tool "+t.Name(), false, input, func(ctx context.Context) (string, error) {
		out, err := t.Tool.Call(ctx, input)
		return strings.ToValidUTF8(out, "\uFFFD"), err
	})
}

// Embedder makes a langchaingo embedder durable: its vectors are recorded by input, and on resume not computed, nor
// paid, again. Outside a step it is ErrNoRun.
func Embedder(e embeddings.Embedder) embeddings.Embedder { return durableEmbedder{e} }

type durableEmbedder struct{ inner embeddings.Embedder }

// EmbedDocuments implements embeddings.Embedder.
func (e durableEmbedder) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	return queued(ctx, "embed", true, texts, func(ctx context.Context) ([][]float32, error) { return e.inner.EmbedDocuments(ctx, texts) })
}

// EmbedQuery implements embeddings.Embedder.
func (e durableEmbedder) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	return queued(ctx, "embed query", true, text, func(ctx context.Context) ([]float32, error) { return e.inner.EmbedQuery(ctx, text) })
}

// queued records what fn gives for an input; recorded results of equal inputs are consumed in order.
func queued[In, Out any](ctx context.Context, what string, pure bool, input In, fn func(context.Context) (Out, error)) (Out, error) {
	var zero Out
	sc, err := working(ctx, what)
	if err != nil {
		return zero, err
	}
	in, err := encode(input)
	if err != nil {
		return zero, err
	}
	raw, err := sc.recorded(ctx, what+" "+hashOf(in), recordKind{queue: true, pure: pure}, func(ctx context.Context) (json.RawMessage, error) {
		out, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		return encode(out)
	})
	if err != nil {
		return zero, err
	}
	return decode[Out](raw, fmt.Sprintf("the result of %s in %s", what, sc.name()))
}
