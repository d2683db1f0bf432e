package resilience

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// statusInText are the shapes in which langchaingo and its clients keep an HTTP status in an error's text, each followed by
// the message or the body. Only these count: any other digits are ids, tokens or prompts.
var statusInText = regexp.MustCompile(`(?:[Ss]tatus code: ?|\(HTTP Error |googleapi: (?:got HTTP response code |Error )|[Uu]nexpected HTTP status )(\d{3})(?:[^\d]|$)`)

// classifyText is the class that an error's text tells, or "".
func classifyText(err error) Class {
	text := err.Error()
	var coded *llms.Error
	if errors.As(err, &coded) && coded.Cause == nil {
		text = coded.Message // Error() begins with a code that is not trusted
	}
	text = head(text, maxText)
	at := statusInText.FindStringSubmatchIndex(text)
	if at == nil {
		return (&reply{message: text}).classOfText()
	}
	status, _ := strconv.Atoi(text[at[2]:at[3]])
	rest := strings.TrimLeft(text[at[3]:], "):, ")
	rest = strings.TrimPrefix(rest, "body: ")
	rest = strings.TrimPrefix(rest, "with body: ")
	if status < 100 || status > 599 {
		return ""
	}
	return readReply(status, http.Header{}, []byte(rest)).class()
}

// classOfText is the class by phrases alone: without a status there is nothing to fall back to.
func (r *reply) classOfText() Class {
	if tooLargeForTier.MatchString(r.phrases()) {
		return ContextLength
	}
	return r.byPhrase()
}
