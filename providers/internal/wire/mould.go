package wire

import "bytes"

// mould is the form of an event of a stream: everything but one text. The events of a stream differ in hardly anything else, so one of
// the form of an event that was read with care says the same in all but its text, and need not be taken apart again. The zero
// mould fits nothing.
type mould struct{ head, tail []byte }

// mouldOf makes the mould of an event around the text that stands behind a key, as in `"content":"`.
func mouldOf(data []byte, key string) mould {
	at := bytes.Index(data, []byte(key))
	if at < 0 {
		return mould{}
	}
	from := at + len(key)
	end := stringEnd(data, from-1)
	if end < 0 {
		return mould{}
	}
	return mould{bytes.Clone(data[:from]), bytes.Clone(data[end-1:])}
}

// text is the text of an event of this form, as it stands there; ok is false for an event of another form.
func (m *mould) text(data []byte) (text []byte, ok bool) {
	if len(m.tail) == 0 || len(data) < len(m.head)+len(m.tail) || !bytes.HasPrefix(data, m.head) || !bytes.HasSuffix(data, m.tail) {
		return nil, false
	}
	text = data[len(m.head) : len(data)-len(m.tail)]
	return text, insideOfString(text)
}

// insideOfString says whether bytes may stand between the quotes of a JSON string.
func insideOfString(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c < ' ' || c == '"':
			return false
		case c == '\\':
			n := escapeLength(b[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		}
	}
	return true
}

// escapeLength is how long the escape is that begins here; zero: it is none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !bytes.ContainsRune([]byte("0123456789abcdefABCDEF"), rune(c)) {
				return 0
			}
		}
		return 6
	}
	return 0
}
