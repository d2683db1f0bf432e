package wire

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dogear-go/dogear/resilience"
)

// chatStream reads OpenAI's events. It hands out one choice, keeps its finish reason, and puts the parts of tool calls together: the
// client appends each part to the call that began last.
type chatStream struct {
	answer
	done   bool
	chosen bool
	index  float64 // of the choice that is handed out
	finish string
	calls  []*toolCall
	usual  mould // of an event that the client can read as it is
}

func (s *chatStream) ended() bool { return s.done }

func (s *chatStream) event(name string, data, line, out []byte) ([]byte, error) {
	if line != nil && len(line) <= maxClientLine && name == "" && s.finish == "" {
		if _, ok := s.usual.text(data); ok {
			return append(out, line...), nil
		}
	}
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
		if name == "" && s.finish == "" && c.Usage == nil && len(c.Choices) == 1 {
			s.usual = mouldOf(data, `"content":"`)
		}
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
		u = MaxUsage(u, c.XGroq.Usage.tokens())
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
