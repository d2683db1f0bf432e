package providers

import (
	"context"
	"fmt"

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

// String names the model below, as a run records it.
func (w *with) String() string {
	if s, ok := w.model.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", w.model)
}

// below returns the model under all options, and those options.
func below(m llms.Model) (llms.Model, []llms.CallOption) {
	w, ok := m.(*with)
	if !ok {
		return m, nil
	}
	inner, opts := below(w.model)
	return inner, append(opts[:len(opts):len(opts)], w.opts...)
}
