package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/resilience"
)

// messageEvent is an event of Anthropic's stream.
type messageEvent struct {
	Type    string   `json:"type"`
	Index   *float64 `json:"index"`
	Message struct {
		ID    string       `json:"id"`
		Model string       `json:"model"`
		Role  string       `json:"role"`
		Type  string       `json:"type"`
		Usage *tokenCounts `json:"usage"`
	} `json:"message"`
	ContentBlock struct {
		Type     string          `json:"type"`
		ID       string          `json:"id"`
		Name     string          `json:"name"`
		Text     string          `json:"text"`
		Thinking string          `json:"thinking"`
		Input    json.RawMessage `json:"input"`
	} `json:"content_block"`
	Delta json.RawMessage `json:"delta"`
	Usage *tokenCounts    `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type messageDelta struct {
	Type        string  `json:"type"`
	Text        string  `json:"text"`
	Thinking    string  `json:"thinking"`
	PartialJSON string  `json:"partial_json"`
	StopReason  *string `json:"stop_reason"`
}

// block is a content block of an answer.
type block struct {
	kind   string
	place  int // among those that the client knows; -1: it knows none of this kind
	input  strings.Builder
	closed bool
}

// messageStream reads Anthropic's events and says each again in the one form that langchaingo's client is safe with: that dies
// of a negative index, fails on kinds of blocks and events that it does not know, and loses what a block begins with.
type messageStream struct {
	answer
	done     bool
	blocks   map[float64]*block
	order    []*block // those handed out
	badInput error
	stop     string
	usual    mould  // of a part of a text
	said     mould  // the same as it is handed out
	of       *block // to which that belongs
}

func (s *messageStream) ended() bool { return s.done }

func (s *messageStream) mark(out []byte) ([]byte, error) { return out, nil } // [DONE] is OpenAI's

func (s *messageStream) event(name string, data, _, out []byte) ([]byte, error) {
	if text, ok := s.usual.text(data); ok && name == textEvent && !s.of.closed && len(text) > 0 && len(text) <= maxPiece {
		return append(append(append(out, s.said.head...), text...), s.said.tail...), nil
	}
	var e messageEvent
	if err := json.Unmarshal(data, &e); syntax(err) {
		return nil, errMalformed
	} else if err != nil {
		return nil, s.invalid(fmt.Errorf("an event of the stream can't be read: %w", err))
	}
	if e.Type == "" {
		e.Type = name
	}
	switch {
	case e.Type == "error" || given(e.Error):
		return nil, s.inBand(data)
	case e.Type == "message_start":
		s.rec.saw(e.Message.Usage.tokens(), "")
		c := newDeltaCounts(e.Message.Usage)
		return s.say(out, e.Type, `"message":{"id":`, e.Message.ID, `,"model":`, e.Message.Model, `,"role":`, e.Message.Role,
			`,"type":`, e.Message.Type, `,"usage":`, startCounts{c.Input, c.Written, c.Read}, `}`), nil
	case e.Type == "message_delta":
		return s.messageDelta(&e, out)
	case e.Type == "message_stop":
		return s.messageStop(out)
	case strings.HasPrefix(e.Type, "content_block_"):
		from := len(out)
		out, err := s.block(&e, out)
		if err == nil && e.Type == textEvent && name == textEvent && bytes.Contains(e.Delta, []byte(`"text_delta"`)) {
			s.remember(data, out[from:], s.blocks[*e.Index])
		}
		return out, err
	}
	return out, nil // a ping, or news that the client would print
}

// remember keeps the form of a part of a text, and of how it is handed out: the parts that follow differ in the text alone.
func (s *messageStream) remember(data, out []byte, of *block) {
	const key = `"text":"`
	one := func(b []byte, what string) bool { return bytes.Count(b, []byte(what)) == 1 }
	if one(data, key) && one(out, key) && one(out, "\n\n") {
		s.usual, s.said, s.of = mouldOf(data, key), mouldOf(out, key), of
	}
}

// textEvent is the event of a part of a block.
const textEvent = "content_block_delta"

func (s *messageStream) block(e *messageEvent, out []byte) ([]byte, error) {
	if e.Index == nil {
		return nil, s.invalid(errors.New("a part of the stream has no number"))
	}
	b := s.blocks[*e.Index]
	switch {
	case e.Type == "content_block_start" && b == nil:
		return s.start(e, out), nil
	case b == nil || e.Type == "content_block_start":
		return nil, s.invalid(fmt.Errorf("part %v of the stream is out of order", *e.Index))
	case b.place < 0:
		return out, nil
	case e.Type == "content_block_delta":
		return s.delta(b, e.Delta, out)
	case e.Type == "content_block_stop":
		return s.close(b, out), nil
	}
	return out, nil
}

func (s *messageStream) start(e *messageEvent, out []byte) []byte {
	c := &e.ContentBlock
	b := &block{kind: c.Type, place: -1}
	if s.blocks == nil {
		s.blocks = map[float64]*block{}
	}
	s.blocks[*e.Index] = b
	switch c.Type {
	case "text", "thinking":
		b.place = len(s.order)
		s.order = append(s.order, b)
		out = s.say(out, e.Type, `"index":`, b.place, `,"content_block":{"type":`, c.Type, `}`)
		return s.words(out, b, c.Text+c.Thinking)
	case "tool_use":
		b.place = len(s.order)
		s.order = append(s.order, b)
		input := c.Input
		if !given(input) {
			input = json.RawMessage("{}")
		}
		return s.say(out, e.Type, `"index":`, b.place, `,"content_block":{"type":"tool_use","id":`, c.ID, `,"name":`, c.Name, `},"input":`, input)
	}
	return out // such as redacted_thinking, of which the client can make nothing
}

