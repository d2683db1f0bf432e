package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	err := &Error{
		Class: RateLimit, Provider: "groq", Model: "llama", Status: 429, Code: "rate_limit_exceeded",
		After: 34 * time.Second, Err: errors.New("Rate limit reached\nfor you"),
	}
	require.Equal(t, "groq llama: rate_limit (HTTP 429, rate_limit_exceeded, asks to wait 34s): Rate limit reached for you; "+
		"wait, or lower the concurrency or the configured limits", err.Error())
	require.Equal(t, "unknown", (&Error{}).Error())
}

// TestErrorTextHasNoSecrets: neither keys nor what the server repeats of the prompt reach the text.
func TestErrorTextHasNoSecrets(t *testing.T) {
	t.Parallel()
	const key = "abcdefgh12345678ABCDEFGH"
	prompt := strings.Repeat("The moon rose over the harbour. ", 40)
	for _, text := range []string{
		"Incorrect API key provided: sk-proj-" + key, "key sk-" + key, "gsk_" + key, "AIza" + key, "hf_" + key, "sk-ant-api03-" + key,
		`Post "https://x/v1beta/models/m:generateContent?key=` + key + `&alt=sse": EOF`, "https://x?a=b&access_token=" + key,
		"Authorization: Bearer " + key, `{"x-api-key":"` + key + `"}`, "api_key=" + key, "https://user:" + key + "@host/v1",
		"eyJ" + key + "." + key + "." + key,
	} {
		wrapped := Wrap("p", "m", fmt.Errorf("call: %w", errors.New(text)))
		require.NotContains(t, wrapped.Error(), key, text)
		require.Contains(t, wrapped.Error(), "[redacted]", text)
		require.NotContains(t, FromHTTP("p", 400, nil, []byte(text)).Error(), key, text)
	}
	err := FromHTTP("p", 400, nil, []byte(`{"error":{"message":"Bad value \"`+prompt+`\" at 3"}}`))
	require.NotContains(t, err.Error(), "harbour")
	require.Contains(t, err.Error(), "at 3")
	require.Equal(t, "no secrets here: task-oriented skeleton", Redact("no secrets here: task-oriented skeleton"))

	var u *url.Error
	secret := &url.Error{Op: "Post", URL: "https://x?key=" + key, Err: errors.New("refused")}
	require.ErrorAs(t, Wrap("gemini", "", secret), &u, "the cause stays")
}

func TestErrorTextIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä\xff word ", 1<<16)
	err := &Error{Class: Server, Provider: long, Model: long, Code: long, Hint: long, Err: errors.New(long)}
	require.Less(t, len([]rune(err.Error())), 900)
	require.Equal(t, err.Error(), strings.ToValidUTF8(err.Error(), "?"))
}

func TestWrap(t *testing.T) {
	t.Parallel()
	require.NoError(t, Wrap("p", "m", nil))

	cause := FromHTTP("", http.StatusTooManyRequests, http.Header{"Retry-After": {"9"}}, nil)
	err := Wrap("groq", "llama", fmt.Errorf("scene 2: %w", cause))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "groq", e.Provider)
	require.Equal(t, "llama", e.Model)
	require.Equal(t, RateLimit, e.Class)
	require.Equal(t, 429, e.Status)
	require.Equal(t, 9*time.Second, e.After)
	require.ErrorIs(t, err, cause)

	require.ErrorAs(t, Wrap("other", "", Wrap("groq", "llama", errors.New("x"))), &e)
	require.Equal(t, "groq", e.Provider, "who was asked first is kept")
	require.Equal(t, 1, strings.Count(Wrap("a", "b", cause).Error(), "rate_limit"), "not told twice")
}

func TestRetryAfterOfAnyError(t *testing.T) {
	t.Parallel()
	d, ok := RetryAfter(fmt.Errorf("x: %w", &Error{After: time.Minute}))
	require.True(t, ok)
	require.Equal(t, time.Minute, d)
	d, ok = RetryAfter(errors.New("429: Please try again in 1m2.5s. Bye"))
	require.True(t, ok)
	require.Equal(t, 62500*time.Millisecond, d)
	for text, want := range map[string]time.Duration{ // as clients keep it
		"API returned unexpected status code: 429: Rate limit reached. Please try again in 858ms.":                                                                                        858 * time.Millisecond,
		`(HTTP Error 429) {"message":"slow","retry_after":3}`:                                                                                                                             3 * time.Second,
		"googleapi: Error 429: Resource has been exhausted\nerror details: name = RetryInfo\nerror details: retry in 34s\n":                                                               34 * time.Second,
		"googleapi: Error 429: You exceeded your current quota.\nDetails:\n[\n  {\n    \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n    \"retryDelay\": \"34.5s\"\n  }\n]\n": 34500 * time.Millisecond,
		"Error code: 429 - {'error': {'message': 'slow', 'metadata': {'retry_after_seconds': 25}}}":                                                                                       25 * time.Second,
	} {
		d, ok = RetryAfter(errors.New(text))
		require.True(t, ok, text)
		require.Equal(t, want, d, text)
	}
	_, ok = RetryAfter(&Error{Err: errors.New("try again in 5s")})
	require.False(t, ok, "a typed error has had its say")
	_, ok = RetryAfter(nil)
	require.False(t, ok)
}

func TestRetryableTable(t *testing.T) {
	t.Parallel()
	for c, want := range map[Class][2]bool{ // same provider later, another provider
		RateLimit: {true, true}, Quota: {false, true}, Auth: {false, true}, Permission: {false, true}, NotFound: {false, true},
		InvalidRequest: {false, true}, ContextLength: {false, true}, ContentPolicy: {false, true}, Overloaded: {true, true},
		Server: {true, true}, Timeout: {true, true}, Network: {true, true}, EmptyResponse: {true, true}, Truncated: {false, false},
		InvalidResponse: {true, true}, Canceled: {false, false}, Unknown: {true, true},
	} {
		e := &Error{Class: c}
		require.Equal(t, want, [2]bool{e.Retryable(), e.SwitchProvider()}, c)
		p := Policy{}.Rule(c)
		require.Equal(t, want[0], p.Attempts > 1, c)
		require.Equal(t, want[1], p.Switch > 0, c)
	}
	require.Len(t, Classes(), 17)
}
