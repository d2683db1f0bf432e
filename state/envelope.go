package state

import (
	"bytes"
	"encoding/json"
)

// readEnvelope reads the part of a record before its payload, and returns the payload's bytes. It knows records as
// AppendRecord writes them, which is ten times as fast as to take them for any JSON; ok is false for what it does not know,
// which may be sound all the same.
func readEnvelope(open []byte, e *Event) (payload []byte, ok bool) {
	r := envelope{rest: open}
	r.expect(`{"seq":`)
	e.Seq = r.uint()
	r.expect(`,"d":`)
	e.Durable = r.uint()
	r.expect(`,"t":`)
	if e.Time.UnmarshalText(r.text()) != nil {
		return nil, false
	}
	r.expect(`,"type":`)
	e.Type = Type(r.text())
	r.expect(`,"ep":`)
	e.Epoch = r.uint()
	if r.follows(`,"step":`) {
		e.Step = string(r.text())
	}
	if r.follows(`,"item":`) {
		e.Item = string(r.text())
	}
	if r.follows(`,"do":`) {
		e.Do = string(r.text())
	}
	if r.follows(`,"gen":`) {
		e.Gen = int(r.uint())
	}
	if r.follows(`,"att":`) {
		e.Attempt = int(r.uint())
	}
	r.expect(`,"data":`)
	return r.rest, !r.strange
}

// envelope is what is left of a record. Once it is strange it stays so.
type envelope struct {
	rest    []byte
	strange bool
}

func (r *envelope) follows(text string) bool {
	if len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

func (r *envelope) expect(text string) {
	if !r.follows(text) {
		r.strange = true
	}
}

// uint reads a number that fits in an int.
func (r *envelope) uint() uint64 {
	n, rest := leadingUint(r.rest)
	digits := len(r.rest) - len(rest)
	if digits == 0 || digits > 18 || digits > 1 && r.rest[0] == '0' {
		r.strange = true
	}
	r.rest = rest
	return n
}

// text reads a string in which nothing is escaped, and nothing beyond ASCII.
func (r *envelope) text() []byte {
	if !r.follows(`"`) {
		r.strange = true
		return nil
	}
	end := bytes.IndexByte(r.rest, '"')
	if end < 0 {
		r.strange = true
		return nil
	}
	text := r.rest[:end]
	for _, c := range text {
		if c < ' ' || c > '~' || c == '\\' {
			r.strange = true
		}
	}
	r.rest = r.rest[end+1:]
	return text
}

// readItemCompleted reads the payload of an item that has nothing but a result and its hash, as nearly all have.
func readItemCompleted(payload []byte) (p ItemCompleted, ok bool) {
	const (
		open   = `{"result":`
		middle = `,"hash":"`
		end    = `"}`
		digits = 2 * len(Hash{})
	)
	tail := len(payload) - len(middle) - digits - len(end)
	if tail < len(open)+1 || string(payload[:len(open)]) != open || string(payload[tail:tail+len(middle)]) != middle ||
		string(payload[len(payload)-len(end):]) != end {
		return p, false
	}
	hash := payload[tail+len(middle) : len(payload)-len(end)]
	for _, c := range hash {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return p, false
		}
	}
	result := payload[len(open):tail]
	if result[0] <= ' ' || result[len(result)-1] <= ' ' || string(result) == "null" || !json.Valid(result) {
		return p, false
	}
	return ItemCompleted{Result: bytes.Clone(result), Hash: string(hash)}, true
}
