package providers

import (
	"context"
	"maps"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
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

// client is a client of langchaingo behind the guard. On its own it gives the same typed errors as in a chain.
type client struct {
	name, model string
	inner       llms.Model
	maxTokens   int  // asked for when the caller gives no limit; zero: the API's default
	blocks      bool // makes a choice of each block of one answer, as Anthropic's client does
	legacyLimit bool // knows max_tokens, not max_completion_tokens
}

func (c *client) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, c, prompt, options...)
}

// GenerateContent asks the client. Inside a chain's attempt on this provider, that attempt's recorder is used.
func (c *client) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	options, err := checkInput(ctx, messages, options)
	if err != nil {
		return nil, err
	}
	if rec, ok := ctx.Value(recorderKey{}).(*recorder); ok && rec.provider == c.name && rec.model == c.model {
		return c.ask(ctx, messages, options)
	}
	a := attempt{provider: c.name, model: c.model, ask: c.ask, timeout: defaultTimeout, sink: newSink(options, 0)}
	o := a.run(ctx, messages, options)
	return o.resp, o.err
}

func (c *client) ask(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (*llms.ContentResponse, error) {
	first := make([]llms.CallOption, 0, len(options)+2)
	if c.model != "" {
		first = append(first, llms.WithModel(c.model))
	}
	if c.maxTokens > 0 {
		first = append(first, llms.WithMaxTokens(c.maxTokens))
	}
	options = append(first, options...)
	if c.legacyLimit {
		options = append(options, legacyLimitField)
	}
	resp, err := c.inner.GenerateContent(ctx, messages, options...)
	if err == nil && c.blocks {
		joinBlocks(resp)
	}
	return resp, err
}

// legacyLimitField is openai.WithLegacyMaxTokensField for any metadata of the caller's, which it leaves alone.
func legacyLimitField(o *llms.CallOptions) {
	o.Metadata = maps.Clone(o.Metadata)
	openai.WithLegacyMaxTokensField()(o)
}

// joinBlocks makes one choice of the blocks of one answer, so that who reads only the first choice gets all of it.
func joinBlocks(resp *llms.ContentResponse) {
	if resp == nil || len(resp.Choices) < 2 {
		return
	}
	var one *llms.ContentChoice
	for _, c := range resp.Choices {
		switch {
		case c == nil:
		case one == nil:
			one = c
		default:
			one.Content += c.Content
			one.ToolCalls = append(one.ToolCalls, c.ToolCalls...)
			for k, v := range c.GenerationInfo {
				if old, ok := one.GenerationInfo[k]; !ok || old == "" {
					one.GenerationInfo[k] = v
				}
			}
		}
	}
	if one != nil {
		if len(one.ToolCalls) > 0 {
			one.FuncCall = one.ToolCalls[0].FunctionCall
		}
		resp.Choices = []*llms.ContentChoice{one}
	}
}
