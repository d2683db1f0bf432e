package resilience

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// maxAfter is the longest wait that is believed.
	maxAfter = 366 * 24 * time.Hour
	// shortRenewal is up to which wait an exceeded "quota" is only a rate limit.
	shortRenewal = time.Hour
)

// after is how long the server asks to wait: the headers made for it, then the body's fields, then words, and last the
// longest of the windows that are used up. A reset time alone is when a window is full again, not a wait. Zero with true is
// an answer too: come again at once.
func (r *reply) after(now time.Time) (time.Duration, bool) {
	now = serverTime(r.header, now)
	for _, h := range []http.Header{r.header, r.inner} {
		if d, ok := afterHeader(h, now); ok {
			return d, true
		}
	}
	for _, told := range r.waits {
		if d, ok := told(now); ok {
			return d, true
		}
	}
	if d, ok := afterInText(r.message, now); ok {
		return d, true
	}
	return usedUp(slices.Concat(Allowances(r.header, now), Allowances(r.inner, now)))
}

// afterHeader reads the headers that say when to come again. Azure OpenAI and OpenAI send retry-after-ms, which is the more
// exact; x-ms-retry-after-ms is Azure's older name.
func afterHeader(h http.Header, now time.Time) (time.Duration, bool) {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		for _, value := range h.Values(name) {
			if d, ok := seconds(value, 1e-3); ok {
				return d, true
			}
		}
	}
	for _, name := range []string{"Retry-After", "X-Ratelimit-Retry-After", "X-Ratelimit-Reset-After"} {
		for _, value := range h.Values(name) {
			if d, ok := afterValue(value, now); ok {
				return d, true
			}
		}
	}
	return 0, false
}

// afterValue reads the value of a Retry-After: seconds (a fraction too), a duration such as 30s, or a date in HTTP's
// three formats or RFC 3339's. A date that is over by the server's own clock is not believed.
func afterValue(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if d, ok := seconds(value, 1); ok {
		return d, true
	}
	if d, ok := span(value); ok {
		return d, true
	}
	if at, ok := date(value); ok {
		return sane(at.Sub(now))
	}
	return 0, false
}

// serverTime is the server's clock at its answer: waits are relative to that one, not to ours.
func serverTime(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// reset reads the forms of a reset header: a date, a duration, seconds or milliseconds since 1970, or seconds from now. A
// moment that is over means now.
func reset(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if at, ok := date(value); ok {
		return sane(max(at.Sub(now), 0))
	}
	if d, ok := span(value); ok {
		return d, true
	}
	return numberReset(value, now)
}

// sane refuses waits that can't be meant.
func sane(d time.Duration) (time.Duration, bool) {
	if d < 0 || d > maxAfter {
		return 0, false
	}
	return d, true
}
