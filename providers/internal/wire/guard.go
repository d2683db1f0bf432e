package wire

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
	// MaxErrorBody is how much of a failed answer is read, in bytes.
	MaxErrorBody = 64 << 10

	// maxBody is how large an answer may be that is not a stream.
	maxBody = 64 << 20

	// defaultIdle is the longest silence inside a stream.
	defaultIdle = time.Minute
)

// Guard is a transport that turns what a server does into what langchaingo's clients can't lose or mix up: failures into
// *resilience.Error, streams into a form that is safe, requests into what the caller meant. What it sees goes to the [Recorder] of
// the request's context. It is safe for concurrent use.
type Guard struct {
	Base     http.RoundTripper // makes the requests
	Provider string            // its name: for errors, and for what only one provider rejects

	// Marked says that the server is known to send [DONE] at the end of each stream of OpenAI's kind. Of others, a stream that has
	// all but this is taken for whole.
	Marked bool
}

// RoundTrip makes one request, as the recorder in its context says.
func (g *Guard) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := recorderOf(req.Context())
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	r := rewrite(req, g.Provider, body, rec)
	resp, err := g.once(req, r, rec)
	if err != nil && r.formatted && RejectsFormat(err) {
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
func (g *Guard) once(req *http.Request, r request, rec *Recorder) (*http.Response, error) {
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
	resp, err := g.Base.RoundTrip(out)
	if err != nil {
		cancel(nil)
		return nil, g.transportError(req, rec, err)
	}
	keys := KeysOf(req)
	a := answer{provider: g.Provider, header: hideIn(resp.Header, keys), rec: rec, keys: keys}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && follows(req, resp) {
		resp.Body = &closing{resp.Body, cancel}
		return resp, nil
	}
	stream := resp.StatusCode < 300 && r.mayStream() && isStream(resp, r)
	rec.arrived(resp.StatusCode, a.header, stream)
	if stream {
		resp.StatusCode = http.StatusOK
		resp.Body, resp.ContentLength = newWatched(resp, g.translator(a, r.protocol), g.Provider, rec, cancel), -1
		return resp, nil
	}
	defer cancel(nil)
	defer resp.Body.Close()
	return g.whole(req, resp, a, r)
}

// whole reads an answer that is not a stream.
func (g *Guard) whole(req *http.Request, resp *http.Response, a answer, r request) (*http.Response, error) {
	if resp.StatusCode >= 300 {
		return nil, a.rec.failed(a.status(resp))
	}
	text, err := readAll(resp)
	if err != nil {
		return nil, g.transportError(req, a.rec, err)
	}
	text, err = a.check(resp.StatusCode, text, r)
	if err != nil {
		return nil, a.rec.failed(err)
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
	if n := resp.ContentLength; n > 0 && n <= MaxErrorBody { // a longer one is believed when it arrives
		text := make([]byte, n)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
}

func (g *Guard) translator(a answer, p Protocol) translator {
	switch p {
	case ProtocolChat:
		return &events{answer: a, dialect: &chatStream{answer: a}, marked: g.Marked}
	case ProtocolMessages:
		return &events{answer: a, dialect: &messageStream{answer: a}}
	case ProtocolOllama:
		return &ollamaStream{answer: a}
	}
	return &otherStream{answer: a}
}

// transportError gives a failed connection its class. A cancellation stays one: the context knows better than the error.
func (g *Guard) transportError(req *http.Request, rec *Recorder, err error) error {
	if req.Context().Err() != nil {
		return err
	}
	var typed *resilience.Error
	if errors.As(err, &typed) {
		return rec.failed(err)
	}
	return rec.failed(resilience.Wrap(g.Provider, "", HideError(err, KeysOf(req))))
}

// mayStream says whether the answer may come in parts: when that is asked for, and in words that are not known.
func (r request) mayStream() bool {
	return r.stream || r.protocol == ProtocolOllama || r.protocol == ProtocolOther
}

func isStream(resp *http.Response, r request) bool {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "text/html":
		return false
	case "text/event-stream", "application/x-ndjson":
		return true
	case "application/json":
		return r.protocol == ProtocolOllama // its client reads lines in any case
	}
	return r.stream || r.protocol == ProtocolOllama
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
