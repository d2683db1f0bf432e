package resilience

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The resources that an [Allowance] may be of.
const (
	ResourceRequests     = "requests"
	ResourceTokens       = "tokens"
	ResourceInputTokens  = "input_tokens"
	ResourceOutputTokens = "output_tokens"
)

// Allowance is what a server says is left of one limit: so many requests or tokens in a window of time.
type Allowance struct {
	// Resource is what is counted: [ResourceRequests] and its like.
	Resource string

	// Limit is how much a full window allows, Remaining how much is left of it. -1: the server does not know or say.
	Limit, Remaining int64

	// Reset is the time from the server's answer until the allowance is full again, at most 366 days. It is not how long a
	// request has to wait: a bucket that fills all the time has room long before. It counts only with ResetKnown.
	Reset      time.Duration
	ResetKnown bool

	// Window is the length of the limit's window, where the server names it: 24h for a day, 720h for a month. Zero: not named.
	// Groq's requests are a day's and its tokens a minute's, which its headers do not say.
	Window time.Duration
}

// maxAllowances bounds how many allowances are read from one answer. Real ones have at most a dozen.
const maxAllowances = 32

// Allowances reads the headers in which a server says what is left of its limits. They come with answers and failures
// alike. It knows, whatever server is asked:
//
//   - OpenAI, Azure OpenAI, Groq: x-ratelimit-{limit,remaining,reset}-{requests,tokens}; Azure says -1 for what it does not
//     know, and no reset
//   - Anthropic: anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
//   - Cerebras: x-ratelimit-{limit,remaining,reset}-{requests,tokens}-{minute,hour,day}
//   - Mistral: x-ratelimit-{limit,remaining}-{req,tokens}-minute, and formerly [x-]ratelimitbysize-… for tokens
//   - Together: x-ratelimit-{limit,remaining,reset}, x-tokenlimit-{limit,remaining}, both with -dynamic too
//   - Fireworks: x-ratelimit-{limit,remaining}-tokens-{prompt,generated}
//   - OpenRouter and many others: X-RateLimit-{Limit,Remaining,Reset}, which count requests
//   - the drafts of draft-ietf-httpapi-ratelimit-headers: RateLimit-{Limit,Remaining,Reset}, and from the seventh on
//     RateLimit and RateLimit-Policy
//
// Reset times may be durations (6m0s), seconds, seconds or milliseconds since 1970, or dates; the last two are relative to the
// answer's Date header if there is one, else to now. The result is sorted by resource, window and limit; a server that
// limits one resource twice is listed twice. A header that can't be read is left out.
func Allowances(header http.Header, now time.Time) []Allowance {
	keys := limitKeys(header)
	if len(keys) == 0 {
		return nil
	}
	now = serverTime(header, now)
	found := make(map[limitName]*Allowance)
	for _, key := range keys {
		values := header[key]
		name, field, ok := parseLimitName(key)
		if !ok || len(values) == 0 {
			continue
		}
		a := found[name]
		if a == nil {
			if len(found) >= maxAllowances {
				break
			}
			a = &Allowance{Resource: name.resource, Limit: -1, Remaining: -1, Window: name.window}
			found[name] = a
		}
		a.set(field, values[0], now)
	}
	var list []Allowance
	for _, a := range found {
		list = append(list, *a)
	}
	list = append(list, draftAllowances(header)...)
	return tidy(list)
}

// limitKeys are the keys that may be about limits, sorted, so that a bound that cuts always cuts the same.
func limitKeys(header http.Header) (keys []string) {
	for key := range header {
		if len(key) >= len("ratelimit") && strings.Contains(strings.ToLower(key), "limit") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// tidy leaves out what says nothing, and sorts.
func tidy(list []Allowance) []Allowance {
	list = slices.DeleteFunc(list, func(a Allowance) bool { return a.Limit < 0 && a.Remaining < 0 && !a.ResetKnown })
	for i := range list {
		if a := &list[i]; a.Remaining == 0 && a.Reset == 0 { // empty and full at once: some servers send 0 for unknown
			a.ResetKnown = false
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b Allowance) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Limit, b.Limit),
			cmp.Compare(a.Remaining, b.Remaining), cmp.Compare(a.Reset, b.Reset))
	})
	return list
}

// set reads one header's value into the allowance.
func (a *Allowance) set(field limitField, value string, now time.Time) {
	if field == fieldReset {
		if d, ok := reset(value, now); ok {
			a.Reset, a.ResetKnown = d, true
		}
		return
	}
	value, _, _ = strings.Cut(value, ",") // "100, 100;w=60": the limit in force comes first
	value, params, _ := strings.Cut(value, ";")
	n, ok := count(value)
	if !ok {
		return
	}
	switch field {
	case fieldLimit:
		a.Limit = n
		if _, w, ok := strings.Cut(params, "w="); ok && a.Window == 0 {
			a.Window, _ = seconds(w, 1)
		}
	case fieldRemaining:
		a.Remaining = n
	}
}

// usedUp says how long it takes until all the allowances that are used up are full again; ok is false if none is, or that
// is not known.
func usedUp(list []Allowance) (longest time.Duration, ok bool) {
	for _, a := range list {
		if a.Remaining == 0 && a.ResetKnown && a.Reset > 0 {
			longest, ok = max(longest, a.Reset), true
		}
	}
	return longest, ok
}

// count reads a number that can't be negative, rounded down.
func count(value string) (int64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(n >= 0 && n < math.MaxInt64) { // NaN too; -1 is unknown
		return 0, false
	}
	return int64(n), true
}
