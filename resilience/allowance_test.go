package resilience

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAllowances(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	const (
		date = "Date: Sun, 22 Nov 2026 21:00:00 GMT\n" // the server's clock is an hour ahead of ours
		s    = time.Second
		day  = 24 * time.Hour
	)
	for name, c := range map[string]struct {
		header string
		want   []Allowance
	}{
		"nothing": {"Content-Type: application/json\nX-Request-Id: 429", nil},
		"openai": {
			"x-ratelimit-limit-requests: 5000\nx-ratelimit-limit-tokens: 160000\nx-ratelimit-remaining-requests: 4999\nx-ratelimit-remaining-tokens: 159976\nx-ratelimit-reset-requests: 12ms\nx-ratelimit-reset-tokens: 6m0s",
			[]Allowance{
				{Resource: "requests", Limit: 5000, Remaining: 4999, Reset: 12 * time.Millisecond, ResetKnown: true},
				{Resource: "tokens", Limit: 160000, Remaining: 159976, Reset: 6 * time.Minute, ResetKnown: true},
			},
		},
		"openai, one resource twice": {
			"x-ratelimit-limit-tokens: 10\nx-ratelimit-remaining-tokens: 5\nx-ratelimit-limit-tokens_usage_based: 20\nx-ratelimit-remaining-tokens_usage_based: 6\nx-ratelimit-reset-tokens_usage_based: 1m2.5s",
			[]Allowance{
				{Resource: "tokens", Limit: 10, Remaining: 5},
				{Resource: "tokens", Limit: 20, Remaining: 6, Reset: 62500 * time.Millisecond, ResetKnown: true},
			},
		},
		"groq": {
			"x-ratelimit-limit-requests: 14400\nx-ratelimit-remaining-requests: 14370\nx-ratelimit-reset-requests: 2m59.56s\nx-ratelimit-limit-tokens: 18000\nx-ratelimit-remaining-tokens: 17997\nx-ratelimit-reset-tokens: 7.66s",
			[]Allowance{
				{Resource: "requests", Limit: 14400, Remaining: 14370, Reset: 179560 * time.Millisecond, ResetKnown: true},
				{Resource: "tokens", Limit: 18000, Remaining: 17997, Reset: 7660 * time.Millisecond, ResetKnown: true},
			},
		},
		"anthropic, by the server's clock": {
			date + "anthropic-ratelimit-requests-limit: 50\nanthropic-ratelimit-requests-remaining: 49\nanthropic-ratelimit-requests-reset: 2026-11-22T21:00:01Z\n" +
				"anthropic-ratelimit-input-tokens-limit: 30000\nanthropic-ratelimit-input-tokens-remaining: 0\nanthropic-ratelimit-input-tokens-reset: 2026-11-22T21:01:00Z\n" +
				"anthropic-ratelimit-output-tokens-limit: 8000\nanthropic-ratelimit-output-tokens-remaining: 8000\nanthropic-ratelimit-output-tokens-reset: 2026-11-22T20:59:59Z\n" +
				"anthropic-ratelimit-tokens-remaining: 8000\nanthropic-priority-input-tokens-limit: 9\nanthropic-ratelimit-unified-5h-status: allowed",
			[]Allowance{
				{Resource: "input_tokens", Limit: 30000, Remaining: 0, Reset: 60 * s, ResetKnown: true},
				{Resource: "output_tokens", Limit: 8000, Remaining: 8000, ResetKnown: true},
				{Resource: "requests", Limit: 50, Remaining: 49, Reset: s, ResetKnown: true},
				{Resource: "tokens", Limit: -1, Remaining: 8000},
			},
		},
		"azure does not know": {
			"x-ratelimit-remaining-requests: -1\nx-ratelimit-remaining-tokens: 119000\nx-ratelimit-reset-requests: -1",
			[]Allowance{{Resource: "tokens", Limit: -1, Remaining: 119000}},
		},
		"azure, empty and full at once": {
			"x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 0",
			[]Allowance{{Resource: "requests", Limit: -1}},
		},
		"cerebras": {
			"x-ratelimit-limit-requests-day: 14400\nx-ratelimit-remaining-requests-day: 14399\nx-ratelimit-reset-requests-day: 33011.382867\nx-ratelimit-limit-tokens-minute: 60000\nx-ratelimit-remaining-tokens-minute: 59999\nx-ratelimit-reset-tokens-minute: 11.382867",
			[]Allowance{
				{Resource: "requests", Limit: 14400, Remaining: 14399, Reset: 33011382867 * time.Microsecond, ResetKnown: true, Window: day},
				{Resource: "tokens", Limit: 60000, Remaining: 59999, Reset: 11382867 * time.Microsecond, ResetKnown: true, Window: time.Minute},
			},
		},
		"mistral": {
			"x-ratelimit-limit-tokens-minute: 5000000\nx-ratelimit-remaining-tokens-minute: 4999911\nx-ratelimit-tokens-query-cost: 52\nx-ratelimit-limit-req-minute: 720\nx-ratelimit-remaining-req-minute: 717",
			[]Allowance{
				{Resource: "requests", Limit: 720, Remaining: 717, Window: time.Minute},
				{Resource: "tokens", Limit: 5000000, Remaining: 4999911, Window: time.Minute},
			},
		},
		"mistral, formerly": {
			"ratelimitbysize-limit: 500000\nratelimitbysize-remaining: 499900\nratelimitbysize-reset: 25\nratelimitbysize-query-cost: 100\nx-ratelimitbysize-limit-month: 1000000000\nx-ratelimitbysize-remaining-month: 999",
			[]Allowance{
				{Resource: "tokens", Limit: 500000, Remaining: 499900, Reset: 25 * s, ResetKnown: true},
				{Resource: "tokens", Limit: 1000000000, Remaining: 999, Window: 30 * day},
			},
		},
		"together": {
			"x-ratelimit-limit: 10\nx-ratelimit-remaining: 9\nx-ratelimit-reset: 0.0001\nx-tokenlimit-limit: 2000\nx-tokenlimit-remaining: 1999.5",
			[]Allowance{
				{Resource: "requests", Limit: 10, Remaining: 9, Reset: 100 * time.Microsecond, ResetKnown: true},
				{Resource: "tokens", Limit: 2000, Remaining: 1999},
			},
		},
		"fireworks": {
			"x-ratelimit-limit-tokens-prompt: 60000\nx-ratelimit-remaining-tokens-prompt: 59000\nx-ratelimit-limit-tokens-generated: 6000",
			[]Allowance{
				{Resource: "input_tokens", Limit: 60000, Remaining: 59000},
				{Resource: "output_tokens", Limit: 6000, Remaining: -1},
			},
		},
		"openrouter, milliseconds since 1970": {
			date + "X-RateLimit-Limit: 50\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795381230000",
			[]Allowance{{Resource: "requests", Limit: 50, Reset: 30 * s, ResetKnown: true}},
		},
		"draft, version 3": {
			"RateLimit-Limit: 100, 100;w=60\nRateLimit-Remaining: 50\nRateLimit-Reset: 5",
			[]Allowance{{Resource: "requests", Limit: 100, Remaining: 50, Reset: 5 * s, ResetKnown: true}},
		},
		"draft, version 7": {
			"RateLimit-Policy: 100;w=60\nRateLimit: limit=100, remaining=50, reset=5",
			[]Allowance{{Resource: "requests", Limit: 100, Remaining: 50, Reset: 5 * s, ResetKnown: true, Window: time.Minute}},
		},
		"draft, version 8 on": {
			`RateLimit-Policy: "bu,rst";q=100;w=60, "daily";q=1000;w=86400;qu="tokens"` + "\n" + `RateLimit: "bu,rst";r=50;t=30, daily;r=0;t=7200`,
			[]Allowance{
				{Resource: "requests", Limit: 100, Remaining: 50, Reset: 30 * s, ResetKnown: true, Window: time.Minute},
				{Resource: "tokens", Limit: 1000, Remaining: 0, Reset: 2 * time.Hour, ResetKnown: true, Window: day},
			},
		},
		"nonsense": {"x-ratelimit-limit: many\nx-ratelimit-reset: soon\nratelimit: ;;,,\"\nx-ratelimit-: 3\nx-ratelimit-limit-limit: 3\nx-ratelimit-remaining: NaN", nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Allowances(headers(c.header), now))
		})
	}
}

