package index

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/resilience"
)

const (
	batchSize    = 64
	callTimeout  = 2 * time.Minute
	maxErrorBody = 64 << 10
)

// dial makes a client of OpenAI's embeddings protocol. Everything that langchaingo would look up in the environment is given,
// so that no key goes to a host that it does not belong to.
func dial(provider, url, key, model string) (embeddings.Embedder, error) {
	llm, err := openai.New(openai.WithToken(key), openai.WithBaseURL(url), openai.WithModel(model),
		openai.WithEmbeddingModel(model), openai.WithOrganization(""),
		openai.WithHTTPClient(&doer{provider: provider, key: key, client: &http.Client{Timeout: callTimeout}}))
	if err != nil {
		return nil, err
	}
	client := embeddings.EmbedderClientFunc(func(ctx context.Context, texts []string) ([][]float32, error) {
		return resilience.Retry(ctx, resilience.Policy{}, func(ctx context.Context) ([][]float32, error) {
			return create(ctx, llm, texts)
		})
	})
	// Newlines stay: stripping them would change the caller's texts.
	return embeddings.NewEmbedder(client, embeddings.WithBatchSize(batchSize), embeddings.WithStripNewLines(false))
}

// failure is where a call's transport leaves what really went wrong; the client on top of it flattens errors to text.
type failure struct{ err error }

type failureKey struct{}

func create(ctx context.Context, llm *openai.LLM, texts []string) ([][]float32, error) {
	var f failure
	vectors, err := llm.CreateEmbedding(context.WithValue(ctx, failureKey{}, &f), texts)
	switch {
	case f.err != nil:
		return nil, f.err
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &resilience.Error{Class: resilience.InvalidResponse, Err: err}
	}
	for i := range vectors {
		round(vectors[i])
	}
	return vectors, nil
}

// round leaves whole numbers from -127 to 127: a third of the digits where vectors are recorded, and the same direction to
// within half a percent. It is what Vector keeps anyway.
func round(v []float32) {
	var top float64
	for _, x := range v {
		top = max(top, math.Abs(float64(x)))
	}
	if top == 0 || math.IsInf(top, 0) || math.IsNaN(top) {
		return
	}
	for i, x := range v {
		v[i] = float32(math.Round(float64(x) / top * 127))
	}
}

// doer sends requests, and keeps each failure with its status and headers and without the key.
type doer struct {
	provider, key string
	client        *http.Client
}

// Do sends one request.
func (d *doer) Do(req *http.Request) (*http.Response, error) {
	f, _ := req.Context().Value(failureKey{}).(*failure)
	if f == nil {
		f = &failure{}
	}
	resp, err := d.client.Do(req)
	if err != nil {
		f.err = fmt.Errorf("embeddings by %s: %w", d.provider, err)
		return nil, f.err
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // read only
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	body = []byte(strings.ReplaceAll(string(body), d.key, "[key]"))
	f.err = resilience.FromHTTP(d.provider, resp.StatusCode, resp.Header, body)
	return nil, f.err
}
