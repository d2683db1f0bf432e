package providers

import (
	"bytes"
	"errors"
)

// otherStream looks at the lines of a stream whose protocol is none of the three and changes nothing.
type otherStream struct {
	answer
	done bool
}

func (s *otherStream) ended() bool { return s.done }

func (s *otherStream) complete() bool { return false }

func (s *otherStream) failure(error) []byte { return nil }

// translate reads an event's data, or in a stream of JSON lines the line itself.
func (s *otherStream) translate(line, out []byte) ([]byte, error) {
	text := bytes.TrimSpace(line)
	data, ok := bytes.CutPrefix(text, []byte("data:"))
	if !ok {
		if len(text) == 0 || text[0] != '{' {
			return append(out, line...), nil // a comment, an event's name, a blank line
		}
		data = text
	}
	data = bytes.TrimSpace(data)
	if bytes.Equal(data, []byte("[DONE]")) {
		s.done = true
		return append(out, line...), nil
	}
	w, err := readWire(data)
	switch {
	case err != nil:
		return append(out, line...), nil // the end mark tells whether something is missing
	case w.inBand():
		return nil, s.inBand(w.errorBody(data))
	case w.Index != nil && *w.Index < 0:
		return nil, s.invalid(errors.New("the stream has a part with a negative number"))
	}
	s.rec.saw(w.usage(), w.refusal())
	s.done = s.done || w.Type == "message_stop" || w.Done
	return append(out, line...), nil
}
