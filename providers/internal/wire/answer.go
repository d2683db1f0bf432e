package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/dogear-go/dogear/resilience"
)

var errRedirect = errors.New("the API redirects elsewhere")

// answer is what belongs to all of an answer, whole or in parts.
type answer struct {
	provider string
	header   http.Header
	rec      *Recorder
	keys     []string
}

func (a *answer) invalid(cause error) error {
	return &resilience.Error{Class: resilience.InvalidResponse, Provider: a.provider, Err: cause}
}

// inBand is the error that the server reports inside of its answer.
func (a *answer) inBand(body []byte) error {
	return resilience.FromHTTP(a.provider, http.StatusOK, a.header, Hide(body, a.keys))
}

// status is the error for an answer whose status is none of success.
func (a *answer) status(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, MaxErrorBody))
	if resp.StatusCode >= 400 {
		return resilience.FromHTTP(a.provider, resp.StatusCode, a.header, Hide(text, a.keys))
	}
	return a.redirected(resp.StatusCode)
}

func (a *answer) redirected(status int) error {
	return &resilience.Error{
		Class: resilience.NotFound, Provider: a.provider, Status: status, Err: errRedirect,
		Hint: "check the base URL; a redirect to another host, or one without the request's body, is not followed",
	}
}

// check looks at a whole answer and returns it in a form that the client can digest.
func (a *answer) check(status int, text []byte, r request) ([]byte, error) {
	invalid := func(class resilience.Class, cause error) error {
		return &resilience.Error{Class: class, Provider: a.provider, Status: status, Err: cause}
	}
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(text) > maxBody:
		return nil, invalid(resilience.InvalidResponse, fmt.Errorf("the answer is larger than %d MiB", maxBody>>20))
	case len(trimmed) == 0 || status == http.StatusNoContent:
		return nil, invalid(resilience.EmptyResponse, errors.New("the server answered without a body"))
	case trimmed[0] == '<':
		return nil, resilience.FromHTTP(a.provider, status, a.header, Hide(trimmed[:min(len(trimmed), MaxErrorBody)], a.keys))
	case trimmed[0] == '[' && errorList(trimmed):
		return nil, resilience.FromHTTP(a.provider, status, a.header, Hide(trimmed, a.keys))
	}
	reply, err := readReply(trimmed)
	switch {
	case err != nil:
		return nil, invalid(resilience.InvalidResponse, fmt.Errorf("the answer is not JSON: %w", err))
	case string(trimmed) == "null":
		return nil, invalid(resilience.InvalidResponse, errors.New("the answer is null"))
	case reply.inBand():
		return nil, resilience.FromHTTP(a.provider, status, a.header, Hide(reply.errorBody(trimmed), a.keys))
	case r.stream:
		return nil, invalid(resilience.InvalidResponse, errors.New("a stream was asked for and something else came"))
	}
	a.rec.saw(reply.usage(), reply.refusal())
	fixed, err := trimmed, error(nil)
	switch r.protocol {
	case ProtocolChat:
		fixed, err = reply.chat(trimmed, a.rec)
	case ProtocolMessages:
		a.rec.finished(reply.StopReason)
		fixed, err = reply.messages(trimmed)
	}
	if err != nil {
		return nil, invalid(resilience.InvalidResponse, err)
	}
	return fixed, nil
}

// errorList says whether a list is one of errors, as Gemini's compatible endpoint answers.
func errorList(text []byte) bool {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil || len(list) == 0 {
		return false
	}
	reply, err := readReply(list[0])
	return err == nil && reply.inBand()
}

// chat looks for what makes OpenAI's client panic or fail.
func (r *reply) chat(text []byte, rec *Recorder) ([]byte, error) {
	rebuild := false
	for i, c := range r.Choices {
		switch {
		case c == nil:
			return nil, fmt.Errorf("choice %d is null", i)
		case c.Message == nil:
			return nil, fmt.Errorf("choice %d has no message", i)
		case c.FinishReason == "function_call" && !given(c.Message.FunctionCall):
			return nil, errors.New("the answer ends with a function call that is not there")
		}
		for _, call := range c.Message.ToolCalls {
			if call == nil || call.Function.Name == "" {
				return nil, errors.New("a tool call has no name")
			}
			rebuild = rebuild || startsWith(call.Function.Arguments, '{')
		}
		rebuild = rebuild || startsWith(c.Message.Content, '[')
		if i == 0 {
			rec.finished(c.FinishReason)
		}
	}
	if !rebuild {
		return text, nil
	}
	return r.plainChat()
}

func startsWith(raw json.RawMessage, b byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == b
}

// plainChat says an answer again with content and arguments as texts.
func (r *reply) plainChat() ([]byte, error) {
	type message struct {
		Content          string       `json:"content"`
		ReasoningContent string       `json:"reasoning_content,omitempty"`
		ToolCalls        []clientCall `json:"tool_calls,omitempty"`
	}
	type choice struct {
		Index        int     `json:"index"`
		Message      message `json:"message"`
		FinishReason string  `json:"finish_reason,omitempty"`
	}
	list := make([]choice, 0, len(r.Choices))
	for i, c := range r.Choices {
		content, thoughts, err := contentText(c.Message.Content)
		if err != nil {
			return nil, err
		}
		m := message{Content: content, ReasoningContent: thoughts + c.Message.Reasoning}
		for _, call := range c.Message.ToolCalls {
			m.ToolCalls = append(m.ToolCalls, clientCall{
				ID: call.ID, Type: "function", Function: clientFunction{call.Function.Name, argumentText(call.Function.Arguments)},
			})
		}
		list = append(list, choice{i, m, c.FinishReason})
	}
	return json.Marshal(struct {
		Choices []choice     `json:"choices"`
		Usage   *tokenCounts `json:"usage,omitempty"`
	}{list, r.Usage})
}

// messages leaves out the blocks that Anthropic's client fails on, and gives it an empty one where there is none: it takes an
// answer without blocks, as refusals are, for a broken one.
func (r *reply) messages(text []byte) ([]byte, error) {
	known := 0
	for _, b := range r.Content {
		if b.known() {
			known++
		}
	}
	if known > 0 && known == len(r.Content) {
		return text, nil
	}
	f, ok := splitFields(text)
	if !ok {
		return text, nil
	}
	if known == 0 {
		if r.StopReason == "" {
			return text, nil
		}
		f.setRaw("content", json.RawMessage(`[{"type":"text","text":""}]`))
		return f.bytes(), nil
	}
	var all, kept []json.RawMessage
	if err := json.Unmarshal(f.get("content"), &all); err != nil || len(all) != len(r.Content) {
		return nil, errors.New("the content is no list of blocks")
	}
	for i, raw := range all {
		if r.Content[i].known() {
			kept = append(kept, raw)
		}
	}
	f.set("content", kept)
	return f.bytes(), nil
}

// known says whether Anthropic's client reads a block of this kind.
func (b *replyBlock) known() bool {
	return b != nil && (b.Type == "text" || b.Type == "tool_use" || b.Type == "thinking")
}
