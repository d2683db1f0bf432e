package offline

import (
	"context"
	"errors"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// Notice is what a program tells its user before it works with the offline author.
const Notice = "This is the offline sample author: no network, no key, no cost, and prose to match. " +
	"For a real provider set its key (for example OPENAI_API_KEY) and choose it by name, or \"auto\" for those whose keys are set."

// Author is the model. The zero value works; it has no state and is safe for concurrent use.
type Author struct{}

var _ llms.Model = (*Author)(nil)

// New returns an Author.
func New() *Author { return &Author{} }

// Call answers a single prompt.
func (a *Author) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, a, prompt, options...)
}

// GenerateContent answers the messages. It honours MaxTokens (the answer is cut, StopReason "length"), StopWords,
// StreamingFunc and the context's end.
func (a *Author) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts := apply(options)
	p := readPrompt(ctx, messages)
	if p.text == "" {
		return nil, errors.New("offline: the request has no text")
	}
	text := answer(p, newRand(messages, opts))
	stop := "stop"
	if cut, ok := limit(text, opts.MaxTokens); ok {
		text, stop = cut, "length"
	}
	if cut, ok := stopAt(text, opts.StopWords); ok {
		text, stop = cut, "stop"
	}
	if err := stream(ctx, opts.StreamingFunc, text); err != nil {
		return nil, err
	}
	return response(p.text, text, stop), nil
}

func apply(options []llms.CallOption) llms.CallOptions {
	var opts llms.CallOptions
	for _, o := range options {
		if o != nil {
			o(&opts)
		}
	}
	return opts
}

func answer(p prompt, r *random) string {
	if p.schema != nil {
		if text, ok := instance(p, r); ok {
			return text
		}
	}
	return prose(p, r)
}

// limit cuts the text to a number of tokens, at 3 words for 4 tokens.
func limit(text string, tokens int) (string, bool) {
	if tokens <= 0 || Tokens(text) <= tokens {
		return text, false
	}
	end, n, in := 0, 0, false
	keep := max(1, tokens*3/4)
	for i, c := range text {
		space := c == ' ' || c == '\n'
		if !space && !in {
			if n == keep {
				break
			}
			n++
		}
		in = !space
		if in {
			end = i + len(string(c))
		}
	}
	return text[:end], true
}

func stopAt(text string, words []string) (string, bool) {
	cut := -1
	for _, w := range words {
		if i := strings.Index(text, w); w != "" && i >= 0 && (cut < 0 || i < cut) {
			cut = i
		}
	}
	if cut < 0 {
		return text, false
	}
	return text[:cut], true
}

// stream hands the text out in pieces of about a paragraph.
func stream(ctx context.Context, fn func(context.Context, []byte) error, text string) error {
	if fn == nil {
		return nil
	}
	for len(text) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := len(text)
		if i := strings.IndexByte(text, '\n'); i >= 0 {
			n = i + 1
		}
		if err := fn(ctx, []byte(text[:n])); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// Tokens is the author's estimate of a text's tokens: 4 for 3 words.
func Tokens(text string) int { return (wordCount(text)*4 + 2) / 3 }

func wordCount(s string) (n int) {
	in := false
	for i := range len(s) {
		space := s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r'
		if !space && !in {
			n++
		}
		in = !space
	}
	return n
}

func response(prompt, text, stop string) *llms.ContentResponse {
	in, out := Tokens(prompt), Tokens(text)
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{
		Content:    text,
		StopReason: stop,
		GenerationInfo: map[string]any{
			"PromptTokens":     in,
			"CompletionTokens": out,
			"TotalTokens":      in + out,
		},
	}}}
}