// TestAllowancesUsedUp: only what is used up makes a request wait, and the longest counts.
func TestAllowancesUsedUp(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"x-ratelimit-remaining-tokens-minute: 0\nx-ratelimit-reset-tokens-minute: 11.5\nx-ratelimit-remaining-requests-day: 0\nx-ratelimit-reset-requests-day: 3600": time.Hour,
		"RateLimit: \"d\";r=0;t=7":                                     7 * time.Second,
		"RateLimit: \"d\";r=1;t=7":                                     0,
		"x-ratelimit-remaining-tokens: 0\nx-ratelimit-reset-tokens: 0": 0,
	} {
		e := FromHTTP("p", 429, headers(header), nil).(*Error) //nolint:errorlint // not wrapped
		got, ok := e.RetryAfter()
		require.Equal(t, want, got, header)
		require.Equal(t, want > 0, ok, header)
	}
}

// FuzzAllowances: whatever a server sends, the numbers are numbers that can be.
func FuzzAllowances(f *testing.F) {
	f.Add("x-ratelimit-limit-requests: 5000\nx-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 12ms\nDate: Sun, 22 Nov 2026 21:00:00 GMT")
	f.Add("RateLimit-Policy: \"a\";q=1;w=2\nRateLimit: \"a\";r=0;t=1e9")
	f.Add("anthropic-ratelimit-tokens-reset: 2026-11-22T21:00:01Z\nx-ratelimit-reset: 1795381230000")
	f.Add("RateLimit-Limit: 100, 100;w=60\nx-ratelimit-remaining-tokens-minute: -1\nRateLimit: limit=1, remaining=2, reset=3")
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, lines string) {
		h := headers(lines)
		list := Allowances(h, now)
		if len(list) > 3*maxAllowances {
			t.Fatalf("%d allowances", len(list))
		}
		for _, a := range list {
			known := strings.HasSuffix(a.Resource, ResourceTokens) || a.Resource == ResourceRequests
			if !known || a.Limit < -1 || a.Remaining < -1 || a.Reset < 0 || a.Reset > maxAfter || a.Window < 0 || a.Window > maxAfter {
				t.Fatalf("%+v", a)
			}
			if a.Limit < 0 && a.Remaining < 0 && !a.ResetKnown || !a.ResetKnown && a.Reset != 0 {
				t.Fatalf("says nothing: %+v", a)
			}
		}
	})
}
