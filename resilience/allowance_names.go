package resilience

import (
	"strings"
	"time"
)

// limitName is which limit a header is about: headers with the same name are about the same limit.
type limitName struct {
	family   string // the header's prefix
	resource string
	extra    string // what tells apart two limits of one resource
	window   time.Duration
}

// limitField is what a header says about its limit.
type limitField int

const (
	fieldLimit limitField = iota + 1
	fieldRemaining
	fieldReset
)

// limitFamilies are the prefixes of the headers, in lower case, and what they count if they do not say it. Sources: the
// providers' pages on rate limits; for Mistral and Together, answers that people published.
var limitFamilies = []struct{ prefix, counts string }{
	{"anthropic-ratelimit-", ResourceRequests},
	{"x-ratelimitbysize-", ResourceTokens},
	{"x-ratelimit-", ResourceRequests},
	{"x-rate-limit-", ResourceRequests},
	{"x-tokenlimit-", ResourceTokens},
	{"ratelimitbysize-", ResourceTokens},
	{"ratelimit-", ResourceRequests},
}

// limitHeaderWords are the words that may follow a prefix, in any order. A header with any other word is about something else.
var limitHeaderWords = map[string]struct {
	field    limitField
	resource string
	part     string // of the tokens
	extra    string
	window   time.Duration
}{
	"limit": {field: fieldLimit}, "remaining": {field: fieldRemaining}, "reset": {field: fieldReset},
	"requests": {resource: ResourceRequests}, "request": {resource: ResourceRequests}, "req": {resource: ResourceRequests},
	"tokens": {resource: ResourceTokens}, "token": {resource: ResourceTokens},
	"input": {part: ResourceInputTokens}, "prompt": {part: ResourceInputTokens},
	"output": {part: ResourceOutputTokens}, "generated": {part: ResourceOutputTokens},
	"dynamic": {extra: "dynamic"}, "project": {extra: "project"}, "usage": {extra: "usage"}, "based": {extra: "usage"},
	"second": {window: time.Second}, "minute": {window: time.Minute}, "hour": {window: time.Hour},
	"day": {window: 24 * time.Hour}, "month": {window: 30 * 24 * time.Hour},
}

// maxHeaderName bounds the length of a header's name that is looked at.
const maxHeaderName = 80

// parseLimitName reads a header's name: which limit it is about, and what it says of it.
func parseLimitName(key string) (name limitName, field limitField, ok bool) {
	if len(key) > maxHeaderName {
		return name, 0, false
	}
	key = strings.ToLower(key)
	var rest, part string
	for _, f := range limitFamilies {
		if after, found := strings.CutPrefix(key, f.prefix); found {
			name.family, name.resource, rest = f.prefix, f.counts, after
			break
		}
	}
	if rest == "" {
		return name, 0, false
	}
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '-' || r == '_' }) {
		w, known := limitHeaderWords[word]
		if !known || w.field != 0 && field != 0 {
			return name, 0, false
		}
		field |= w.field
		name.window = max(name.window, w.window)
		if w.resource != "" {
			name.resource = w.resource
		}
		part += w.part
		name.extra = max(name.extra, w.extra)
	}
	if part != "" {
		name.resource = part
	}
	return name, field, field != 0 && (part == "" || part == ResourceInputTokens || part == ResourceOutputTokens)
}
