package wire

import (
	"bytes"
	"encoding/json"
)

// Field is one key of a JSON object and its value as it stands in the text.
type Field struct {
	Key string
	Raw json.RawMessage
}

// fields are the top level of a request's body. They are cut out of the text and put back as they are, because prompts are
// long and only a few short values ever change.
type fields struct {
	list    []Field
	size    int // of the original text
	changed bool
}

// splitFields cuts a JSON object into its fields. ok is false for anything else, also for keys with escapes and for bodies that
// are not compact JSON of a client: those are sent as they are.
func splitFields(body []byte) (f fields, ok bool) {
	body = bytes.TrimSpace(body)
	if len(body) < 2 || body[0] != '{' || body[len(body)-1] != '}' {
		return f, false
	}
	f.size = len(body)
	f.list = make([]Field, 0, 12)
	at := space(body, 1)
	for body[at] != '}' {
		end := stringEnd(body, at)
		if end < 0 || bytes.IndexByte(body[at:end], '\\') >= 0 {
			return f, false
		}
		key := string(body[at+1 : end-1])
		at = space(body, end)
		if at >= len(body) || body[at] != ':' {
			return f, false
		}
		at = space(body, at+1)
		end = fieldEnd(body, at)
		if end < 0 {
			return f, false
		}
		f.list = append(f.list, Field{key, bytes.TrimRight(body[at:end], " \t\r\n")})
		if at = end; body[at] == ',' {
			at = space(body, at+1)
		}
	}
	return f, at == len(body)-1
}

func space(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\r' || b[at] == '\t') {
		at++
	}
	return at
}

// stringEnd is the place after the string that begins at a place, -1 when none does.
func stringEnd(b []byte, at int) int {
	if at >= len(b) || b[at] != '"' {
		return -1
	}
	for from := at + 1; ; {
		i := bytes.IndexByte(b[from:], '"')
		if i < 0 {
			return -1
		}
		quote := from + i
		slashes := 0
		for b[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		from = quote + 1
	}
}

// fieldEnd is the place of the comma or brace after the value that begins at a place, -1 when there is none.
func fieldEnd(b []byte, at int) int {
	for depth := 0; at < len(b); {
		switch b[at] {
		case '"':
			if at = stringEnd(b, at); at < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case ',':
			if depth == 0 {
				return at
			}
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
		}
		at++
	}
	return -1
}

func (f *fields) get(key string) json.RawMessage {
	for _, e := range f.list {
		if e.Key == key {
			return e.Raw
		}
	}
	return nil
}

func (f *fields) remove(key string) {
	for i, e := range f.list {
		if e.Key == key {
			f.list = append(f.list[:i], f.list[i+1:]...)
			f.changed = true
			return
		}
	}
}

func (f *fields) setRaw(key string, raw json.RawMessage) {
	f.changed = true
	for i, e := range f.list {
		if e.Key == key {
			f.list[i].Raw = raw
			return
		}
	}
	f.list = append(f.list, Field{key, raw})
}

func (f *fields) set(key string, value any) {
	if raw, err := json.Marshal(value); err == nil {
		f.setRaw(key, raw)
	}
}

// bytes is the object's text.
func (f *fields) bytes() []byte {
	out := make([]byte, 0, f.size+256)
	out = append(out, '{')
	for i, e := range f.list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, e.Key...)
		out = append(out, '"', ':')
		out = append(out, e.Raw...)
	}
	return append(out, '}')
}
