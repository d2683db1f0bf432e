package providers

import (
	"context"
	"net/http"
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

	mu       sync.Mutex  // guards what follows
	requests int         // made over HTTP
	fail     error       // first failure; an *resilience.Error
	status   int         // of the last answer
	header   http.Header // of the last answer, without the request's key
	usage    resilience.Usage
	refusal  string // the API's refusal field, which langchaingo drops
	streamed bool   // a stream began
	ended    bool   // and came to its end
}

// unset are options of a call that langchaingo can't tell from zero.
type unset struct {
	temperature bool    // not given: the provider's default is meant, langchaingo sends 0
	topP        float64 // given, but langchaingo's OpenAI client never sends it
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
	return &recorder{}
}

func (r *recorder) failed(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail == nil {
		r.fail = err
	}
	return err
}

// instead replaces the failure; nil forgets it, for a request that is made again in another form.
func (r *recorder) instead(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
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

func (r *recorder) saw(w *wire) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usage = maxUsage(r.usage, w.usage())
	r.refusal += w.refusal()
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
	fail     error
}

func (r *recorder) result() seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := seen{usage: r.usage, status: r.status, header: r.header, requests: r.requests, refusal: r.refusal, fail: r.fail}
	switch {
	case r.streamed && r.ended:
		s.end = streamWhole
	case r.streamed:
		s.end = streamCut
	}
	return s
}
