package providers

import (
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// charsPerToken is how many bytes of a prompt make a token, as long as nothing better is known: OpenAI's rule of thumb for English.
const charsPerToken = 4

// estimate is roughly what a request will use: a token for four bytes of the prompt, and the most that the answer may have.
func estimate(messages []llms.MessageContent, maxTokens int) resilience.Usage {
	n := 0
	for _, m := range messages {
		for _, p := range m.Parts {
			n += len(textOf(p))
		}
	}
	return resilience.Usage{Input: int64(n+charsPerToken-1) / charsPerToken, Output: int64(max(maxTokens, 0))}
}
