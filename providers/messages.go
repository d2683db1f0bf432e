package providers

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// forChat makes messages that OpenAI's client sends whole: it drops marks of caching with the text they stand on, wants one result
// of a tool in a message, and writes pictures in a way that no API reads.
func forChat(messages []llms.MessageContent) ([]llms.MessageContent, error) {
	if plainTexts(messages) {
		return messages, nil
	}
	out := make([]llms.MessageContent, 0, len(messages))
	for i, m := range messages {
		parts := make([]llms.ContentPart, 0, len(m.Parts))
		for _, p := range m.Parts {
			q, err := chatPart(m.Role, bare(p))
			if err != nil {
				return nil, fmt.Errorf("message %d: %w", i+1, err)
			}
			if m.Role == llms.ChatMessageTypeTool {
				out = append(out, llms.MessageContent{Role: m.Role, Parts: []llms.ContentPart{q}})
				continue
			}
			parts = append(parts, q)
		}
		switch {
		case m.Role == llms.ChatMessageTypeFunction && len(parts) != 1:
			return nil, fmt.Errorf("message %d: a function message holds one result; use the tool role", i+1)
		case len(parts) > 0:
			out = append(out, llms.MessageContent{Role: m.Role, Parts: parts})
		}
	}
	return out, nil
}

// plainTexts says whether there is nothing in messages but text.
func plainTexts(messages []llms.MessageContent) bool {
	for _, m := range messages {
		if m.Role == llms.ChatMessageTypeTool || m.Role == llms.ChatMessageTypeFunction {
			return false
		}
		for _, p := range m.Parts {
			if _, ok := p.(llms.TextContent); !ok {
				return false
			}
		}
	}
	return true
}

func chatPart(role llms.ChatMessageType, p llms.ContentPart) (llms.ContentPart, error) {
	result := role == llms.ChatMessageTypeTool || role == llms.ChatMessageTypeFunction
	switch p := p.(type) {
	case llms.ToolCallResponse:
		if result {
			return p, nil
		}
		return nil, errors.New("the result of a tool belongs into a message of the tool role")
	case llms.ToolCall:
		if role == llms.ChatMessageTypeAI {
			return wholeCall(p)
		}
		return nil, errors.New("a tool call belongs into a message of the AI role")
	case llms.TextContent, llms.ImageURLContent:
		if !result {
			return p, nil
		}
	case llms.BinaryContent:
		if !result && picture(p) {
			return llms.ImageURLContent{URL: p.String()}, nil
		}
		if !result {
			return nil, errors.New("of binary parts, only pictures can be sent")
		}
	}
	return nil, fmt.Errorf("a part of type %T can't be sent with the role %s", p, role)
}

// wholeCall fills in what an API demands of a tool call and another one's answer left empty.
func wholeCall(c llms.ToolCall) (llms.ToolCall, error) {
	call := *c.FunctionCall
	if args := strings.TrimSpace(call.Arguments); args == "" || args == "null" {
		call.Arguments = "{}"
	}
	if call.Name == "" {
		return c, errors.New("a tool call has no name")
	}
	if c.Type == "" {
		c.Type = "function"
	}
	c.FunctionCall = &call
	return c, nil
}

// forMessages makes messages that Anthropic's client sends whole: of those of the system, the model and tools it takes the first
// part and no more. What follows on each other is joined again on the wire.
func forMessages(messages []llms.MessageContent) (out []llms.MessageContent, join bool, err error) {
	var system []string
	for i, m := range messages {
		for _, p := range m.Parts {
			role, q, err := messagesPart(m.Role, p)
			switch {
			case err != nil:
				return nil, false, fmt.Errorf("message %d: %w", i+1, err)
			case role == llms.ChatMessageTypeSystem:
				system = append(system, textOf(q))
				continue
			}
			n := len(out)
			same := n > 0 && (out[n-1].Role == role || speaker(out[n-1].Role) == speaker(role))
			if same && role == llms.ChatMessageTypeHuman && out[n-1].Role == role {
				out[n-1].Parts = append(out[n-1].Parts, q)
				continue
			}
			join = join || same
			out = append(out, llms.MessageContent{Role: role, Parts: []llms.ContentPart{q}})
		}
	}
	if len(system) > 0 {
		first := llms.TextParts(llms.ChatMessageTypeSystem, strings.Join(system, "\n\n"))
		out = append([]llms.MessageContent{first}, out...)
	}
	return out, join, nil
}

// speaker is whose turn a message is in Anthropic's words.
func speaker(role llms.ChatMessageType) llms.ChatMessageType {
	if role == llms.ChatMessageTypeTool {
		return llms.ChatMessageTypeHuman
	}
	return role
}

func messagesPart(role llms.ChatMessageType, p llms.ContentPart) (llms.ChatMessageType, llms.ContentPart, error) {
	if role == llms.ChatMessageTypeGeneric {
		role = llms.ChatMessageTypeHuman
	}
	switch q := bare(p).(type) {
	case llms.TextContent:
		switch role {
		case llms.ChatMessageTypeSystem, llms.ChatMessageTypeAI:
			return role, q, nil
		case llms.ChatMessageTypeHuman:
			return role, p, nil
		}
	case llms.BinaryContent:
		if role == llms.ChatMessageTypeHuman && picture(q) {
			return role, p, nil
		}
	case llms.ImageURLContent:
		if b, ok := dataURL(q.URL); ok && role == llms.ChatMessageTypeHuman {
			return role, b, nil
		}
		return role, nil, errors.New("a picture can't be sent by its address; send it as a binary part")
	case llms.ToolCall:
		if role != llms.ChatMessageTypeAI {
			return role, nil, errors.New("a tool call belongs into a message of the AI role")
		}
		call, err := wholeCall(q)
		var object map[string]json.RawMessage
		if err == nil && json.Unmarshal([]byte(call.FunctionCall.Arguments), &object) != nil {
			err = errors.New("the arguments of a tool call are not a JSON object")
		}
		return role, call, err
	case llms.ToolCallResponse:
		if role == llms.ChatMessageTypeTool {
			return role, q, nil
		}
		return role, nil, errors.New("the result of a tool belongs into a message of the tool role")
	}
	return role, nil, fmt.Errorf("a part of type %T can't be sent with the role %s", bare(p), role)
}

// dataURL is the picture that stands in an address.
func dataURL(url string) (llms.BinaryContent, bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	kind, data, found := strings.Cut(rest, ";base64,")
	if !ok || !found {
		return llms.BinaryContent{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	b := llms.BinaryContent{MIMEType: kind, Data: raw}
	return b, err == nil && picture(b)
}
