package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
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
// is a timeout. Token counts are read where clients lose them. A JSON Schema that the context carries
// (resilience.WithSchema) goes into OpenAI-style requests as response_format; an endpoint that rejects it gets json_object,
// then nothing, and that is remembered. No error holds the request's key.
//
// One Guard belongs to one provider and model; it is safe for concurrent use. base nil is http.DefaultTransport.
func Guard(base http.RoundTripper, provider string) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &guard{base: base, provider: provider}
}

type guard struct {
	base     http.RoundTripper
	provider string
	format   atomic.Int32 // the response_format that the endpoint takes: a format
}

// RoundTrip makes one request, or a second and third one without the response format that was rejected.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := recorderFrom(req.Context())
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	first := format(g.format.Load())
	var rejected error
	for f := first; ; f++ {
		sent, has := rewrite(req, g.provider, body, f, rec.unset)
		resp, err := g.once(req, sent, rec)
		if err == nil {
			if rejected != nil {
				g.format.Store(int32(f))
			}
			return resp, nil
		}
		if rejected == nil {
			rejected = err
		}
		if !has || f >= formatNone || !rejectsFormat(err) {
			if f > first && rejectsFormat(err) {
				err = rejected // it was not the format: the first answer tells more
				rec.instead(err)
			}
			return nil, err
		}
		rec.instead(nil)
	}
}

func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// once makes one request; its answer is checked, or watched while it streams.
func (g *guard) once(req *http.Request, body []byte, rec *recorder) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	out := req.Clone(ctx)
	if body != nil {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	rec.sent()
	resp, err := g.base.RoundTrip(out)
	if err != nil {
		cancel(nil)
		return nil, g.transportError(req, rec, err)
	}
	keys := keysOf(req)
	header := hideIn(resp.Header, keys)
	switch {
	case resp.StatusCode >= 400:
		defer cancel(nil)
		defer resp.Body.Close()
		rec.arrived(resp.StatusCode, header, false)
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		return nil, rec.failed(resilience.FromHTTP(g.provider, resp.StatusCode, resp.Header, hide(text, keys)))
	case resp.StatusCode >= 300: // a redirect is the http.Client's
		resp.Body = &closing{resp.Body, cancel}
		return resp, nil
	case isStream(resp, body):
		rec.arrived(resp.StatusCode, header, true)
		resp.Body = newWatched(resp, g.provider, rec, keys, cancel)
		return resp, nil
	}
	defer cancel(nil)
	rec.arrived(resp.StatusCode, header, false)
	return g.whole(req, resp, rec, keys, asksStream(body))
}

// whole reads an answer that is not a stream and checks it.
func (g *guard) whole(req *http.Request, resp *http.Response, rec *recorder, keys []string, wanted bool) (*http.Response, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, g.transportError(req, rec, err)
	}
	if err := g.check(resp, text, rec, keys, wanted); err != nil {
		return nil, rec.failed(err)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

func (g *guard) check(resp *http.Response, text []byte, rec *recorder, keys []string, wanted bool) error {
	invalid := func(class resilience.Class, cause error) error {
		return &resilience.Error{Class: class, Provider: g.provider, Status: resp.StatusCode, Err: cause}
	}
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(text) > maxBody:
		return invalid(resilience.InvalidResponse, fmt.Errorf("the answer is larger than %d MiB", maxBody>>20))
	case len(trimmed) == 0 || resp.StatusCode == http.StatusNoContent:
		return invalid(resilience.EmptyResponse, errors.New("the server answered without a body"))
	case trimmed[0] == '<':
		return resilience.FromHTTP(g.provider, resp.StatusCode, resp.Header, hide(trimmed[:min(len(trimmed), maxErrorBody)], keys))
	case trimmed[0] == '[': // Gemini's compatible endpoint answers errors as a list
		var list []json.RawMessage
		if json.Unmarshal(trimmed, &list) == nil && len(list) > 0 {
			if w, err := readWire(list[0]); err == nil && w.inBand() {
				return resilience.FromHTTP(g.provider, resp.StatusCode, resp.Header, hide(trimmed, keys))
			}
		}
	}
	w, err := readWire(trimmed)
	switch {
	case err != nil:
		return invalid(resilience.InvalidResponse, fmt.Errorf("the answer is not JSON: %w", err))
	case bytes.Equal(trimmed, []byte("null")):
		return invalid(resilience.InvalidResponse, errors.New("the answer is null"))
	case w.inBand():
		return resilience.FromHTTP(g.provider, resp.StatusCode, resp.Header, hide(w.errorBody(trimmed), keys))
	case wanted:
		return invalid(resilience.InvalidResponse, errors.New("a stream was asked for and something else came"))
	}
	rec.saw(w)
	if err := w.broken(false); err != nil {
		return invalid(resilience.InvalidResponse, err)
	}
	return nil
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

func asksStream(body []byte) bool {
	var b struct {
		Stream bool `json:"stream"`
	}
	return json.Unmarshal(body, &b) == nil && b.Stream
}

func isStream(resp *http.Response, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream", "application/x-ndjson":
		return true
	case "application/json", "text/html":
		return false
	}
	return asksStream(body)
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

// keysOf are the credentials of a request, in headers and in the address.
func keysOf(req *http.Request) (keys []string) {
	for _, h := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key"} {
		for _, v := range req.Header.Values(h) {
			v = strings.TrimSpace(strings.TrimPrefix(v, "Bearer "))
			if len(v) > 3 {
				keys = append(keys, v)
			}
		}
	}
	for name, values := range req.URL.Query() {
		if strings.Contains(strings.ToLower(name), "key") || strings.Contains(strings.ToLower(name), "token") {
			keys = append(keys, values...)
		}
	}
	return keys
}

func hide(text []byte, keys []string) []byte {
	for _, k := range keys {
		if k != "" {
			text = bytes.ReplaceAll(text, []byte(k), []byte("[redacted]"))
		}
	}
	return text
}

// hideIn returns headers without keys, the same ones when there are none in them.
func hideIn(header http.Header, keys []string) http.Header {
	holds := func(v string) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return k != "" && strings.Contains(v, k) })
	}
	for _, values := range header {
		if !slices.ContainsFunc(values, holds) {
			continue
		}
		clean := header.Clone()
		for _, values := range clean {
			for i, v := range values {
				values[i] = string(hide([]byte(v), keys))
			}
		}
		return clean
	}
	return header
}

// hiddenError has another's identity and its text without keys.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }

func (e *hiddenError) Is(target error) bool { return errors.Is(e.err, target) }

func hideErr(err error, keys []string) error {
	text := string(hide([]byte(err.Error()), keys))
	if text == err.Error() {
		return err
	}
	return &resilience.Error{Class: resilience.Classify(err), Err: &hiddenError{text, err}}
}
