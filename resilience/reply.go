package resilience

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// maxBody is how much of an error's body is read, in bytes. Real ones have a few hundred.
	maxBody = 64 << 10
	// maxCodes bounds the codes that are kept from one body.
	maxCodes = 16
)

// reply is a provider's answer that reports a failure, brought into one shape.
type reply struct {
	status  int
	header  http.Header
	codes   []string // the body's error codes, types and reasons in lower case, the most telling first
	message string
	page    bool // HTML: a page of a proxy or CDN
	empty   bool

	waits     []func(now time.Time) (time.Duration, bool) // what the body's fields say about when to come again
	retryInfo bool                                        // Gemini's RetryInfo is there
	quotaIDs  []string                                    // Gemini's QuotaFailure
	limit     string                                      // OpenRouter's metadata.limit_source
	flagged   bool                                        // OpenRouter's moderation
	inner     http.Header                                 // headers that OpenRouter passes on inside the body
}

// readReply brings an answer into one shape. It never fails: what it does not know stays empty.
func readReply(status int, header http.Header, body []byte) *reply {
	r := &reply{status: status, header: header}
	if len(body) > maxBody {
		body = body[:maxBody]
	}
	body = bytes.TrimSpace(body)
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("data:"))) // an event of a stream
	switch {
	case len(body) == 0:
		r.empty = true
	case body[0] == '<':
		r.page = true
		r.message = pageTitle(body)
	case body[0] == '{' || body[0] == '[':
		if !r.readJSON(body) {
			r.message = head(string(body), maxText) // cut or broken JSON still tells phrases
		}
	default:
		r.message = head(string(body), maxText)
	}
	return r
}

func (r *reply) readJSON(body []byte) bool {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return false
	}
	if list, ok := v.([]any); ok && len(list) > 0 { // Gemini
		v = list[0]
	}
	top, ok := v.(map[string]any)
	if !ok {
		return false
	}
	if resp, ok := top["response"].(map[string]any); ok && top["error"] == nil { // OpenAI's response.failed
		top = resp
	}
	if list, ok := top["errors"].([]any); ok && len(list) > 0 && top["error"] == nil { // Cloudflare
		top["error"] = list[0]
	}
	r.readChoices(top)
	r.readWaits(top)
	switch e := top["error"].(type) {
	case map[string]any:
		r.readError(e)
	case string: // Ollama, Hugging Face; together with a message, a code
		r.message = first(text(top["message"]), e)
		r.addCode(text(top["code"]), text(top["error_type"]))
		if !strings.ContainsAny(e, " \t\n") {
			r.addCode(e)
		}
	default: // Mistral: the error lies at the top
		if top["error"] != nil || len(r.codes) == 0 && r.message == "" {
			r.readError(top)
		}
	}
	r.message = head(r.message, maxText)
	return true
}

// readChoices finds OpenRouter's error inside a choice.
func (r *reply) readChoices(top map[string]any) {
	choices, _ := top["choices"].([]any)
	for _, c := range choices {
		if choice, ok := c.(map[string]any); ok {
			if e, ok := choice["error"].(map[string]any); ok {
				r.readError(e)
				return
			}
		}
	}
}

// readError reads an error object: code, type, status, message, details, metadata.
func (r *reply) readError(e map[string]any) {
	r.message = first(text(e["message"]), text(e["detail"]), text(e["error"]), text(e["msg"]))
	if inner, ok := e["message"].(map[string]any); ok { // Mistral's validation errors
		r.message = first(text(inner["message"]), detailMessage(inner["detail"]))
	}
	if r.message == "" {
		r.message = detailMessage(e["detail"])
	}
	r.readWaits(e)
	r.readDetails(e["details"])
	if inner, ok := e["innererror"].(map[string]any); ok { // Azure
		r.addCode(text(inner["code"]))
	}
	if inner, ok := e["inner_error"].(map[string]any); ok {
		r.addCode(text(inner["code"]))
	}
	if meta, ok := e["metadata"].(map[string]any); ok {
		r.readMetadata(meta)
	}
	for _, name := range []string{"code", "status_code", "status"} {
		if n, err := strconv.Atoi(text(e[name])); err == nil && n >= 400 && n <= 599 {
			if r.status < 400 { // inside a 200
				r.status = n
			}
			continue
		}
		r.addCode(text(e[name]))
	}
	r.addCode(text(e["type"]), text(e["reason"]))
}

func (r *reply) addCode(codes ...string) {
	for _, c := range codes {
		if c != "" && len(r.codes) < maxCodes && len(c) <= 100 {
			r.codes = append(r.codes, strings.ToLower(c))
		}
	}
}

// code is the word for the error that is shown to people.
func (r *reply) code() string {
	if len(r.codes) == 0 {
		return ""
	}
	return r.codes[0]
}

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>\s*(.{0,200}?)\s*</title>`)

// pageTitle says what an HTML page is called.
func pageTitle(body []byte) string {
	if m := titleTag.FindSubmatch(body[:min(len(body), 8<<10)]); m != nil {
		return "a web page instead of an answer: " + html.UnescapeString(string(m[1]))
	}
	return "a web page instead of an answer"
}
