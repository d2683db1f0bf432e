package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// node is a recorded value as people read it: prose as paragraphs, objects as named values, lists as lists, in recorded
// order.
type node struct {
	Kind   nodeKind
	Text   string
	Long   bool // text that is prose: it has lines, or is long
	Items  []node
	Fields []field
	Cut    bool // there is more than is shown
}

type nodeKind string

const (
	nodeText   nodeKind = "text"
	nodeValue  nodeKind = "value" // a number, true, false
	nodeNone   nodeKind = "none"  // null, and what is empty
	nodeList   nodeKind = "list"
	nodeFields nodeKind = "fields"
)

// field is a member of an object. Raw is its value as recorded.
type field struct {
	Name  string
	Value node
	Raw   json.RawMessage
}

const (
	maxDepth = 24   // of structures that are drawn as such; what lies deeper is shown as JSON
	maxNodes = 4000 // of one value
	longText = 120  // characters from which a text is prose
)

// outliner builds the tree of a value within bounds.
type outliner struct {
	nodes int
	chars int // that may still be shown
}

// parseNode makes the tree of a value. At most so many characters are kept; a value that is no JSON is shown as text.
func parseNode(raw json.RawMessage, chars int) node {
	o := &outliner{nodes: maxNodes, chars: chars}
	if !json.Valid(raw) {
		return o.text(string(raw))
	}
	return o.value(raw, 0)
}

func (o *outliner) value(raw json.RawMessage, depth int) node {
	raw = bytes.TrimSpace(raw)
	o.nodes--
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return node{Kind: nodeNone}
	case raw[0] == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return o.text(string(raw))
		}
		return o.text(s)
	case (raw[0] == '{' || raw[0] == '[') && depth >= maxDepth:
		return o.text(string(raw))
	case raw[0] == '{':
		return o.object(raw, depth)
	case raw[0] == '[':
		return o.list(raw, depth)
	}
	return node{Kind: nodeValue, Text: string(raw)}
}

func (o *outliner) text(s string) node {
	if s == "" {
		return node{Kind: nodeNone}
	}
	n := node{Kind: nodeText, Long: strings.Contains(s, "\n") || utf8.RuneCountInString(s[:min(len(s), 4*longText)]) > longText}
	if len(s) > o.chars {
		s, n.Cut = strings.ToValidUTF8(s[:max(0, o.chars)], ""), true
	}
	o.chars -= len(s)
	n.Text = s
	return n
}

// spent says that no more is to be shown.
func (o *outliner) spent() bool { return o.nodes <= 0 || o.chars <= 0 }

func (o *outliner) object(raw json.RawMessage, depth int) node {
	n := node{Kind: nodeFields}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	for dec.More() {
		if o.spent() {
			n.Cut = true
			break
		}
		name, err := dec.Token()
		var member json.RawMessage
		if err == nil {
			err = dec.Decode(&member)
		}
		if err != nil {
			n.Cut = true
			break
		}
		text, _ := name.(string)
		o.chars -= len(text)
		n.Fields = append(n.Fields, field{Name: text, Value: o.value(member, depth+1), Raw: member})
	}
	if len(n.Fields) == 0 && !n.Cut {
		n.Kind = nodeNone
	}
	return n
}

func (o *outliner) list(raw json.RawMessage, depth int) node {
	n := node{Kind: nodeList}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	for dec.More() {
		var member json.RawMessage
		if o.spent() || dec.Decode(&member) != nil {
			n.Cut = true
			break
		}
		n.Items = append(n.Items, o.value(member, depth+1))
	}
	if len(n.Items) == 0 && !n.Cut {
		n.Kind = nodeNone
	}
	return n
}

// Whole says that nothing of the value was cut.
func (n node) Whole() bool {
	if n.Cut {
		return false
	}
	for _, m := range n.Items {
		if !m.Whole() {
			return false
		}
	}
	for _, f := range n.Fields {
		if !f.Value.Whole() {
			return false
		}
	}
	return true
}

// pretty indents JSON. Numbers stay as they were recorded.
func pretty(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// compact writes JSON on one line.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return string(raw)
	}
	return b.String()
}

// rawJSON is the body of a page that is no page: a result as recorded.
type rawJSON []byte

// editFields are the fields of a form to edit a value: of an object one for each member, else one. They are put together
// again as they stood; texts are edited as text.
func editFields(raw json.RawMessage) ([]editField, error) {
	raw = bytes.TrimSpace(raw)
	if !json.Valid(raw) {
		return nil, errors.New("the recorded result is no JSON")
	}
	if len(raw) == 0 || raw[0] != '{' {
		return []editField{fieldOf("", raw)}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	var list []editField
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		text, _ := name.(string)
		var member json.RawMessage
		if err := dec.Decode(&member); err != nil {
			return nil, err
		}
		if seen[text] || len(list) >= 40 {
			return []editField{fieldOf("", raw)}, nil
		}
		seen[text] = true
		list = append(list, fieldOf(text, member))
	}
	if len(list) == 0 {
		return []editField{fieldOf("", raw)}, nil
	}
	return list, nil
}

// editField is one field of the form. Name is empty when it is the whole value.
type editField struct {
	Name  string
	Text  bool // Value is text, not JSON
	Rows  int
	Value string
	Raw   string // the value as recorded; what was not touched is sent back like this
}

func fieldOf(name string, raw json.RawMessage) editField {
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return editField{Name: name, Text: true, Value: s, Rows: rows(s), Raw: string(raw)}
	}
	text := pretty(raw)
	return editField{Name: name, Value: text, Rows: rows(text), Raw: string(raw)}
}

// rows is how high a field is, about.
func rows(text string) int {
	n := strings.Count(text, "\n") + 1 + len(text)/90
	return min(max(n, 1), 24)
}
