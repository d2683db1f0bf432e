package providers

import (
	"context"
	"regexp"

	"github.com/tmc/langchaingo/llms"
)

// fixedModels are the models that reject a temperature other than their own, by their documentation of November 2026: OpenAI's that
// reason, and Anthropic's from opus 4.7 and the fifth generation on.
var fixedModels = map[string]*regexp.Regexp{
	"openai":    regexp.MustCompile(`^(o[0-9]|gpt-[56])`),
	"anthropic": regexp.MustCompile(`^claude-(sonnet-5|haiku-5|opus-5|opus-4-[78]|fable-)`),
}

// fixed says whether a model samples as it likes: it would answer a request with a temperature with an error.
func fixed(provider, model string) bool {
	rule, ok := fixedModels[provider]
	return ok && rule.MatchString(model)
}

// unsampled is a client whose model takes neither temperature nor top_p. A call that gives them is meant for the other models of a
// chain too, so they are left out here instead of failing it.
type unsampled struct{ llms.Model }

func (u unsampled) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	recorderFrom(ctx).unset = unset{temperature: true}
	return u.Model.GenerateContent(ctx, messages, append(options[:len(options):len(options)], llms.WithTopP(0))...)
}
