package resilience

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// decimalOf writes nanoseconds as a decimal number of a larger unit, exactly.
func decimalOf(d, unit time.Duration) string {
	digits := len(strconv.FormatInt(int64(unit), 10)) - 1
	return fmt.Sprintf("%d.%0*d", d/unit, digits, d%unit)
}

// waitForm is one way in which servers say how long to wait.
type waitForm struct {
	name string
	unit time.Duration // the form's smallest step
	say  func(now time.Time, d time.Duration) (header, body string)
}

func inHeader(format string, value func(now time.Time, d time.Duration) string) func(time.Time, time.Duration) (string, string) {
	return func(now time.Time, d time.Duration) (string, string) { return fmt.Sprintf(format, value(now, d)), "" }
}

func inBody(format string, value func(now time.Time, d time.Duration) string) func(time.Time, time.Duration) (string, string) {
	return func(now time.Time, d time.Duration) (string, string) { return "", fmt.Sprintf(format, value(now, d)) }
}

var waitForms = func() []waitForm {
	secs := func(_ time.Time, d time.Duration) string { return decimalOf(d, time.Second) }
	whole := func(_ time.Time, d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	millis := func(_ time.Time, d time.Duration) string { return decimalOf(d, time.Millisecond) }
	goText := func(_ time.Time, d time.Duration) string { return d.String() }
	at := func(layout string) func(time.Time, time.Duration) string {
		return func(now time.Time, d time.Duration) string { return now.Add(d).UTC().Format(layout) }
	}
	days := func(_ time.Time, d time.Duration) string {
		const day = 24 * time.Hour
		return fmt.Sprintf("%dd%dh%dm%ss", d/day, d%day/time.Hour, d%time.Hour/time.Minute, decimalOf(d%time.Minute, time.Second))
	}
	long := func(_ time.Time, d time.Duration) string {
		return fmt.Sprintf("%d hours, %d minutes and %s seconds", d/time.Hour, d%time.Hour/time.Minute, decimalOf(d%time.Minute, time.Second))
	}
	clock := func(_ time.Time, d time.Duration) string {
		const day = 24 * time.Hour
		return fmt.Sprintf("%d.%02d:%02d:%02d", d/day, d%day/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
	}
	message := `{"error":{"message":"Rate limit reached, limit 429 per 1h. %s"}}`
	return []waitForm{
		{"seconds", time.Nanosecond, inHeader("Retry-After: %s", secs)},
		{"whole seconds", time.Second, inHeader("Retry-After: %s", whole)},
		{"with unit", time.Nanosecond, inHeader("Retry-After: %ss", secs)},
		{"duration", time.Nanosecond, inHeader("Retry-After: %s", goText)},
		{"milliseconds", time.Nanosecond, inHeader("Retry-After-Ms: %s", millis)},
		{"azure", time.Nanosecond, inHeader("X-Ms-Retry-After-Ms: %s", millis)},
		{"RFC 1123", time.Second, inHeader("Retry-After: %s", at(http.TimeFormat))},
		{"RFC 850", time.Second, inHeader("Retry-After: %s", at("Monday, 02-Jan-06 15:04:05 GMT"))},
		{"ANSI C", time.Second, inHeader("Retry-After: %s", at(time.ANSIC))},
		{"RFC 3339", time.Nanosecond, inHeader("Retry-After: %s", at(time.RFC3339Nano))},
		{"gemini", time.Nanosecond, inBody(`{"error":{"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"%ss"}]}}`, secs)},
		{"try again", time.Nanosecond, inBody(fmt.Sprintf(message, "Please try again in %s. Visit us."), goText)},
		{"retry in", time.Nanosecond, inBody(fmt.Sprintf(message, "Please retry in %ss."), secs)},
		{"after seconds", time.Nanosecond, inBody(fmt.Sprintf(message, "Please retry after %s seconds."), secs)},
		{"days", time.Nanosecond, inBody(fmt.Sprintf(message, "Try again in %s"), days)},
		{"long", time.Nanosecond, inBody(fmt.Sprintf(message, "Please wait for %s."), long)},
		{"clock", time.Second, inBody(`{"statusCode":429,"message":"Quota will be replenished in %s."}`, clock)},
		{"a moment", time.Second, inBody(fmt.Sprintf(message, "Try again at %s."), at(time.RFC3339))},
		{"openrouter", time.Nanosecond, inBody(`{"error":{"message":"x","metadata":{"retry_after_seconds":%s}}}`, secs)},
		{"cloudflare", time.Nanosecond, inBody(`{"title":"Error 1015","status":429,"retry_after":%s}`, secs)},
		{"field in ms", time.Nanosecond, inBody(`{"error":{"message":"x","retryAfterMs":"%s"}}`, millis)},
		{"plain text", time.Nanosecond, inBody(`Rate limit is exceeded. Try again in %s seconds.`, secs)},
	}
}()

// windowForms say it by a window that is used up; nothing to wait is no answer there.
var windowForms = []waitForm{
	{"openai", time.Nanosecond, func(_ time.Time, d time.Duration) (string, string) {
		return "X-Ratelimit-Remaining-Tokens: 0\nX-Ratelimit-Reset-Tokens: " + d.String() + "\nX-Ratelimit-Remaining-Requests: 1\nX-Ratelimit-Reset-Requests: 8784h", ""
	}},
	{"anthropic", time.Nanosecond, func(now time.Time, d time.Duration) (string, string) {
		return "Anthropic-Ratelimit-Tokens-Remaining: 0\nAnthropic-Ratelimit-Tokens-Reset: " + now.Add(d).Format(time.RFC3339Nano), ""
	}},
	{"epoch", time.Nanosecond, func(now time.Time, d time.Duration) (string, string) {
		return "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: " + decimalOf(time.Duration(now.Add(d).UnixNano()), time.Second), ""
	}},
	{"epoch ms", time.Nanosecond, func(now time.Time, d time.Duration) (string, string) {
		return "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: " + decimalOf(time.Duration(now.Add(d).UnixNano()), time.Millisecond), ""
	}},
	{"draft", time.Nanosecond, func(_ time.Time, d time.Duration) (string, string) {
		return `Ratelimit: "day";r=0;t=` + decimalOf(d, time.Second), ""
	}},
	{"openrouter inside", time.Nanosecond, func(now time.Time, d time.Duration) (string, string) {
		return "", `{"error":{"message":"x","metadata":{"headers":{"X-RateLimit-Remaining":"0","X-RateLimit-Reset":"` + decimalOf(time.Duration(now.Add(d).UnixNano()), time.Millisecond) + `"}}}}`
	}},
}

// TestRetryAfterProperty: whatever is said, in whatever form, from nothing to 366 days, comes out as it was said.
func TestRetryAfterProperty(t *testing.T) {
	t.Parallel()
	server := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	ours := server.Add(-37 * time.Minute)
	rng := rand.New(rand.NewPCG(7, 9))
	const samples = 400
	for _, f := range append(waitForms, windowForms...) {
		t.Run(f.name, func(t *testing.T) {
			for i := range samples {
				d := time.Duration(rng.Int64N(int64(maxAfter) >> (i % 50)))
				switch i {
				case 0:
					d = 0
				case 1:
					d = maxAfter
				}
				d -= d % f.unit
				header, body := f.say(server, d)
				header = "Date: " + server.Format(http.TimeFormat) + "\n" + header
				got, ok := readReply(429, headers(header), []byte(body)).after(ours)
				if d == 0 && !contains(waitForms, f.name) {
					require.False(t, ok)
					continue
				}
				require.True(t, ok, "%s%s", header, body)
				require.Equal(t, d, got, "%s%s", header, body)
			}
		})
	}
}

func contains(forms []waitForm, name string) bool {
	for _, f := range forms {
		if f.name == name {
			return true
		}
	}
	return false
}

// TestRetryAfterNotBelieved: in every form, more than 366 days, and what is no number of seconds, is nothing said.
func TestRetryAfterNotBelieved(t *testing.T) {
	t.Parallel()
	server := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	for _, f := range append(waitForms, windowForms...) {
		for _, d := range []time.Duration{maxAfter + f.unit, 10000 * 24 * time.Hour} {
			header, body := f.say(server, d)
			header = "Date: " + server.Format(http.TimeFormat) + "\n" + header
			got, ok := readReply(429, headers(header), []byte(body)).after(server)
			require.False(t, ok, "%s: %s%s: %v", f.name, header, body, got)
			require.Zero(t, got)
		}
	}
	for _, value := range []string{"NaN", "-1", "-0.5", "Inf", "1e300", "1e99999999", "0x10", "1_000", "", " ", "soon", "5 apples", "99999999999999999999999", "1h-5m"} {
		for _, header := range []string{"Retry-After", "Retry-After-Ms", "X-Ratelimit-Reset"} {
			_, ok := readReply(429, headers(header+": "+value+"\nX-Ratelimit-Remaining: 0"), nil).after(server)
			require.False(t, ok, "%s: %s", header, value)
		}
	}
}

// TestRetryAfterNeverShortened: a part of a nanosecond counts as a whole one.
func TestRetryAfterNeverShortened(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"Retry-After: 0.0000000001":         1,
		"Retry-After: 1.0000000001":         time.Second + 1,
		"Retry-After: 1e-05":                10 * time.Microsecond,
		"Retry-After-Ms: 0.0000001":         1,
		"Retry-After: 0.1":                  100 * time.Millisecond,
		"Retry-After: 31622399.99999999999": maxAfter,
		"Retry-After: 1.1ms":                1100 * time.Microsecond,
		"Retry-After: 0.00001ns":            1,
	} {
		got, ok := readReply(429, headers(header), nil).after(time.Now())
		require.True(t, ok, header)
		require.Equal(t, want, got, header)
	}
}

// TestToldZero: "Retry-After: 0" is an answer, through every layer, and makes nobody hammer.
func TestToldZero(t *testing.T) {
	t.Parallel()
	err := FromHTTP("p", 429, headers("Retry-After: 0"), nil)
	for _, e := range []error{err, Wrap("q", "m", err), Wrap("q", "m", fmt.Errorf("around: %w", err)), errors.New("rate limit: try again in 0s")} {
		d, ok := RetryAfter(e)
		require.True(t, ok, e)
		require.Zero(t, d)
	}
	require.Contains(t, err.Error(), "asks for no wait")
	_, ok := RetryAfter(FromHTTP("p", 429, nil, nil))
	require.False(t, ok)
	_, ok = RetryAfter(&Error{Class: RateLimit})
	require.False(t, ok, "the zero value did not say")
	d, ok := RetryAfter(&Error{Now: true, After: time.Second})
	require.True(t, ok)
	require.Equal(t, time.Second, d)
	_, ok = RetryAfter(&Error{Now: true, After: -1})
	require.False(t, ok)

	p := Policy{Rand: steady}
	require.Zero(t, p.Delay(err, 1))
	require.Equal(t, 15*time.Second, p.Delay(err, 2), "the rule's own")
	require.Equal(t, 45*time.Second, p.Delay(err, 3))
}

func TestRetryToldZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		zero := &Error{Class: RateLimit, Now: true}
		_, err := Retry(t.Context(), Policy{Rand: steady}, script(&calls, zero, zero))
		require.NoError(t, err)
		require.Equal(t, []time.Duration{0, 0, 15 * time.Second}, calls)

		calls = nil
		never := Policy{Rand: steady, Rules: map[Class]Rule{RateLimit: {Wait: Never, MaxWait: Never}}}
		_, err = Retry(t.Context(), never, script(&calls, zero))
		require.NoError(t, err)
		require.Len(t, calls, 2, "a rule without waits allows a wait of nothing")
	})
}

// FuzzRetryAfter: whatever stands in headers and texts, a wait is from 0 to 366 days, and nothing said is nothing.
func FuzzRetryAfter(f *testing.F) {
	server := time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)
	for _, form := range append(waitForms, windowForms...) {
		header, body := form.say(server, 3*time.Hour+25*time.Second)
		f.Add(header, body)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		for _, told := range []error{FromHTTP("p", 429, headers(header), []byte(body)), errors.New(body), Wrap("p", "m", errors.New(header))} {
			d, ok := RetryAfter(told)
			if d < 0 || d > maxAfter || !ok && d != 0 {
				t.Fatalf("%v, %v", d, ok)
			}
			if w, okW := RetryAfter(Wrap("p", "m", told)); ok != okW || w > d+time.Second || w < d-time.Second { // dates move with the clock
				t.Fatalf("wrapped: %v, %v, not %v, %v", w, okW, d, ok)
			}
			if wait := (Policy{}).Delay(told, 1); ok && wait < d-time.Second {
				t.Fatalf("waits %v, not %v", wait, d)
			}
		}
		if d, ok := span(header); ok && (d < 0 || d > maxAfter) {
			t.Fatal(d)
		}
	})
}
