package providers

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// checkInput refuses requests that make one client or another panic. It returns the options without nil
// ones, such that a metadata map which concurrent calls share is only read.
func checkInput(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) ([]llms.CallOption, error) {
	if ctx == nil {
		return nil, invalidRequest(errors.New("the context is nil"))
	}
	if len(messages) == 0 {
		return nil, invalidRequest(errors.New("the request has no messages"))
	}
	for i, m := range messages {
		if len(m.Parts) == 0 {
			return nil, invalidRequest(fmt.Errorf("message %d has no parts", i+1))
		}
		for _, p := range m.Parts {
			if err := checkPart(p); err != nil {
				return nil, invalidRequest(fmt.Errorf("message %d: %w", i+1, err))
			}
		}
	}
	kept := make([]llms.CallOption, 0, len(options))
	for _, o := range options {
		if o != nil {
			kept = append(kept, func(c *llms.CallOptions) {
				o(c)
				c.Metadata = maps.Clone(c.Metadata) // the next option may write into it, and it is the caller's
			})
		}
	}
	for i, t := range resilience.ApplyOptions(kept).Tools {
		if t.Function == nil {
			return nil, invalidRequest(fmt.Errorf("tool %d has no function", i+1))
		}
	}
	return kept, nil
}

func checkPart(p llms.ContentPart) error {
	switch p := p.(type) {
	case nil:
		return errors.New("a part is nil")
	case llms.ToolCall:
		if p.FunctionCall == nil {
			return errors.New("a tool call has no function call")
		}
	case llms.CachedContent:
		return checkPart(p.ContentPart)
	}
	return nil
}

func invalidRequest(cause error) error {
	return &resilience.Error{Class: resilience.InvalidRequest, Err: cause}
}
