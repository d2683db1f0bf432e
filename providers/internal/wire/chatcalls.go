package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

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
