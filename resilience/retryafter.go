package resilience

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAfter is the longest wait that is believed.
	maxAfter = 366 * 24 * time.Hour
	// shortRenewal is up to which wait an exceeded "quota" is only a rate limit.
	shortRenewal = time.Hour
)

// after is how long the server asks to wait: the headers made for it, then the body's, then words, and last the longest of
// the windows that are used up. A reset time alone is when a window is full again, not a wait.
func (r *reply) after(now time.Time) (time.Duration, bool) {
	now = serverTime(r.header, now)
	for _, h := range []http.Header{r.header, r.inner} {
		if d, ok := seconds(h.Get("Retry-After-Ms"), 1e-3); ok {
			return d, true
		}
		if d, ok := seconds(strings.TrimSuffix(h.Get("Retry-After"), "s"), 1); ok {
			return d, true
		}
		if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
			if d, ok := sane(at.Sub(now)); ok {
				return d, true
			}
		}
	}
	if d, err := time.ParseDuration(r.retryDelay); err == nil {
		if d, ok := sane(d); ok {
			return d, true
		}
	}
	if d, ok := afterInText(r.message); ok {
		return d, true
	}
	var longest time.Duration
	for _, h := range []http.Header{r.header, r.inner} {
		for _, w := range windows {
			if remaining, err := strconv.ParseFloat(h.Get(w.remaining), 64); err != nil || remaining != 0 {
				continue // Azure says -1 where it does not know
			}
			if d, ok := reset(h.Get(w.reset), now); ok {
				longest = max(longest, d)
			}
		}
	}
	return longest, longest > 0
}

// windows are the headers that say what is left of an allowance, and when it is renewed.
var windows = []struct{ remaining, reset string }{
	{"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"}, // OpenAI, Groq: a Go duration
	{"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
	{"Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"}, // RFC 3339
	{"Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"},
	{"Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Input-Tokens-Reset"},
	{"Anthropic-Ratelimit-Output-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Reset"},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"}, // OpenRouter: milliseconds since 1970; others: seconds since, or seconds
}

// serverTime is the server's clock at its answer: waits are relative to that one, not to ours.
func serverTime(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// reset reads the forms of a reset header.
func reset(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return sane(at.Sub(now))
	}
	if d, err := time.ParseDuration(value); err == nil {
		return sane(d)
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, false
	}
	switch {
	case n > 1e14:
		return 0, false
	case n > 1e11:
		return sane(time.UnixMilli(int64(n)).Sub(now))
	case n > 1e9:
		return sane(time.Unix(int64(n), 0).Sub(now))
	}
	return seconds(value, 1)
}

// seconds reads a number of seconds, or of a part of a second.
func seconds(value string, unit float64) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(n) || n*unit > maxAfter.Seconds() || n < 0 {
		return 0, false
	}
	return sane(time.Duration(math.Ceil(n * unit * float64(time.Second))))
}

// sane refuses waits that can't be meant. Nothing to wait counts as nothing said.
func sane(d time.Duration) (time.Duration, bool) {
	if d <= 0 || d > maxAfter {
		return 0, false
	}
	return d, true
}

// inWords: "Please try again in 7m12.5s" (OpenAI, Groq), "Please retry in 34.07s" (Gemini), "retry after 20 seconds".
var inWords = regexp.MustCompile(`(?i)\b(?:try again|retry|available|wait)(?: (?:in|after|for|at least))? ((?:\d{1,9}(?:\.\d{1,12})?(?:ms|h|m|s)){1,4}|(\d{1,9}(?:\.\d{1,12})?) ?(seconds?|secs?|s|minutes?|mins?|hours?|milliseconds?|ms))(?:[^\w]|$)`)

// afterInText reads a wait that is told in words.
func afterInText(message string) (time.Duration, bool) {
	m := inWords.FindStringSubmatch(head(message, maxText))
	if m == nil {
		return 0, false
	}
	if m[2] == "" {
		d, err := time.ParseDuration(strings.ToLower(m[1]))
		if err != nil {
			return 0, false
		}
		return sane(d)
	}
	unit := map[byte]float64{'s': 1, 'm': 60, 'h': 3600}[strings.ToLower(m[3])[0]]
	if lower := strings.ToLower(m[3]); lower == "ms" || strings.HasPrefix(lower, "milli") {
		unit = 1e-3
	}
	return seconds(m[2], unit)
}
