package state

import "bytes"

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
