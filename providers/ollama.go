package providers

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

const (
	// minWindow is the smallest context window that Ollama is asked for, in tokens: what it takes by itself on a small machine.
	minWindow = 4096

	// ollamaAnswer is how much of the window is kept for an answer without a limit, in tokens.
	ollamaAnswer = 2048
)

// window is the context window to ask Ollama for, in tokens: a power of two that holds the prompt and the answer, at most the
// model's own. It only grows, because the server loads the model anew for each other size. Zero: the server's own, where the
// model's is not known.
func (c *client) windowFor(messages []llms.MessageContent, limit int) int {
	if c.context <= 0 {
		return 0
	}
	if limit <= 0 {
		limit = ollamaAnswer
	}
	prompt := int(estimate(messages, 0).Input)
	need := max(minWindow, prompt+prompt/3+limit)
	need = min(1<<bits.Len(uint(need-1)), c.context)
	for {
		have := c.window.Load()
		if int(have) >= need {
			return int(have)
		}
		if c.window.CompareAndSwap(have, int64(need)) {
			return need
		}
	}
}

// cutByServer is the error for an answer to a part of the prompt. A word is at least one token, so a server that counts fewer tokens
// than there are words has not read them all; and a server that cut the prompt counts just the window or half of it. Only both
// together are a proof: some servers count only what they had not cached. What an older server cut away as whole messages
// can't be told.
func (c *client) cutByServer(messages []llms.MessageContent, window int, resp *llms.ContentResponse) error {
	read := int(resilience.UsageOf(resp).Input)
	words := 0
	for _, m := range messages {
		for _, p := range m.Parts {
			words += len(strings.Fields(textOf(p)))
		}
	}
	if read <= 0 || read*10 >= words*9 || !nearWindow(read, window) {
		return nil
	}
	return &resilience.Error{
		Class: resilience.ContextLength, Provider: c.name, Model: c.model,
		Err:  fmt.Errorf("the server read only %d tokens of a prompt of at least %d", read, words),
		Hint: "set Settings.Context to the model's window, or OLLAMA_CONTEXT_LENGTH where the server runs, or bring it up to date",
	}
}

// nearWindow says whether a count is that of a full window or of half of one. Not knowing the window, it may be any power of two.
func nearWindow(count, window int) bool {
	const slack = 16
	if window <= 0 {
		window = 1 << bits.Len(uint(count+slack)) // half of it is the power of two at or below count
		return count >= 1024 && (count >= window-slack || count <= window/2+slack && count >= window/2-slack)
	}
	return count >= window-slack || (count >= window/2-slack && count <= window/2+slack)
}

// native says whether Ollama's own client can send a request: it knows texts and pictures, and no tools.
func native(messages []llms.MessageContent, o llms.CallOptions) bool {
	if len(o.Tools) > 0 || o.ToolChoice != nil {
		return false
	}
	for _, m := range messages {
		if m.Role == llms.ChatMessageTypeTool || m.Role == llms.ChatMessageTypeFunction {
			return false
		}
		for _, p := range m.Parts {
			switch bare(p).(type) {
			case llms.TextContent, llms.BinaryContent:
			default:
				return false
			}
		}
	}
	return true
}

// forOllama joins the texts of each message: the client takes one.
func forOllama(messages []llms.MessageContent) ([]llms.MessageContent, error) {
	out := make([]llms.MessageContent, 0, len(messages))
	for _, m := range messages {
		var texts []string
		var parts []llms.ContentPart
		for _, p := range m.Parts {
			switch p := bare(p).(type) {
			case llms.TextContent:
				texts = append(texts, p.Text)
			case llms.BinaryContent:
				if !picture(p) {
					return nil, errors.New("only pictures can be sent beside text")
				}
				parts = append(parts, p)
			}
		}
		parts = append([]llms.ContentPart{llms.TextContent{Text: strings.Join(texts, "\n")}}, parts...)
		out = append(out, llms.MessageContent{Role: m.Role, Parts: parts})
	}
	return out, nil
}
