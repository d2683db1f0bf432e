package resilience

import (
	"bytes"
	"compress/gzip"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxBody is how much of an error's body is read, in bytes. Real ones have a few hundred.
	maxBody = 64 << 10
	// maxCodes bounds the codes that are kept from one body.
	maxCodes = 16
	// maxDepth bounds how many errors inside errors are opened: gateways pass on what they got as text.
	maxDepth = 8
)

// reply is a provider's answer that reports a failure, brought into one shape.
type reply struct {
	status  int // the one that tells most: the answer's, or that of the error inside
	http    int // the answer's own, or what the body names inside a 200
	header  http.Header
	codes   []string // the body's error codes, types and reasons as normalCode writes them, the most telling first
	shown   string   // the first code as the server writes it, in lower case
	message string
	param   string // which parameter is wrong
	page    bool   // HTML: a page of a proxy or CDN
	depth   int
	nested  bool // an error inside another's text

	waits     []func(now time.Time) (time.Duration, bool) // what the body's fields say about when to come again
	retryInfo bool                                        // Gemini's RetryInfo is there
	quotaIDs  []string                                    // Gemini's QuotaFailure
	limit     string                                      // OpenRouter's metadata.limit_source
	flagged   bool                                        // a filter's finding
	inner     http.Header                                 // headers that OpenRouter passes on inside the body
	finish    []string                                    // reasons why an answer ended
	blocked   bool                                        // Gemini's promptFeedback.blockReason

	worded, wording string // what phrases made of the message last
}

// readReply brings an answer into one shape. It never fails: what it does not know stays empty.
func readReply(status int, header http.Header, body []byte) *reply {
	r := &reply{status: status, http: status, header: header}
	for _, name := range []string{"X-Amzn-Errortype", "X-Ms-Error-Code"} {
		r.addCode(header.Get(name))
	}
	body = unpack(body[:min(len(body), maxBody)])
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	body = eventData(body)
	r.read(body)
	r.message = head(r.message, maxText)
	return r
}

// read takes the body's forms apart: JSON, XML, a page, a text.
func (r *reply) read(body []byte) {
	switch {
	case len(body) == 0:
	case body[0] == '<':
		r.readMarkup(body)
	case body[0] == '{' || body[0] == '[' || body[0] == '"':
		if !r.readJSON(body) && !r.readBroken(body) {
			r.readText(string(body))
		}
	case !readable(body):
		r.message = "a body that is no text"
	default:
		r.readText(string(body))
	}
}

// unpack opens a body that is still compressed: a proxy forgot to say so, or a client to open it.
func unpack(body []byte) []byte {
	if len(body) < 3 || body[0] != 0x1f || body[1] != 0x8b {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	plain, _ := io.ReadAll(io.LimitReader(z, maxBody)) // a cut one still has its beginning
	if len(plain) == 0 {
		return body
	}
	return plain
}

// readable says whether a body is text.
func readable(body []byte) bool {
	start := body[:min(len(body), 512)]
	if len(start) == 512 { // the cut may lie inside a character
		for i := 0; i < utf8.UTFMax && len(start) > 0 && !utf8.Valid(start); i++ {
			start = start[:len(start)-1]
		}
	}
	return utf8.Valid(start) && bytes.IndexByte(start, 0) < 0
}

// eventData is the data of a stream's event.
func eventData(body []byte) []byte {
	if bytes.HasPrefix(body, []byte("event:")) {
		if _, after, found := bytes.Cut(body, []byte("\ndata:")); found {
			body = append([]byte("data:"), after...)
		}
	}
	return bytes.TrimSpace(bytes.TrimPrefix(body, []byte("data:")))
}

// addCode adds what the server calls the error; numbers that are statuses are none.
func (r *reply) addCode(codes ...string) {
	for _, c := range codes {
		code := normalCode(c)
		if code == "" || len(r.codes) >= maxCodes || code == "none" || code == "null" || statusIn(code) != 0 {
			continue
		}
		if r.shown == "" {
			r.shown = strings.ToLower(c)
		}
		r.codes = append(r.codes, code)
	}
}

var (
	titleTag = regexp.MustCompile(`(?is)<title[^>]*>\s*(.{0,200}?)\s*</title>`)
	xmlCode  = regexp.MustCompile(`(?i)<code>([A-Za-z]{3,80})</code>`)
	xmlText  = regexp.MustCompile(`(?is)<message>\s*([^<]{0,1000})\s*</message>`)
)

// readMarkup reads a page, or the XML in which AWS and Azure's gateway may report errors.
func (r *reply) readMarkup(body []byte) {
	body = body[:min(len(body), 8<<10)]
	if m := xmlCode.FindSubmatch(body); m != nil && titleTag.Find(body) == nil {
		r.addCode(string(m[1]))
		if m := xmlText.FindSubmatch(body); m != nil {
			r.message = html.UnescapeString(string(m[1]))
		}
		return
	}
	r.page = true
	r.message = "a web page instead of an answer"
	if m := titleTag.FindSubmatch(body); m != nil {
		r.message += ": " + html.UnescapeString(string(m[1]))
	}
}
