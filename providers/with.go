package providers

import (
	"context"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// With returns a model that makes each call with these options first; those of the call itself win. It is how a role gets its
// temperature or limit: providers.With(chain, llms.WithTemperature(0.9)).
func With(m llms.Model, opts ...llms.CallOption) llms.Model {
	return &with{m, opts[:len(opts):len(opts)]}
}

type with struct {
	model llms.Model
	opts  []llms.CallOption
}

func (w *with) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, w, prompt, options...)
}

func (w *with) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	return w.model.GenerateContent(ctx, messages, append(w.opts, options...)...)
}

// ReportsTries says what the model below says.
func (w *with) ReportsTries() bool { return resilience.ReportsTries(w.model) }
