package providers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

const (
	defaultMaxWait  = 15 * time.Minute
	defaultPatience = time.Minute

	// maxGrowth is how often an answer that was cut is asked again with twice the limit.
	maxGrowth = 3
)

// ChainConfig says how a chain works. The zero value has the defaults.
type ChainConfig struct {
	// Policy decides for each class of failure about trying again and switching. Defaults to the zero Policy.
	Policy resilience.Policy

	// MaxTries bounds the requests of one call over all providers. Defaults to resilience.MaxTries, 8.
	MaxTries int

	// MaxWait is the longest that a call waits for a provider that cools down, or whose limits are used up; a longer wait is a
	// [WaitError]. Defaults to 15 minutes.
	MaxWait time.Duration

	// Patience is the longest that a call waits in line for a provider's limits before the next provider is asked that is
	// sooner free. Defaults to 1 minute, in which most allowances are renewed.
	Patience time.Duration

	// Pool is what the chain knows of its providers' health and limits together with other chains. Defaults to one of its own.
	Pool *Pool

	// Timeout bounds one request. Defaults to 5 minutes; negative: none.
	Timeout time.Duration

	// Idle bounds the silence inside a stream, for clients behind [Guard]. Defaults to 1 minute.
	Idle time.Duration

	// Callbacks are told of each call: its start, and its end or error. Defaults to none.
	Callbacks callbacks.Handler

	// AcceptTruncated hands out an answer that a length limit cut. Defaults to false: it is asked again with twice the
	// limit, at most three times, and is an error then.
	AcceptTruncated bool
}

// Chain is a model made of several: each call goes to the first provider that is healthy, and the class of a failure decides
// whether that one is tried again after a wait, the next one is asked, or the call fails with a [ChainError].
//
// A provider that failed cools down for all calls of the chain's [Pool], for as long as it asked or its class says; the first call
// after that is the probe. One whose key, money or model is missing is out until the process ends. When all
// cool down, a call waits, up to MaxWait. Before a request leaves it waits its turn at the provider's [Limits].
//
// A provider that can't take a request (its window is too small; it lacks tools, images, JSON mode or streaming) is not asked.
// Empty and cut answers are failures too: a cut one is asked for again with a larger limit, and where that can't be raised it
// is continued and the parts are joined (not JSON, and not while streaming). While a call streams, no other provider is asked once a part of an answer was
// delivered; a failure after that is a [PartialError].
//
// One call makes at most MaxTries HTTP requests over all providers, whatever fails; the clients themselves try nothing again.
//
// A Chain calls the [resilience.Hooks] of its context for each request; without them it is a plain model with
// fallback. It is safe for concurrent use.
type Chain struct {
	cfg     ChainConfig
	members []*member
}

// member is a provider in its place.
type member struct {
	Provider
	*standing
	index int
}

var (
	_ llms.Model             = (*Chain)(nil)
	_ resilience.TryReporter = (*Chain)(nil)
)

// NewChain makes a chain of providers, the preferred one first. Each needs a model, which is no chain itself (tries would multiply);
// name and model together must differ.
func NewChain(cfg ChainConfig, ps ...Provider) (*Chain, error) {
	if len(ps) == 0 {
		return nil, errors.New("providers: a chain needs a provider")
	}
	if cfg.MaxTries <= 0 {
		cfg.MaxTries = resilience.MaxTries
	}
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = defaultMaxWait
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Pool == nil {
		cfg.Pool = NewPool()
	}
	c := &Chain{cfg: cfg}
	seen := map[[2]string]bool{}
	for i, p := range ps {
		if p.LLM == nil {
			return nil, fmt.Errorf("providers: provider %d (%s) has no model", i+1, p.Name)
		}
		if p.Name == "" {
			return nil, fmt.Errorf("providers: provider %d has no name", i+1)
		}
		if resilience.ReportsTries(p.LLM) {
			return nil, fmt.Errorf("providers: provider %d (%s) is a chain itself, and tries would multiply; put its members here", i+1, p.Name)
		}
		if key := [2]string{p.Name, p.Model}; seen[key] {
			return nil, fmt.Errorf("providers: %s %s stands in the chain twice", p.Name, p.Model)
		} else {
			seen[key] = true
		}
		c.members = append(c.members, &member{p, cfg.Pool.of(p), i})
	}
	return c, nil
}

// Providers returns the members in their order.
func (c *Chain) Providers() []Provider {
	ps := make([]Provider, 0, len(c.members))
	for _, m := range c.members {
		ps = append(ps, m.Provider)
	}
	return ps
}

// Wrap returns a new chain in which each member is what wrap makes of it: to log, to limit, to inject failures.
func (c *Chain) Wrap(wrap func(Provider) (Provider, error)) (*Chain, error) {
	ps := c.Providers()
	for i, p := range ps {
		var err error
		if ps[i], err = wrap(p); err != nil {
			return nil, err
		}
	}
	return NewChain(c.cfg, ps...)
}

// String names the members in their order, as a run records them: "groq/llama-3.3-70b-versatile, openai/gpt-4o-mini".
func (c *Chain) String() string {
	var names []string
	for _, m := range c.members {
		name := m.Name
		if m.Model != "" {
			name += "/" + m.Model
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// ReportsTries says that the chain calls the hooks itself.
func (c *Chain) ReportsTries() bool { return true }

// Call answers a single prompt.
func (c *Chain) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, c, prompt, options...)
}

// GenerateContent asks the providers. Errors of the hooks, a pause and the end of ctx come back at once and as they are.
func (c *Chain) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	options, err := checkInput(ctx, messages, options)
	if err != nil {
		return nil, err
	}
	k := &call{
		chain: c, hooks: resilience.HooksFrom(ctx), messages: messages, options: options,
		records: make([]record, len(c.members)), last: -1, stick: -1,
	}
	chosen := resilience.ApplyOptions(options)
	k.sink, k.limit = newSink(chosen, resilience.MinAnswer), chosen.MaxTokens
	k.skipUnfit(needsOf(messages, chosen, k.sink != nil), chosen)
	k.skipSmall()
	return told(ctx, c.cfg.Callbacks, k.hooks.Warn, messages, func() (*llms.ContentResponse, error) { return k.run(ctx) })
}
