package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// FromHTTP makes an *[Error] from a provider's answer: its status, headers and body. The class is found by the body's error
// code, by structured details, then by the message's known phrases for that status, and last by the status alone. The
// answer's headers and body say how long to wait (see [Error.RetryAfter]).
//
// It knows the shapes of OpenAI, Azure, Anthropic, Gemini (its array too), Groq, OpenRouter, DeepSeek, Together, Mistral and
// Ollama, whatever provider is called; provider is only noted. An error inside a 200 is passed with that status: one that
// the body names replaces it. header and body may be nil. The result never holds the body, only a bounded, redacted
// message, and is never nil.
func FromHTTP(provider string, status int, header http.Header, body []byte) error {
	return fromHTTP(provider, status, header, body, time.Now())
}

func fromHTTP(provider string, status int, header http.Header, body []byte, now time.Time) error {
	r := readReply(status, header, body)
	e := &Error{
		Class:     r.class(),
		Provider:  provider,
		Status:    r.status,
		Code:      clean(r.code(), 60),
		Permanent: strings.EqualFold(header.Get("X-Should-Retry"), "false"),
	}
	if after, ok := r.after(now); ok {
		e.After, e.Now = after, after == 0
	}
	e.Hint = r.hint(e.Class)
	message := clean(r.message, maxMessage)
	if message == "" {
		message = strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)))
	}
	e.Err = errors.New(message)
	return e
}

// hint is a hint for what the answer says beyond its class, or "".
func (r *reply) hint(c Class) string {
	switch {
	case c == ContextLength && tooLargeForTier.MatchString(r.message):
		return "the request can never fit this plan's limit of tokens per minute; shorten it, lower the answer's limit, or use another provider"
	case c == Quota && r.daily():
		return "the day's allowance is used up; wait until it is renewed, raise the plan, or use another provider"
	case c == Permission && r.page:
		return "a firewall in front of the provider refused; check network, proxy and region"
	}
	return ""
}
