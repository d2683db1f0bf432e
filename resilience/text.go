package resilience

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// statusInText are the shapes in which langchaingo, its clients and other clients' libraries keep an HTTP status in an
// error's text, each followed by the message or the body. Only these count: any other digits are ids, tokens or prompts.
var statusInText = regexp.MustCompile(`(?:[Ss]tatus code: ?|StatusCode: ?|\(HTTP Error |googleapi: (?:got HTTP response code |Error )|[Uu]nexpected HTTP status |\bError code: ?|\bHTTP (?:status )?|\b[Ss]tatus[ =:]{1,2})(\d{3})(?:[^\d]|$)`)

// exitStatus is a process's, not an answer's.
var exitStatus = regexp.MustCompile(`\bexit (?:status|code):? ?\d+`)

// statusWithName is a status with its standard name, as in "429 Too Many Requests".
var statusWithName = func() *regexp.Regexp {
	var names []string
	for status := 400; status < 600; status++ {
		if name := http.StatusText(status); name != "" {
			names = append(names, strconv.Itoa(status)+" "+regexp.QuoteMeta(name))
		}
	}
	return regexp.MustCompile(`(?i)\b(?:` + strings.Join(names, "|") + `)\b`)
}()

// noCredentials: AWS's and Google's clients found no key on this machine, before any request to the provider.
var noCredentials = regexp.MustCompile(`(?i)failed to (?:retrieve|refresh cached|load) credentials|no ec2 imds role found|could not find default credentials|no valid providers in chain`)

// http2Error is a stream's or a connection's end with a code of HTTP/2's own (RFC 9113, section 7), which looks like a
// provider's. net/http keeps them in types of its own that it does not export.
var http2Error = regexp.MustCompile(`stream error: stream ID \d+; ([A-Z_0-9]+)|server sent GOAWAY and closed the connection; .{0,60}ErrCode=([A-Z_0-9]+)`)

// classifyText is the class that an error's text tells, or "".
func classifyText(err error) Class {
	text := err.Error()
	var coded *llms.Error
	if errors.As(err, &coded) && coded.Cause == nil {
		text = coded.Message // Error() begins with a code that is not trusted
	}
	text = head(text, maxText)
	if noCredentials.MatchString(text) { // any status in it is that of the machine's own services
		return Auth
	}
	if m := http2Error.FindStringSubmatch(text); m != nil {
		if m[1]+m[2] == "ENHANCE_YOUR_CALM" {
			return RateLimit
		}
		return Network
	}
	status, _, ok := cutStatus(text)
	switch {
	case !ok:
		return classOfText(text)
	case status < 100 || status > 599:
		return ""
	}
	return textReply(text).class()
}

// cutStatus finds the status that a text keeps, and what follows it.
func cutStatus(text string) (status int, rest string, ok bool) {
	if text != "" && (text[0] == '{' || text[0] == '[') {
		return 0, "", false // a body
	}
	text = exitStatus.ReplaceAllString(text, "exit")
	var from, to int
	if at := statusInText.FindStringSubmatchIndex(text); at != nil {
		from, to = at[2], at[3]
	} else if at := statusWithName.FindStringIndex(text); at != nil {
		from, to = at[0], at[0]+3
	} else {
		return 0, "", false
	}
	status, _ = strconv.Atoi(text[from:to])
	rest = text[to:]
	if name := " " + http.StatusText(status); len(rest) >= len(name) && strings.EqualFold(rest[:len(name)], name) {
		rest = rest[len(name):]
	}
	rest = strings.TrimLeft(rest, `):,"- `)
	for _, prefix := range []string{"body: ", "with body: ", "message: "} {
		rest = strings.TrimPrefix(rest, prefix)
	}
	return status, rest, true
}

// textReply is what a text tells, as if it were an answer.
func textReply(text string) *reply {
	status, rest, ok := cutStatus(text)
	if ok && status >= 100 && status <= 599 {
		return readReply(status, http.Header{}, []byte(rest))
	}
	r := &reply{}
	r.read([]byte(text))
	return r
}

// classOfText is the class by codes and wordings alone: without a status there is nothing to fall back to.
func classOfText(text string) Class {
	r := &reply{}
	r.read([]byte(text))
	if r.status >= 400 {
		return r.class()
	}
	for _, rule := range []func() Class{r.byDetails, r.byCode, r.byPhrase, r.byCodeWords, r.byType, r.byText} {
		if c := rule(); c != "" {
			return c
		}
	}
	return ""
}

var (
	// grpcName is how gRPC's errors begin.
	grpcName = regexp.MustCompile(`rpc error: code = ([A-Za-z]{2,30}) desc = `)
	// errorName is the name of an error before its message, as AWS's and many Python clients write it: "api error
	// ThrottlingException: Too many requests", "litellm.RateLimitError: …".
	errorName = regexp.MustCompile(`(?:^|litellm\.|api error |, |: )([A-Z][A-Za-z]{2,60}?(?:Exception|Error))(?::|$| -)`)
	// googleReason is the reason in the texts of Google's client libraries: "…, rateLimitExceeded" at the end of the first line,
	// "name = ErrorInfo reason = API_KEY_INVALID".
	googleReason = regexp.MustCompile(`name = ErrorInfo reason = ([A-Z_]{3,60})|\., ([a-z]+(?:[A-Z][a-z]+)+)(?:\n|$)|, ([a-z]+(?:[A-Z][a-z]+)*Exceeded)(?:\n|$)`)
	// errorWord is a code in a text: insufficient_quota, RESOURCE_EXHAUSTED.
	errorWord = regexp.MustCompile(`\b(?:[a-z]{2,20}(?:_[a-z]{2,20}){1,5}|[A-Z]{2,20}(?:_[A-Z]{2,20}){1,5})\b`)
)

// maxNames bounds in how much of a message names are looked for.
const maxNames = 400

// readNames takes the names of errors from a message.
func (r *reply) readNames() {
	start := quoted.ReplaceAllString(head(r.message, maxNames), "$1…$2")
	if m := grpcName.FindStringSubmatch(start); m != nil {
		r.addCode(m[1])
	}
	if m := googleReason.FindStringSubmatch(r.message); m != nil {
		r.addCode(first(m[1], m[2], m[3]))
	}
	for _, m := range errorName.FindAllStringSubmatch(start, 4) {
		r.addCode(m[1])
	}
	if r.status != 0 {
		return
	}
	for _, word := range errorWord.FindAllString(start, maxCodes) { // a text alone
		_, exact := exactCodes[strings.ToLower(word)]
		_, general := generalTypes[strings.ToLower(word)]
		if exact || general {
			r.addCode(word)
		}
	}
}
