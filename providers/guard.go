package providers

import (
	"net/http"

	"github.com/dogear-go/dogear/providers/internal/wire"
)

// Guard returns a transport that keeps what the clients of langchaingo lose, to be handed to a client of one's own
// (openai.WithHTTPClient(&http.Client{Transport: providers.Guard(nil, "mine")})) that becomes a member of a [Chain]. The
// catalogue's providers have it already.
//
// Failures become *resilience.Error with status, Retry-After and the body's error code. Errors inside a 200, in answers and
// in streams, and streams that end without their terminator are failures too. A stream that is silent for a minute
// is a timeout. Token counts and finish reasons are read where clients lose them, and what a client would mix up, lose or die
// of in an answer is put in order. A redirect to another host is refused. No error holds the request's key.
//
// Below a member of a Chain, a JSON Schema that the context carries (resilience.WithSchema) goes into requests of OpenAI's and
// Ollama's kind as far as the endpoint takes it.
//
// A client without it works in a chain too, and is known by the types and the texts of its errors alone: waits that the server
// asked for are lost with most clients then, and some return a stream that broke as a short answer.
//
// It is safe for concurrent use. base nil is http.DefaultTransport.
func Guard(base http.RoundTripper, provider string) http.RoundTripper {
	return newGuard(base, provider)
}

// newGuard returns the guard of a provider. Those of the catalogue are known to mark the end of their streams.
func newGuard(base http.RoundTripper, provider string) *wire.Guard {
	if base == nil {
		base = http.DefaultTransport
	}
	_, known := lookup(provider)
	return &wire.Guard{Base: base, Provider: provider, Marked: known}
}
