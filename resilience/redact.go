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
	{regexp.MustCompile(`(?i)([?&;](?:[a-z_-]*key|[a-z_-]*token|sig|signature|secret|password|code)=)[^&;\s"'<>()\[\]]+`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s:@"']+:[^/\s@"']+@`), "${1}[redacted]@"},
	// In headers.
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=*-]{6,}`), "${1} [redacted]"},
	{regexp.MustCompile(`(?i)((?:x-goog-api-key|x-api-key|x-amz-security-token|api[-_ ]?key|authorization|(?:access|auth|session|security|refresh|id)[-_ ]?token|secret(?:[-_ ]access[-_ ]key)?|password)s?(?: (?:provided|given|received|used|is))?["']?\s*[:=]\s*["']?)[^\s"',;{}()\[\]]{6,}`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)\b((?:credential|signature|x-amz-signature|x-amz-credential)=)[^\s,&;"'<>()\[\]]{6,}`), "${1}[redacted]"}, // AWS, SigV4
	{regexp.MustCompile(`(?i)(authorization["']?\s*[:=]\s*["']?)[a-z0-9-]+ +[^\s"',;{}()\[\]]{4,}`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)(\\?["'](?:[a-z_-]*(?:secret|password|api[-_]?key|token|credentials?)|key|[a-z]+-key)\\?["']\s*:\s*\\?["'])[^"'\\\[]+`), "${1}[redacted]"},
	{regexp.MustCompile(`(?i)\b((?:set-)?cookie["']?\s*[:=]\s*["']?)[^\s"';\[]{4,}`), "${1}[redacted]"},
	// The providers' own forms: OpenAI, Anthropic, OpenRouter and DeepSeek (sk-), Groq, Google, Hugging Face, Together, xAI,
	// AWS and its Bedrock, Databricks, GitHub, Slack; JSON web tokens. Stars and dots are what servers put in the middle of a key
	// that they repeat.
	{regexp.MustCompile(`\b(?:sk|pk|rk|tgp|xai|nvapi|pplx|fw|csk|sess|bedrock-api-key)[-_][A-Za-z0-9_*.=-]{6,}`), "[redacted]"},
	{regexp.MustCompile(`\bkey[-_][A-Za-z_*.-]{0,40}\d[A-Za-z0-9_*.-]{5,}`), "[redacted]"},
	{regexp.MustCompile(`\b(?:gsk|hf|r8|ghp|gho|github_pat|glpat|jina|xox[abprs])[-_][A-Za-z0-9_*-]{6,}`), "[redacted]"},
	{regexp.MustCompile(`\b(?:AIza[A-Za-z0-9_*-]{10,}|AQ\.[A-Za-z0-9_-]{16,}|GOCSPX-[A-Za-z0-9_-]{10,}|ya29\.[A-Za-z0-9_.-]{10,}|A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{12,}|ABSK[A-Za-z0-9+/=]{16,}|dapi[0-9a-f]{20,})`), "[redacted]"},
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`), "[redacted]"},
}

// random is what may be a key without a form of its own: Azure's have 84 characters, AWS's secrets 40. Names of models are cut
// by their hyphens and are not so long.
var random = regexp.MustCompile(`[A-Za-z0-9+_=]{40,}`)

// mixed says whether a text has small and capital letters and digits: hashes, which have not, stay.
func mixed(text string) bool {
	var small, capital, digit bool
	for _, c := range text {
		small = small || c >= 'a' && c <= 'z'
		capital = capital || c >= 'A' && c <= 'Z'
		digit = digit || c >= '0' && c <= '9'
	}
	return small && capital && digit
}

// Redact removes what looks like a credential from a text: keys in the shapes of the providers, key= and token= in
// addresses, Bearer and api-key headers, AWS's signatures, JSON web tokens, long random words. It is a last defence for error texts, not a proof that none is left.
func Redact(text string) string {
	for _, k := range keyShapes {
		text = k.shape.ReplaceAllString(text, k.with)
	}
	return random.ReplaceAllStringFunc(text, func(word string) string {
		if mixed(word) {
			return "[redacted]"
		}
		return word
	})
}

// longQuotes are passages in quotes too long to be a name or a number: likely the prompt, repeated by the server.
var longQuotes = regexp.MustCompile("\"[^\"]{80,}\"|“[^”]{80,}”|'[^']{120,}'|\\binput_value=.{60,}")

// clean makes a text from elsewhere fit for an error message: valid, one line, no keys, no long quotes, at most limit
// characters.
func clean(text string, limit int) string {
	text = strings.ToValidUTF8(head(text, 6*limit), "�")
	text = strings.Join(strings.FieldsFunc(text, lineBreak), " ")
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

// lineBreak says whether a character is a space, or one that would break the line or steer a terminal.
func lineBreak(r rune) bool {
	return r <= ' ' || r >= 0x7f && r <= 0x9f || r == '\u2028' || r == '\u2029'
}
