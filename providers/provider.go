package providers

import (
	"github.com/tmc/langchaingo/llms"
)

// Provider is one model at one provider: a member of a [Chain]. Any llms.Model makes one.
type Provider struct {
	// Name is how the provider is called in journals, errors and settings, such as "groq".
	Name string

	// Model is the model's name at the provider. It is asked for in every request, whatever model the caller named. Empty:
	// the client's own.
	Model string

	// LLM is the client. One of langchaingo's over HTTP should use a transport of [Guard]; those of [Open] do.
	LLM llms.Model

	// Context is the size of the model's window in tokens, MaxOutput the most that an answer may have. Zero: unknown.
	Context, MaxOutput int

	// Without is what the model can't do. Empty: nothing is known to be missing.
	Without []Feature

	// JSON is how far the endpoint can be told to answer in JSON. Defaults to unknown.
	JSON JSONMode

	// Limits are the allowances that all calls together must keep to. Defaults to none.
	Limits Limits

	// Price is what the model costs. Nil: unknown, which is not free.
	Price *Price
}
