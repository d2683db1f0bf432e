package resilience

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfterForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	const date = "Date: Sun, 22 Nov 2026 21:00:00 GMT\n" // the server's clock is an hour ahead of ours
	const s = time.Second
	cases := []struct {
		name, header, body string
		want               time.Duration
	}{
		{"nothing", "", "", 0},
		{"seconds", "Retry-After: 3", "", 3 * s},
		{"fraction", "Retry-After: 0.25", "", s / 4},
		{"zero", "Retry-After: 0", "", 0},
		{"milliseconds first", "Retry-After-Ms: 1500\nRetry-After: 9", "", 1500 * time.Millisecond},
		{"date by the server's clock", date + "Retry-After: Sun, 22 Nov 2026 21:00:30 GMT", "", 30 * s},
		{"date by ours", "Retry-After: Sun, 22 Nov 2026 20:00:05 GMT", "", 5 * s},
		{"date gone by", date + "Retry-After: Sun, 22 Nov 2026 20:00:05 GMT", "", 0},
		{"negative", "Retry-After: -5", "", 0},
		{"not a number", "Retry-After: NaN", "", 0},
		{"infinite", "Retry-After: +Inf", "", 0},
		{"a year", "Retry-After: 31536000", "", 365 * 24 * time.Hour},
		{"too long", "Retry-After: 31708800", "", 0},
		{"overflow", "Retry-After: 1e300", "", 0},
		{"bad header, good body", "Retry-After: soon", `{"error":{"message":"Please try again in 634ms"}}`, 634 * time.Millisecond},
		{"gemini", "", `{"error":{"details":[{"retryDelay":"34s"}],"message":"x"}}`, 34 * s},
		{"words", "", `{"error":{"message":"Please try again in 7m12.5s. Visit us"}}`, 7*time.Minute + 12500*time.Millisecond},
		{"seconds in words", "", `{"error":{"message":"retry after 24 seconds."}}`, 24 * s},
		{"a minute in words", "", `{"error":{"message":"Try again in 1 minute"}}`, time.Minute},
		{"a minute", "", `{"error":{"message":"Please wait a minute and try again in an hour"}}`, time.Minute},
		{"an hour", "", `{"error":{"message":"Please try again in an hour."}}`, time.Hour},
		{"a header's words", "", `{"error":{"message":"Too fast (Retry-After: 30)"}}`, 30 * s},
		{"a header's words at the end", "", `{"error":{"message":"Too fast, retry after 7.5."}}`, 7500 * time.Millisecond},
		{"attempts", "", `{"error":{"message":"retry after 3 attempts"}}`, 0},
		{"duration's parts", "", `{"error":{"details":[{"retryDelay":{"seconds":34,"nanos":70000000}}],"message":"x"}}`, 34070 * time.Millisecond},
		{"azure's names", "X-Ms-Retry-After-Ms: 250\nRetry-After: 1", "", s / 4},
		{"hours and minutes", "", `{"error":{"message":"Quota resets after 4h30m12s."}}`, 4*time.Hour + 30*time.Minute + 12*s},
		{"expected available", "", `{"detail":"Request was throttled. Expected available in 55 seconds."}`, 55 * s},
		{"a moment", date, `{"error":{"message":"Your limit resets at 2026-11-22 21:00:30 UTC."}}`, 30 * s},
		{"a moment without a zone", date, `{"error":{"message":"Your limit will reset at 2026-11-22 21:00:30"}}`, 0},
		{"no unit", "", `{"error":{"message":"try again in 5 apples, retry 3 sheep"}}`, 0},
		{"used up windows, the longest", "X-Ratelimit-Remaining-Requests: 0\nX-Ratelimit-Reset-Requests: 1m2.5s\nX-Ratelimit-Remaining-Tokens: 0\nX-Ratelimit-Reset-Tokens: 12ms", "", 62500 * time.Millisecond},
		{"windows with something left", "X-Ratelimit-Remaining-Requests: 1\nX-Ratelimit-Reset-Requests: 6m0s\nX-Ratelimit-Reset-Tokens: 9s", "", 0},
		{"azure does not know", "X-Ratelimit-Remaining-Requests: -1\nX-Ratelimit-Reset-Requests: 6m0s", "", 0},
		{"rfc 3339", date + "Anthropic-Ratelimit-Output-Tokens-Remaining: 0\nAnthropic-Ratelimit-Output-Tokens-Reset: 2026-11-22T21:00:07Z", "", 7 * s},
		{"epoch seconds", "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 1795377610", "", 10 * s},
		{"epoch milliseconds", "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 1795377611000", "", 11 * s},
		{"plain seconds", "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 42", "", 42 * s},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := readReply(429, headers(c.header), []byte(c.body)).after(now)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want > 0 || c.name == "zero", ok)
		})
	}
}
