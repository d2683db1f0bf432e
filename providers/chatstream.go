package providers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/resilience"
)

// chatChunk is an event of OpenAI's stream, with the fields and types that langchaingo's client decodes: it skips an event in
// which one of them has another type, and with it the text.
type chatChunk struct {
	ID                string       `json:"id"`
	Created           float64      `json:"created"`
	Model             string       `json:"model"`
	Object            string       `json:"object"`
	Choices           []chatChoice `json:"choices"`
	SystemFingerprint string       `json:"system_fingerprint"`
	Usage             *wireUsage   `json:"usage"`
	chatErrors
}

// chatErrors are the places in which errors stand.
type chatErrors struct {
	Type  string          `json:"type"`
	Error json.RawMessage `json:"error"`
	XGroq *struct {
		Usage *wireUsage      `json:"usage"`
		Error json.RawMessage `json:"error"`
	} `json:"x_groq"`
}

type chatChoice struct {
	Index        float64         `json:"index"`
	Delta        chatDelta       `json:"delta"`
	FinishReason string          `json:"finish_reason"`
	Error        json.RawMessage `json:"error"`
}

type chatDelta struct {
	Role             string          `json:"role"`
	Content          string          `json:"content"`
	ReasoningContent string          `json:"reasoning_content"`
	Refusal          string          `json:"refusal"`
	FunctionCall     json.RawMessage `json:"function_call"`
	ToolCalls        json.RawMessage `json:"tool_calls"`
}

// chatStream reads OpenAI's events. It hands out one choice, keeps its finish reason, and puts the parts of tool calls together: the
// client appends each part to the call that began last.
type chatStream struct {
	answer
	done   bool
	chosen bool
	index  float64 // of the choice that is handed out
	finish string
	calls  []*toolCall
}

func (s *chatStream) ended() bool { return s.done }

func (s *chatStream) event(name string, data, line, out []byte) ([]byte, error) {
	var c chatChunk
	err := json.Unmarshal(data, &c)
	switch {
	case err == nil:
	case syntax(err):
		return nil, errMalformed
	default:
		line = nil
		if c, err = lenientChunk(data); err != nil {
			return nil, s.invalid(err)
		}
	}
	if err := s.check(name, data, &c); err != nil {
		return nil, err
	}
	if s.plain(&c) && line != nil && len(line) <= maxClientLine {
		return append(out, line...), nil
	}
	return s.rebuild(&c, out)
}

// check notes usage and refusal, and finds errors.
func (s *chatStream) check(name string, data []byte, c *chatChunk) error {
	switch {
	case given(c.Error), c.Object == "error", c.Type == "error", name == "error" && len(c.Choices) == 0:
		return s.inBand(data)
	case c.XGroq != nil && given(c.XGroq.Error):
		return s.inBand(fmt.Appendf(nil, `{"error":%s}`, c.XGroq.Error))
	}
	u := c.Usage.tokens()
	if c.XGroq != nil {
		u = maxUsage(u, c.XGroq.Usage.tokens())
	}
	refusal := ""
	for _, choice := range c.Choices {
		switch {
		case given(choice.Error):
			return s.inBand(fmt.Appendf(nil, `{"error":%s}`, choice.Error))
		case choice.FinishReason == "error":
			return s.inBand(data)
		}
		refusal += choice.Delta.Refusal
	}
	if u != (resilience.Usage{}) || refusal != "" {
		s.rec.saw(u, refusal)
	}
	return nil
}

// plain says whether the client can read the event as it is; it remembers the finish reason.
func (s *chatStream) plain(c *chatChunk) bool {
	if len(c.Choices) == 0 {
		return c.XGroq == nil
	}
	choice := &c.Choices[0]
	if !s.chosen {
		s.chosen, s.index = true, choice.Index
	}
	if choice.FinishReason != "" && choice.Index == s.index {
		s.finish = choice.FinishReason
	}
	return len(c.Choices) == 1 && choice.Index == s.index && choice.FinishReason == s.finish && c.XGroq == nil &&
		!given(choice.Delta.ToolCalls) && !given(choice.Delta.FunctionCall)
}

