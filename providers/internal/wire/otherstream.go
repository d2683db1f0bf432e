package wire

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
	reply, err := readReply(data)
	switch {
	case err != nil:
		return append(out, line...), nil // the end mark tells whether something is missing
	case reply.inBand():
		return nil, s.inBand(reply.errorBody(data))
	case reply.Index != nil && *reply.Index < 0:
		return nil, s.invalid(errors.New("the stream has a part with a negative number"))
	}
	s.rec.saw(reply.usage(), reply.refusal())
	s.done = s.done || reply.Type == "message_stop" || reply.Done
	return append(out, line...), nil
}
