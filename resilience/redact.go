package resilience

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// keyShapes are the shapes in which credentials turn up in error texts.
var keyShapes = []struct {
	shape *regexp.Regexp
	with  string
}{
	// In a URL's query: Gemini sends its key there, and Go's url.Error prints the URL.
	{regexp.MustCompile(`(?i)([?&;](?:[a-z_-]*key|[a-z_-]*token|sig|signature|secret|password|code)=)[^&\s"'<>]+`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@"']+:[^/\s@"']+@`), "${1}[redacted]@"},
	// In headers.
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=*-]{6,}`), "${1} [redacted]"},
	{regexp.MustCompile(`(?i)((?:x-goog-api-key|x-api-key|api[-_ ]?key|authorization|access[-_]token|secret|password)["']?\s*[:=]\s*["']?)[^\s"',;{}]{6,}`), "${1}[redacted]"},
	// The providers' own forms: OpenAI, Anthropic, OpenRouter and DeepSeek (sk-), Groq, Google, Hugging Face, Together, xAI,
	// AWS, GitHub, Slack; JSON web tokens. Stars are what OpenAI puts in the middle of a key that it repeats.
	{regexp.MustCompile(`\b(?:sk|pk|rk|key|tgp|xai|nvapi|pplx|fw|csk)[-_][A-Za-z0-9_*.-]{6,}`), "[redacted]"},
	{regexp.MustCompile(`\b(?:gsk|hf|r8|ghp|gho|github_pat|xox[abprs])[-_][A-Za-z0-9_*-]{6,}`), "[redacted]"},
	{regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_*-]{10,}|ya29\.[A-Za-z0-9_.-]{10,}|AKIA[A-Z0-9]{12,})`), "[redacted]"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`), "[redacted]"},
}

// Redact removes what looks like a credential from a text: keys in the shapes of the providers, key= and token= in
// addresses, Bearer and api-key headers, JSON web tokens. It is a last defence for error texts, not a proof that none is left.
func Redact(text string) string {
	for _, k := range keyShapes {
		text = k.shape.ReplaceAllString(text, k.with)
	}
	return text
}

// longQuotes are passages in quotes too long to be a name or a number: likely the prompt, repeated by the server.
var longQuotes = regexp.MustCompile(`"[^"]{80,}"|“[^”]{80,}”|'[^']{120,}'`)

// clean makes a text from elsewhere fit for an error message: valid, one line, no keys, no long quotes, at most limit
// characters.
func clean(text string, limit int) string {
	text = strings.ToValidUTF8(head(text, 6*limit), "�")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	text = longQuotes.ReplaceAllString(Redact(text), `"…"`)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
}

// head returns at most the first n bytes of a text, cut between characters.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
