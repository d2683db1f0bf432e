package providers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

const (
	// maxErrorBody is how much of a failed answer is read.
	maxErrorBody = 64 << 10

	// maxBody is how large an answer may be that is not a stream.
	maxBody = 64 << 20

	// defaultIdle is the longest silence inside a stream.
	defaultIdle = time.Minute
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
	if base == nil {
		base = http.DefaultTransport
	}
	return &guard{base: base, provider: provider}
}

type guard struct {
	base     http.RoundTripper
	provider string
}

// protocol is whose words an endpoint speaks.
type protocol int

const (
	protocolOther    protocol = iota
	protocolChat              // OpenAI's, and of those compatible with it
	protocolMessages          // Anthropic's
	protocolOllama            // Ollama's own
)

func protocolOf(req *http.Request) protocol {
	switch path := req.URL.Path; {
	case strings.HasSuffix(path, "/chat/completions"):
		return protocolChat
	case strings.HasSuffix(path, "/messages"):
		return protocolMessages
	case strings.HasSuffix(path, "/api/chat"):
		return protocolOllama
	}
	return protocolOther
}

// RoundTrip makes one request, as the recorder in its context says.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := recorderFrom(req.Context())
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	r := rewrite(req, g.provider, body, rec)
	resp, err := g.once(req, r, rec)
	if err != nil && r.formatted && rejectsFormat(err) {
		rec.refused()
	}
	return resp, err
}

func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	if req.ContentLength > 0 {
		body := make([]byte, req.ContentLength)
		_, err := io.ReadFull(req.Body, body)
		return body, err
	}
	return io.ReadAll(req.Body)
}

// once makes one request; its answer is checked, or watched while it streams.
func (g *guard) once(req *http.Request, r request, rec *recorder) (*http.Response, error) {
	ctx, cancel := req.Context(), context.CancelCauseFunc(func(error) {})
	if r.mayStream() { // one that falls silent is ended
		ctx, cancel = context.WithCancelCause(ctx)
	}
	out := req.WithContext(ctx)
	if r.body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
	}
	rec.sent()
	resp, err := g.base.RoundTrip(out)
	if err != nil {
		cancel(nil)
		return nil, g.transportError(req, rec, err)
	}
	keys := keysOf(req)
	a := answer{provider: g.provider, header: hideIn(resp.Header, keys), rec: rec, keys: keys}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && follows(req, resp) {
		resp.Body = &closing{resp.Body, cancel}
		return resp, nil
	}
	stream := resp.StatusCode < 300 && r.mayStream() && isStream(resp, r)
	rec.arrived(resp.StatusCode, a.header, stream)
	if stream {
		resp.StatusCode = http.StatusOK
		resp.Body, resp.ContentLength = newWatched(resp, a.translator(r.protocol), g.provider, rec, cancel), -1
		return resp, nil
	}
	defer cancel(nil)
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return nil, rec.failed(a.status(resp))
	}
	text, err := readAll(resp)
	if err != nil {
		return nil, g.transportError(req, rec, err)
	}
	text, err = a.check(resp.StatusCode, text, r)
	if err != nil {
		return nil, rec.failed(err)
	}
	resp.StatusCode = http.StatusOK // clients take other successes for failures
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// follows says whether the http.Client may follow a redirect: with the same request, to the same host. Any other one would
// show the key and the prompt to somebody else, or ask without the body.
func follows(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
		return false
	}
	to, err := resp.Location()
	return err == nil && to.Host == req.URL.Host && to.Scheme == req.URL.Scheme
}

func readAll(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; n > 0 && n <= maxErrorBody { // a longer one is believed when it arrives
		text := make([]byte, n)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
}

func (a answer) translator(p protocol) translator {
	switch p {
	case protocolChat:
		return &events{answer: a, dialect: &chatStream{answer: a}}
	case protocolMessages:
		return &events{answer: a, dialect: &messageStream{answer: a}}
	case protocolOllama:
		return &ollamaStream{answer: a}
	}
	return &otherStream{answer: a}
}

// transportError gives a failed connection its class. A cancellation stays one: the context knows better than the error.
func (g *guard) transportError(req *http.Request, rec *recorder, err error) error {
	if req.Context().Err() != nil {
		return err
	}
	var typed *resilience.Error
	if errors.As(err, &typed) {
		return rec.failed(err)
	}
	return rec.failed(resilience.Wrap(g.provider, "", hideErr(err, keysOf(req))))
}

// mayStream says whether the answer may come in parts: when that is asked for, and in words that are not known.
func (r request) mayStream() bool {
	return r.stream || r.protocol == protocolOllama || r.protocol == protocolOther
}

func isStream(resp *http.Response, r request) bool {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "text/html":
		return false
	case "text/event-stream", "application/x-ndjson":
		return true
	case "application/json":
		return r.protocol == protocolOllama // its client reads lines in any case
	}
	return r.stream || r.protocol == protocolOllama
}

// closing frees the request's context with the body.
type closing struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (c *closing) Close() error {
	defer c.cancel(nil)
	return c.ReadCloser.Close()
}
