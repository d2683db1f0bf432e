package state

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"unicode/utf8"
)

// Results and answers are texts of kilobytes, and they are JSON already when they reach a record. The encoder of
// encoding/json checks and copies such a value at 5 ns a byte, twice what the write of a page costs; the functions here
// do it at a tenth of that, and leave to encoding/json whatever is not as Marshal writes it.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// marked sets the high bit of each byte of x that a JSON string can't hold as it is: control characters, the quote and
// the backslash. Behind a marked byte others may be marked wrongly; the lowest one is right.
func marked(x uint64) uint64 {
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// appendString appends s as encoding/json encodes it without HTML escapes: invalid UTF-8 replaced, and the two line
// separators that JavaScript can't read escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			x := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
				uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
			odd := marked(x) | x&highs
			if odd == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(odd) / 8
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = appendEscapedRune(dst, r)
		} else {
			dst = append(dst, s[from:i]...)
			dst = appendEscaped(dst, c)
		}
		i += size
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return appendEscapedRune(dst, rune(c))
}

// appendEscapedRune writes a rune below 0x10000 as \u and four digits.
func appendEscapedRune(dst []byte, r rune) []byte {
	dst = append(dst, `\u`...)
	return hex.AppendEncode(dst, []byte{byte(r >> 8), byte(r)})
}

// appendRaw appends a JSON value, compacted; an error when it is not valid. nil is null.
func appendRaw(dst []byte, raw json.RawMessage) ([]byte, error) {
	if raw == nil {
		return append(dst, "null"...), nil
	}
	if isCompact(raw) {
		return append(dst, raw...), nil
	}
	buf := bytes.NewBuffer(dst)
	if err := json.Compact(buf, raw); err != nil {
		return dst, err
	}
	return buf.Bytes(), nil
}

// maxNesting bounds the recursion; what is nested deeper is left to encoding/json.
const maxNesting = 200

// isCompact says that raw is one valid JSON value without space between its tokens. False may also mean that it is too
// odd to tell.
func isCompact(raw []byte) bool {
	end, ok := scanValue(raw, 0, 0)
	return ok && end == len(raw)
}

// scanValue and those below it pass what begins at i, and return where it ends.
func scanValue(raw []byte, i, depth int) (next int, ok bool) {
	if i >= len(raw) || depth > maxNesting {
		return i, false
	}
	switch c := raw[i]; {
	case c == '"':
		return scanString(raw, i)
	case c == '{':
		return scanAll(raw, i+1, '}', depth)
	case c == '[':
		return scanAll(raw, i+1, ']', depth)
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(raw, i)
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(raw[i:], []byte(word)) {
			return i + len(word), true
		}
	}
	return i, false
}

// scanAll passes the rest of an object or array.
func scanAll(raw []byte, i int, closing byte, depth int) (next int, ok bool) {
	if i < len(raw) && raw[i] == closing {
		return i + 1, true
	}
	for {
		if closing == '}' {
			if i, ok = scanKey(raw, i); !ok {
				return i, false
			}
		}
		if i, ok = scanValue(raw, i, depth+1); !ok || i >= len(raw) {
			return i, false
		}
		switch raw[i] {
		case closing:
			return i + 1, true
		case ',':
			i++
		default:
			return i, false
		}
	}
}

func scanKey(raw []byte, i int) (next int, ok bool) {
	next, ok = scanString(raw, i)
	if !ok || next >= len(raw) || raw[next] != ':' {
		return next, false
	}
	return next + 1, true
}

func scanString(raw []byte, i int) (next int, ok bool) {
	if i >= len(raw) || raw[i] != '"' {
		return i, false
	}
	for i++; i < len(raw); {
		if i+8 <= len(raw) {
			odd := marked(binary.LittleEndian.Uint64(raw[i:]))
			if odd == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(odd) / 8
		}
		switch c := raw[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			n := escapeLen(raw[i+1:])
			if n == 0 {
				return i, false
			}
			i += 1 + n
		default:
			i++
		}
	}
	return i, false
}

// escapeLen is the length of the escape that begins b, without its backslash; zero: it is none.
func escapeLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < 5 {
			return 0
		}
		for _, c := range b[1:5] {
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return 0
			}
		}
		return 5
	}
	return 0
}

func scanNumber(raw []byte, i int) (next int, ok bool) {
	if raw[i] == '-' {
		i++
	}
	switch {
	case i < len(raw) && raw[i] == '0':
		i++
	default:
		if i, ok = scanDigits(raw, i); !ok {
			return i, false
		}
	}
	if i < len(raw) && raw[i] == '.' {
		if i, ok = scanDigits(raw, i+1); !ok {
			return i, false
		}
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		i++
		if i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		if i, ok = scanDigits(raw, i); !ok {
			return i, false
		}
	}
	return i, true
}

// scanDigits passes one digit or more.
func scanDigits(raw []byte, i int) (next int, ok bool) {
	from := i
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	return i, i > from
}