// rebuild says an event in other words.
func (s *chatStream) rebuild(c *chatChunk, out []byte) ([]byte, error) {
	for i := range c.Choices {
		choice := &c.Choices[i]
		if choice.Index != s.index {
			continue // of an answer that nobody asked for; the client would mix them
		}
		if choice.FinishReason != "" {
			s.finish = choice.FinishReason
		}
		d := &choice.Delta
		if given(d.ToolCalls) {
			if err := s.gather(d.ToolCalls); err != nil {
				return nil, s.invalid(err)
			}
		}
		if given(d.FunctionCall) {
			if err := s.gather(fmt.Appendf(nil, `[{"function":%s}]`, d.FunctionCall)); err != nil {
				return nil, s.invalid(err)
			}
		}
		out = s.text(out, d, choice.FinishReason != "")
	}
	usage := c.Usage
	if usage == nil && c.XGroq != nil {
		usage = c.XGroq.Usage
	}
	if usage != nil {
		out = append(out, `data: {"choices":[],"usage":`...)
		out = append(appendJSON(out, usage), "}\n\n"...)
	}
	return out, nil
}

// text appends the texts of a delta, in pieces, and an event without text where one brings the finish reason.
func (s *chatStream) text(out []byte, d *chatDelta, finish bool) []byte {
	if d.ReasoningContent != "" {
		for _, p := range pieces(d.ReasoningContent) {
			out = s.delta(out, `{"reasoning_content":`, appendJSON(nil, p))
		}
	}
	if d.Content == "" && (!finish || d.ReasoningContent != "") {
		return out
	}
	for _, p := range pieces(d.Content) {
		out = s.delta(out, `{"content":`, appendJSON(nil, p))
	}
	return out
}

// delta appends an event with one delta. The finish reason stands in each, once it is known: the client keeps the last.
func (s *chatStream) delta(out []byte, open string, value []byte) []byte {
	out = append(out, `data: {"choices":[{"index":0,"delta":`...)
	out = append(append(out, open...), value...)
	out = append(out, '}')
	if s.finish != "" {
		finish := s.finish
		if finish == "function_call" { // it became a tool call, and without one the client would panic
			finish = "tool_calls"
		}
		out = appendJSON(append(out, `,"finish_reason":`...), finish)
	}
	return append(out, "}]}\n\n"...)
}

// mark hands out the tool calls, now that they are whole, and the end.
func (s *chatStream) mark(out []byte) ([]byte, error) {
	s.done = true
	for _, c := range s.calls {
		if c.name == "" {
			return nil, s.invalid(errors.New("a tool call has no name"))
		}
		for i, p := range pieces(c.args.String()) {
			part := clientCall{Function: clientFunction{Arguments: p}}
			if i == 0 {
				part = clientCall{ID: c.id, Type: "function", Function: clientFunction{c.name, p}}
			}
			list := appendJSON(nil, []clientCall{part})
			s.rec.toolText(list)
			out = s.delta(out, `{"tool_calls":`, list)
		}
	}
	if s.finish == "function_call" && len(s.calls) == 0 {
		return nil, s.invalid(errors.New("the answer ends with a function call that is not there"))
	}
	if s.finish != "" {
		s.rec.finished(s.finish)
	}
	return append(out, "data: [DONE]\n\n"...), nil
}

// clientCall is a tool call as langchaingo's client writes it, which is also what it hands to the streaming function as text.
type clientCall struct {
	ID       string         `json:"id,omitempty"`
	Type     string         `json:"type"`
	Function clientFunction `json:"function"`
}

type clientFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// toolCall is a call that is being put together.
type toolCall struct {
	index *float64
	id    string
	name  string
	args  strings.Builder
}

// gather adds parts of tool calls.
func (s *chatStream) gather(raw json.RawMessage) error {
	var parts []*struct {
		Index    *float64 `json:"index"`
		ID       string   `json:"id"`
		Function struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return fmt.Errorf("a tool call can't be read: %w", err)
	}
	for _, p := range parts {
		if p == nil {
			return errors.New("a tool call is null")
		}
		c := s.callFor(p.Index, p.ID, p.Function.Name)
		if c.id == "" {
			c.id = p.ID
		}
		if c.name == "" {
			c.name = p.Function.Name
		}
		c.args.WriteString(argumentText(p.Function.Arguments))
	}
	return nil
}