func (s *messageStream) delta(b *block, raw json.RawMessage, out []byte) ([]byte, error) {
	var d messageDelta
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, s.invalid(fmt.Errorf("an event of the stream can't be read: %w", err))
	}
	fits := map[string]string{"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}
	switch kind, ours := fits[d.Type]; {
	case ours && kind != b.kind:
		return nil, s.invalid(fmt.Errorf("a %s came for a part of another kind", d.Type))
	case d.Type == "input_json_delta":
		b.input.WriteString(d.PartialJSON)
	case ours:
		return s.words(out, b, d.Text+d.Thinking), nil
	case len(raw) < maxClientLine/2: // signatures, citations
		return s.say(out, "content_block_delta", `"index":`, b.place, `,"delta":`, raw), nil
	}
	return out, nil
}

// words appends text of a block, in pieces.
func (s *messageStream) words(out []byte, b *block, text string) []byte {
	if text == "" {
		return out
	}
	for _, p := range pieces(text) {
		out = s.say(out, "content_block_delta", `"index":`, b.place, `,"delta":{"type":`, b.kind+"_delta", `,"`+b.kind+`":`, p, `}`)
	}
	return out
}

// close ends a block. The input of a tool is handed out now, if it is whole: cut off by the limit it would look like other arguments.
func (s *messageStream) close(b *block, out []byte) []byte {
	b.closed = true
	if input := strings.TrimSpace(b.input.String()); input != "" {
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(input), &object); err != nil || object == nil {
			s.badInput = errors.New("the input of a tool call is not a whole JSON object")
			return out
		}
		for _, p := range pieces(input) {
			out = s.say(out, "content_block_delta", `"index":`, b.place, `,"delta":{"type":"input_json_delta","partial_json":`, p, `}`)
		}
	}
	return s.say(out, "content_block_stop", `"index":`, b.place)
}

func (s *messageStream) messageDelta(e *messageEvent, out []byte) ([]byte, error) {
	var d messageDelta
	if given(e.Delta) {
		if err := json.Unmarshal(e.Delta, &d); err != nil {
			return nil, s.invalid(fmt.Errorf("an event of the stream can't be read: %w", err))
		}
	}
	s.rec.saw(e.Usage.tokens(), "")
	if d.StopReason == nil {
		return s.say(out, e.Type, `"delta":{},"usage":`, newDeltaCounts(e.Usage)), nil
	}
	s.stop = *d.StopReason
	return s.say(out, e.Type, `"delta":{"stop_reason":`, s.stop, `},"usage":`, newDeltaCounts(e.Usage)), nil
}

func (s *messageStream) messageStop(out []byte) ([]byte, error) {
	for _, b := range s.order {
		if !b.closed {
			out = s.close(b, out)
		}
	}
	switch {
	case s.badInput != nil && s.stop == "max_tokens":
		return nil, &resilience.Error{Class: resilience.Truncated, Provider: s.provider, Err: s.badInput}
	case s.badInput != nil:
		return nil, s.invalid(s.badInput)
	}
	if len(s.order) == 0 { // without any block the client takes a refusal for a broken answer
		out = s.say(out, "content_block_start", `"index":0,"content_block":{"type":"text"}`)
	}
	s.done = true
	s.rec.finished(s.stop)
	return s.say(out, "message_stop"), nil
}

// say appends an event. Of the parts after its type, those at even places are JSON already, and so is a json.RawMessage.
func (s *messageStream) say(out []byte, kind string, parts ...any) []byte {
	out = append(append(out, "event: "...), kind...)
	out = append(append(out, "\ndata: {\"type\":\""...), kind...)
	out = append(out, '"')
	for i, p := range parts {
		if i == 0 {
			out = append(out, ',')
		}
		if text, ok := p.(string); ok && i%2 == 0 {
			out = append(out, text...)
			continue
		}
		out = appendJSON(out, p)
	}
	return append(out, "}\n\n"...)
}

// startCounts and deltaCounts are reports of tokens as Anthropic's client wants them: there in both events, and in the second with
// only what that tells, because the client keeps the last count of each kind.
type startCounts struct {
	Input   int64 `json:"input_tokens"`
	Written int64 `json:"cache_creation_input_tokens,omitempty"`
	Read    int64 `json:"cache_read_input_tokens,omitempty"`
}

type deltaCounts struct {
	Input   int64 `json:"input_tokens,omitempty"`
	Output  int64 `json:"output_tokens,omitempty"`
	Written int64 `json:"cache_creation_input_tokens,omitempty"`
	Read    int64 `json:"cache_read_input_tokens,omitempty"`
}

func newDeltaCounts(u *tokenCounts) deltaCounts {
	if u == nil {
		return deltaCounts{}
	}
	return deltaCounts{u.InputTokens, u.OutputTokens, u.CacheWritten, u.CacheRead}
}
