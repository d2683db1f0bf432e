package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// maxClientLine is the longest line of an event stream that is handed to a client: bufio.Scanner, which langchaingo's
	// clients use, gives up at 64 KiB.
	maxClientLine = 60 << 10

	// maxPiece is how long a piece of text is that was cut out of a longer line, in bytes. JSON may make six of one.
	maxPiece = 8 << 10
)

// errMalformed says that an event's data is not JSON, which may be because there is more of it.
var errMalformed = errors.New("an event of the stream is not JSON; something of the answer is missing")

// dialect reads the events of one protocol's stream.
type dialect interface {
	// event reads one event. line is its only line; nil when there were several.
	event(name string, data, line, out []byte) ([]byte, error)

	// mark reads [DONE].
	mark(out []byte) ([]byte, error)

	ended() bool
}

// events reads server-sent events: comments are dropped, an event in several lines of data becomes one line, and one whose data
// is not JSON is an error, because clients skip it.
type events struct {
	answer
	dialect
	marked  bool // the server sends [DONE] at the end
	begun   bool
	name    string
	pending []byte // data of an event whose JSON is not complete yet
}

func (e *events) failure(error) []byte { return nil }

// complete says that an answer of OpenAI's kind told why it ended: several servers that are compatible with it close the connection
// then, without [DONE]. From one that is known to send it, its absence means that something is missing.
func (e *events) complete() bool {
	c, ok := e.dialect.(*chatStream)
	return ok && !e.marked && c.finish != "" && e.pending == nil
}

func (e *events) translate(line, out []byte) ([]byte, error) {
	text := line
	if !e.begun {
		e.begun = true
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	text = bytes.TrimSpace(text)
	switch {
	case len(text) == 0:
		e.name = ""
		if e.pending != nil {
			return nil, e.invalid(errMalformed)
		}
		return append(out, line...), nil
	case bytes.HasPrefix(text, []byte("data:")):
		return e.data(bytes.TrimSpace(text[len("data:"):]), line, out)
	case bytes.HasPrefix(text, []byte("event:")):
		e.name = string(bytes.TrimSpace(text[len("event:"):]))
	case text[0] == '{' || text[0] == '<': // not of a stream: an error that was pasted into it
		return out, e.stray(text)
	}
	return out, nil
}

// stray is the error for a line that is no event's.
func (e *events) stray(text []byte) error {
	reply, err := readReply(text)
	if err == nil && !reply.inBand() {
		return nil
	}
	if err == nil {
		text = reply.errorBody(text)
	}
	return e.inBand(text)
}

func (e *events) data(data, line, out []byte) ([]byte, error) {
	if e.pending != nil {
		data, line = append(append(e.pending, '\n'), data...), nil
		e.pending = nil
	}
	switch {
	case len(data) == 0:
		return out, nil
	case string(data) == "[DONE]":
		return e.mark(out)
	case data[0] != '{' && data[0] != '[':
		return out, nil // words between events; no client looks at them
	}
	if len(data) > maxLine {
		return nil, e.invalid(fmt.Errorf("an event of the stream is longer than %d MiB", maxLine>>20))
	}
	more, err := e.event(e.name, data, line, out)
	if errors.Is(err, errMalformed) {
		e.pending = bytes.Clone(data)
		return out, nil
	}
	return more, err
}

// syntax says whether an error is about JSON as such, rather than about a field of an unexpected type.
func syntax(err error) bool {
	var s *json.SyntaxError
	return errors.As(err, &s)
}

// appendJSON appends a value as JSON.
func appendJSON(out []byte, value any) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		return append(out, "null"...)
	}
	return append(out, raw...)
}

// pieces cuts text such that no piece is longer than maxPiece, between characters. Empty text is one piece.
func pieces(text string) []string {
	var list []string
	for len(text) > maxPiece {
		cut := maxPiece
		for cut > maxPiece-4 && text[cut]&0xC0 == 0x80 {
			cut--
		}
		list, text = append(list, text[:cut]), text[cut:]
	}
	return append(list, text)
}
