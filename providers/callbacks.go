package providers

import (
	"context"
	"fmt"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"
)

// told is a model call with langchaingo's callbacks around it: start, then end or error, once for each call whatever was tried
// below. The clients themselves call theirs now and then only, so theirs are left alone.
func told(ctx context.Context, h callbacks.Handler, warn func(context.Context, string, string), messages []llms.MessageContent,
	call func() (*llms.ContentResponse, error),
) (*llms.ContentResponse, error) {
	if h == nil {
		return call()
	}
	safely := func(fn func()) { // what a handler does must not change the answer
		defer func() {
			if p := recover(); p != nil && warn != nil {
				warn(ctx, "callback", fmt.Sprintf("a callback handler panicked: %v", p))
			}
		}()
		fn()
	}
	safely(func() { h.HandleLLMGenerateContentStart(ctx, messages) })
	resp, err := call()
	if err != nil {
		safely(func() { h.HandleLLMError(ctx, err) })
	} else {
		safely(func() { h.HandleLLMGenerateContentEnd(ctx, resp) })
	}
	return resp, err
}
