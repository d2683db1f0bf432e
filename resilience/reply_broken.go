package resilience

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Readers of what is nearly JSON.

var (
	brokenMessage = regexp.MustCompile(`"(?i:message|error|detail)"\s*:\s*("(?:[^"\\]|\\.){1,1000})`)
	brokenCode    = regexp.MustCompile(`"(?:code|type|status|reason|error_type|__type)"\s*:\s*"([A-Za-z_. -]{2,80})"`)
)

// readBroken reads JSON that was cut: the message as far as it goes, and codes. It returns false if there is no message.
func (r *reply) readBroken(body []byte) bool {
	m := brokenMessage.FindSubmatch(body)
	if m == nil {
		return false
	}
	for _, c := range brokenCode.FindAllSubmatch(body, maxCodes) {
		r.addCode(string(c[1]))
	}
	var text string
	if json.Unmarshal(append(m[1], '"'), &text) != nil { // cut inside an escape
		text = strings.Trim(string(m[1]), `"`)
	}
	r.readText(text)
	return true
}

// innerJSON finds an object in a text, as JSON or as Python prints it, and returns it with what follows as JSON; -1 if none.
func innerJSON(text string) (at int, body string) {
	at = strings.Index(text, "{")
	for at >= 0 && at+1 < len(text) {
		switch text[at+1] {
		case '"', '\n':
			if list := strings.TrimRight(text[:at], " \n"); strings.HasSuffix(list, "[") {
				at = len(list) - 1
			}
			return at, text[at:]
		case '\'':
			return at, fromPython(text[at:])
		}
		next := strings.Index(text[at+1:], "{")
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return -1, ""
}

// fromPython turns a dictionary that Python printed into JSON, as far as errors need it: quotes, None, True, False.
func fromPython(text string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			b.WriteByte('"')
		case quote == 0:
			if word := pythonWord(text[i:]); word != "" {
				i += len(word) - 1
				b.WriteString(pythonWords[word])
				continue
			}
			b.WriteByte(c)
		case c == quote:
			quote = 0
			b.WriteByte('"')
		case c == '\\' && i+1 < len(text):
			if i++; text[i] == '\'' {
				b.WriteByte('\'')
			} else {
				b.WriteByte(c)
				b.WriteByte(text[i])
			}
		case c == '"':
			b.WriteString(`\"`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var pythonWords = map[string]string{"None": "null", "True": "true", "False": "false"}

// pythonWord is the constant with which a text begins, or "".
func pythonWord(text string) string {
	for word := range pythonWords {
		if strings.HasPrefix(text, word) {
			return word
		}
	}
	return ""
}
