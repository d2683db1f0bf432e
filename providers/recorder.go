package providers

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// recorder collects what the guard saw on the wire during one attempt, because the clients lose most of it. It travels in
// the attempt's context.
type recorder struct {
	provider, model string        // who is asked
	idle            time.Duration // longest silence inside a stream
	unset           unset         // options that the caller left alone
	format          format        // how the endpoint is told about JSON

	mu       sync.Mutex  // guards what follows
	requests int         // made over HTTP
	fail     error       // first failure; an *resilience.Error
	status   int         // of the last answer
	header   http.Header // of the last answer, without the request's key
	usage    resilience.Usage
	refusal  string   // the API's refusal field, which langchaingo drops
	finish   string   // why the answer ended, which a client may lose
	tools    [][]byte // texts of tool calls, which langchaingo's client streams as if they were the answer's
	streamed bool     // a stream began
	ended    bool     // and came to its end
	rejected bool     // a response format was sent and not taken
}

// unset are options of a call that langchaingo can't tell from zero.
type unset struct {
	temperature bool    // not given: the provider's default is meant, langchaingo sends 0
	topP        float64 // given, but langchaingo's OpenAI client never sends it
}

// wish is what a request is to hold that its client can't say. It travels in the request's context.
type wish struct {
	extra  []field
	join   bool // messages of one role that follow on each other
	window int  // Ollama's num_ctx; zero: the server's own

	unsampled bool // the model takes neither temperature nor top-p nor top-k
}

type wishKey struct{}

func wishFrom(ctx context.Context) wish {
	w, _ := ctx.Value(wishKey{}).(wish)
	return w
}

type recorderKey struct{}

func withRecorder(ctx context.Context, r *recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

// recorderFrom returns the attempt's recorder, or one that nobody reads.
func recorderFrom(ctx context.Context) *recorder {
	if r, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		return r
	}
	return &recorder{format: formatNone}
}

func (r *recorder) failed(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.fail = err
	}
	return err
}

// sent counts a request that leaves.
func (r *recorder) sent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
}

// arrived notes the head of an answer.
func (r *recorder) arrived(status int, header http.Header, stream bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.header, r.streamed, r.ended = status, header, stream, false
}

func (r *recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// saw notes what a part of an answer tells.
func (r *recorder) saw(u resilience.Usage, refusal string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usage = maxUsage(r.usage, u)
	r.refusal += refusal
}

// finished notes why the answer ended.
func (r *recorder) finished(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason != "" {
		r.finish = reason
	}
}

// refused notes that the endpoint does not take the response format.
func (r *recorder) refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rejected = true
}

// toolText notes how the client will write a tool call.
func (r *recorder) toolText(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tools = append(r.tools, text)
}

// isToolText says whether a part of a stream is a tool call rather than text of the answer.
func (r *recorder) isToolText(text []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.tools, func(t []byte) bool { return bytes.Equal(t, text) })
}

// absorb takes over what an attempt inside of this one saw, of a client that is called by another name here.
func (r *recorder) absorb(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests += o.requests
	if o.header != nil {
		r.status, r.header = o.status, o.header
	}
	r.rejected = r.rejected || o.formatRejected
}

// How a stream ended, as far as the guard saw. A client without a guard returns what it had as if it were whole when its
// context ends; one with a guard is known to have got everything.
type streamEnd int

const (
	notStreamed streamEnd = iota // or not seen
	streamCut
	streamWhole
)

// seen is what is known at the end of the attempt.
type seen struct {
	end      streamEnd
	usage    resilience.Usage
	status   int
	header   http.Header
	requests int
	refusal  string
	finish   string
	rejected bool
	fail     error
}

func (r *recorder) result() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := seen{
		usage: r.usage, status: r.status, header: r.header, requests: r.requests, refusal: r.refusal, finish: r.finish,
		rejected: r.rejected, fail: r.fail,
	}
	switch {
	case r.streamed && r.ended:
		s.end = streamWhole
	case r.streamed:
		s.end = streamCut
	}
	return s
}
