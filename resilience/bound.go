package resilience

import (
	"context"
	"encoding/json"

	"github.com/tmc/langchaingo/llms"
)

// What [PromptBound] counts beside the text.
const (
	boundRequest = 256    // for what a provider puts around a request: a chat template, a system text of its own
	boundMessage = 16     // for the marks around a message or a part of one
	boundTools   = 1_024  // for the text with which a provider explains tools to its models
	boundPicture = 50_000 // for a picture of any size
)

// PromptBound is a number of tokens that the prompt of a request does not exceed: each byte of text, of tools and of the
// schema that ctx carries counts as one token, since no tokenizer makes several tokens of a byte, and what a provider adds
// is allowed for. Of ordinary text it is three to five times what will be counted. It is no bound for a file that is not
// text, such as a PDF or a recording, for which its bytes are counted.
func PromptBound(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) int64 {
	n := int64(boundRequest)
	for _, m := range messages {
		n += boundMessage
		for _, p := range m.Parts {
			n += boundMessage + boundPart(p)
		}
	}
	o := ApplyOptions(options)
	if len(o.Tools)+len(o.Functions) > 0 {
		n += boundTools + jsonSize(o.Tools) + jsonSize(o.Functions)
	}
	if _, schema, ok := SchemaFrom(ctx); ok {
		n += boundMessage + int64(len(schema))
	}
	return n
}

func boundPart(part llms.ContentPart) int64 {
	switch p := part.(type) {
	case llms.TextContent:
		return int64(len(p.Text))
	case llms.ImageURLContent:
		return boundPicture
	case llms.BinaryContent:
		return max(boundPicture, int64(len(p.Data)))
	case llms.ToolCallResponse:
		return int64(len(p.ToolCallID) + len(p.Name) + len(p.Content))
	case llms.ToolCall:
		n := len(p.ID)
		if p.FunctionCall != nil {
			n += len(p.FunctionCall.Name) + len(p.FunctionCall.Arguments)
		}
		return int64(n)
	case llms.CachedContent:
		return boundPart(p.ContentPart)
	}
	return jsonSize(part)
}

func jsonSize(v any) int64 {
	raw, err := json.Marshal(v)
	if err != nil {
		return boundPicture // what can't be said in JSON can't be sent either
	}
	return int64(len(raw))
}

// AnswerBound is the most tokens that all answers to a request can have together, when each has at most limit of them.
func AnswerBound(o llms.CallOptions, limit int) int64 {
	return int64(max(limit, 0)) * int64(max(1, o.N, o.CandidateCount))
}