// callFor finds the call that a part belongs to: that of its index, unless it brings an id of its own (some servers give every call
// the index 0); without an index, that of its id; without either, the last one, unless a name begins a new one.
func (s *chatStream) callFor(index *float64, id, name string) *toolCall {
	for _, c := range slices.Backward(s.calls) {
		sameID := id == "" || c.id == "" || id == c.id
		switch {
		case index != nil && c.index != nil && *index == *c.index && sameID, index == nil && id != "" && id == c.id:
			return c
		case index == nil && id == "" && name == "":
			return c
		}
	}
	c := &toolCall{index: index}
	s.calls = append(s.calls, c)
	return c
}

// argumentText is the text of arguments, which some servers send as an object.
func argumentText(raw json.RawMessage) string {
	var text string
	switch {
	case !given(raw) && !bytes.Equal(raw, []byte("{}")):
		return ""
	case json.Unmarshal(raw, &text) == nil:
		return text
	}
	return string(raw)
}

// lenientChunk reads an event that has fields of unexpected types: content as a list of parts, numbers as text.
func lenientChunk(data []byte) (chatChunk, error) {
	var loose struct {
		Object  json.RawMessage `json:"object"`
		Choices []struct {
			Index        json.RawMessage `json:"index"`
			FinishReason json.RawMessage `json:"finish_reason"`
			Error        json.RawMessage `json:"error"`
			Delta        struct {
				Content          json.RawMessage `json:"content"`
				ReasoningContent json.RawMessage `json:"reasoning_content"`
				Refusal          json.RawMessage `json:"refusal"`
				FunctionCall     json.RawMessage `json:"function_call"`
				ToolCalls        json.RawMessage `json:"tool_calls"`
			} `json:"delta"`
		} `json:"choices"`
		Error json.RawMessage `json:"error"`
		Usage json.RawMessage `json:"usage"`
	}
	var c chatChunk
	if err := json.Unmarshal(data, &loose); err != nil {
		return c, fmt.Errorf("an event of the stream can't be read: %w", err)
	}
	c.Error, c.Object = loose.Error, plainText(loose.Object)
	if given(loose.Usage) {
		c.Usage = &wireUsage{}
		_ = json.Unmarshal(loose.Usage, c.Usage) // counts that can't be read stay zero
	}
	for _, l := range loose.Choices {
		choice := chatChoice{FinishReason: plainText(l.FinishReason), Error: l.Error}
		_ = json.Unmarshal(bytes.Trim(l.Index, `"`), &choice.Index)
		text, thoughts, err := contentText(l.Delta.Content)
		if err != nil {
			return c, err
		}
		choice.Delta = chatDelta{
			Content: text, ReasoningContent: thoughts + plainText(l.Delta.ReasoningContent), Refusal: plainText(l.Delta.Refusal),
			FunctionCall: l.Delta.FunctionCall, ToolCalls: l.Delta.ToolCalls,
		}
		c.Choices = append(c.Choices, choice)
	}
	return c, nil
}

func plainText(raw json.RawMessage) string {
	var text string
	_ = json.Unmarshal(raw, &text) // what is no text is none
	return text
}

// contentText reads content that is a text or, as Mistral's reasoning models send it, a list of parts.
func contentText(raw json.RawMessage) (text, thoughts string, err error) {
	type part struct {
		Type     string          `json:"type"`
		Text     string          `json:"text"`
		Thinking json.RawMessage `json:"thinking"`
	}
	if !given(raw) || json.Unmarshal(raw, &text) == nil {
		return text, "", nil
	}
	var parts []part
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", "", errors.New("the content is neither a text nor a list of parts")
	}
	for _, p := range parts {
		if p.Type != "thinking" {
			text += p.Text
			continue
		}
		inner, _, err := contentText(p.Thinking)
		if err != nil {
			return "", "", err
		}
		thoughts += inner
	}
	return text, thoughts, nil
}
