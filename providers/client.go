package providers

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// client is a client of langchaingo behind the guard. On its own it gives the same typed errors as in a chain.
type client struct {
	name, model string
	protocol    wire.Protocol // what inner speaks
	inner       llms.Model
	compat      llms.Model   // speaks OpenAI's protocol to the same server, for what inner can't say; nil: nothing more
	maxTokens   int          // asked for when the caller gives no limit; zero: the API's default
	blocks      bool         // makes a choice of each block of one answer, as Anthropic's client does
	legacyLimit bool         // knows max_tokens, not max_completion_tokens
	samples     bool         // knows top_k and repetition_penalty, which OpenAI's own API does not
	context     int          // tokens; zero: unknown
	without     []Feature    // what the model can't do
	unknown     []string     // options that the API rejects
	withTools   []wire.Field // to be added to requests with tools

	format atomic.Int32 // the response format that the endpoint is known to take: a wire.Format
	window atomic.Int64 // the largest that was asked for
}

func (c *client) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, c, prompt, options...)
}

// GenerateContent asks the client. Inside a chain's attempt on this provider, that attempt's recorder is used. Alone it asks again
// when the endpoint rejects the form in which it was told about a JSON Schema, and remembers that.
func (c *client) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	rec, inside := wire.RecorderFrom(ctx)
	if inside && rec.Provider == c.name && rec.Model == c.model { // the chain has checked the input
		return c.ask(ctx, messages, options)
	}
	options, err := checkInput(ctx, messages, options)
	if err != nil {
		return nil, err
	}
	a := attempt{
		provider: c.name, model: c.model, ask: c.ask, timeout: defaultTimeout, sink: newSink(resilience.ApplyOptions(options), 0), format: wire.Format(c.format.Load()),
	}
	if inside {
		a.idle = rec.Idle
	}
	o := a.steppingDown(ctx, messages, options, &c.format)
	if inside {
		rec.Absorb(wire.Result{Requests: o.requests, Status: o.status, Header: o.header, Rejected: o.formatRejected})
	}
	if o.err == nil && blank(o.resp) {
		o.err = a.named(judge(o.resp))
	}
	if o.err != nil {
		return nil, o.err
	}
	return o.resp, nil
}

// ask makes the request in the form that the client can send without loss. The context holds the attempt's recorder.
func (c *client) ask(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (*llms.ContentResponse, error) {
	o := resilience.ApplyOptions(options)
	inner, p := c.inner, c.protocol
	if c.compat != nil && !native(messages, o) {
		inner, p = c.compat, wire.ProtocolChat
	}
	r, err := c.prepare(p, messages, options, o)
	if err != nil {
		return nil, err
	}
	changes := wire.Changes{Fields: r.extra, Join: r.join, Unsampled: slices.Contains(c.without, FeatureSampling)}
	if p == wire.ProtocolOllama {
		changes.Window = c.windowFor(messages, o.MaxTokens)
	}
	if changes.Join || changes.Unsampled || changes.Window > 0 || len(changes.Fields) > 0 {
		ctx = wire.WithChanges(ctx, changes)
	}
	first := make([]llms.CallOption, 0, len(r.options)+3)
	if c.model != "" {
		first = append(first, llms.WithModel(c.model))
	}
	if c.maxTokens > 0 {
		first = append(first, llms.WithMaxTokens(c.maxTokens))
	}
	all := append(first, r.options...)
	if c.legacyLimit {
		all = append(all, legacyLimitField)
	}
	resp, err := inner.GenerateContent(ctx, r.messages, all...)
	switch {
	case err != nil:
		return resp, err
	case c.blocks:
		joinBlocks(resp)
	case c.compat != nil:
		if err := c.cutByServer(messages, changes.Window, resp); err != nil {
			return nil, err
		}
	}
	nameCalls(resp)
	return resp, nil
}

// ownLimit is the longest answer in tokens that the client asks for when the caller does not say; zero: it does not say either.
func (c *client) ownLimit() int { return c.maxTokens }

// nameCalls fills in the type of tool calls, which Anthropic's client leaves out and OpenAI's API demands in the next request.
func nameCalls(resp *llms.ContentResponse) {
	if resp == nil {
		return
	}
	for _, c := range resp.Choices {
		for i := range callsOf(c) {
			if c.ToolCalls[i].Type == "" {
				c.ToolCalls[i].Type = "function"
			}
		}
	}
}

func callsOf(c *llms.ContentChoice) []llms.ToolCall {
	if c == nil {
		return nil
	}
	return c.ToolCalls
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
			if one.GenerationInfo == nil {
				one.GenerationInfo = map[string]any{}
			}
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
