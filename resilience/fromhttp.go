package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// FromHTTP makes an *[Error] from a provider's answer: its status, headers and body. The class is found by structured
// details, then by the body's error code, then by the message's known phrases for that status, then by the words of codes and
// types, and last by the status alone. The answer's headers and body say how long to wait (see [Error.RetryAfter]).
//
// It knows these shapes, whatever provider is called; provider is only noted:
//
//   - OpenAI and what imitates it (Groq, DeepSeek, Together, Fireworks, vLLM, LM Studio): {"error":{"message","type","code"}}
//   - Azure OpenAI: with innererror and content_filter_result; its gateway's {"statusCode","message"}
//   - Anthropic: {"type":"error","error":{"type","message"}}, also as the event of a stream
//   - Gemini: {"error":{"code","status","details"}}, the array of its OpenAI-compatible address, promptFeedback
//   - OpenRouter: metadata with the upstream's own error as text, an error inside a choice
//   - Mistral: {"object":"error","message","type","code"}, FastAPI's {"detail"}
//   - AWS Bedrock: the header X-Amzn-ErrorType, {"__type"}, {"message"} and {"Message"}, originalStatusCode, events of a stream
//   - Cohere: {"message","id"}, status 498, finish reasons such as ERROR_TOXIC
//   - Ollama, Hugging Face: {"error":"text"}
//   - gateways and proxies: LiteLLM, Portkey, Cloudflare, Kong, Vercel, RFC 9457, GraphQL's errors, web pages, XML, plain text,
//     and any of these as text inside another
//
// An error inside a 200 is passed with that status: one that the body names replaces it. header and body may be nil. The
// result never holds the body, only a bounded, redacted message, and is never nil. A status 501 or 505 and the header
// x-should-retry: false make it permanent.
func FromHTTP(provider string, status int, header http.Header, body []byte) error {
	return fromHTTP(provider, status, header, body, time.Now())
}

func fromHTTP(provider string, status int, header http.Header, body []byte, now time.Time) error {
	r := readReply(status, header, body)
	e := &Error{
		Class:     r.class(),
		Provider:  provider,
		Status:    r.http,
		Header:    shownHeader(header),
		Code:      clean(r.shown, 60),
		Permanent: strings.EqualFold(header.Get("X-Should-Retry"), "false") || r.http == 501 || r.http == 505,
	}
	if after, ok := r.after(now); ok {
		e.After, e.Now = after, after == 0
	}
	e.Hint = r.hint(e.Class)
	message := clean(r.message, maxMessage)
	if message == "" {
		message = strings.TrimSpace(fmt.Sprintf("%d %s", r.http, http.StatusText(r.http)))
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

// shownHeader are headers as an error may hold them.
func shownHeader(h http.Header) http.Header {
	var shown http.Header
	for name, values := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Set-Cookie", "Authorization", "Proxy-Authorization":
			continue
		}
		if shown == nil {
			shown = make(http.Header, len(h))
		}
		for _, v := range values {
			shown[name] = append(shown[name], Redact(v))
		}
	}
	return shown
}
