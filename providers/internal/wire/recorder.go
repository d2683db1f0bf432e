package wire

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// Recorder collects what the guard saw on the wire during one attempt, because the clients lose most of it, and tells it what to
// mind. It travels in the attempt's context (see [WithRecorder]). It is safe for concurrent use; its exported fields are set before.
type Recorder struct {
	Provider, Model string        // who is asked
	Idle            time.Duration // longest silence inside a stream; zero: a minute
	Unset           Unset         // options that the caller left alone
	Format          Format        // how the endpoint is told about JSON

	mu    sync.Mutex // guards what follows
	seen  Result     // so far, without End
	tools [][]byte   // texts of tool calls, which langchaingo's client streams as if they were the answer's

	streamed bool // a stream began
	ended    bool // and came to its end
}

// Unset are options of a call that langchaingo can't tell from zero.
type Unset struct {
	Temperature bool    // not given: the provider's default is meant, langchaingo sends 0
	TopP        float64 // given, but langchaingo's OpenAI client never sends it
}

// Result is what is known at the end of an attempt.
type Result struct {
	Requests int         // made over HTTP
	Fail     error       // first failure; a *resilience.Error
	Status   int         // of the last answer
	Header   http.Header // of the last answer, without the request's key
	Usage    resilience.Usage
	Refusal  string // the API's refusal field, which langchaingo drops
	Finish   string // why the answer ended, which a client may lose
	Rejected bool   // a response format was sent and not taken
	End      StreamEnd
}

// StreamEnd is how a stream ended, as far as the guard saw. A client without a guard returns what it had as if it were whole when
// its context ends; one with a guard is known to have got everything.
type StreamEnd int

// Ends of a stream.
const (
	NotStreamed StreamEnd = iota // or not seen
	StreamCut
	StreamWhole
)

type recorderKey struct{}

// WithRecorder returns a context below which the guard's findings go to r.
func WithRecorder(ctx context.Context, r *Recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

// RecorderFrom returns the recorder of the attempt that a context belongs to, if there is one.
func RecorderFrom(ctx context.Context) (*Recorder, bool) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	return r, ok
}

// recorderOf returns the attempt's recorder, or one that nobody reads.
func recorderOf(ctx context.Context) *Recorder {
	if r, ok := RecorderFrom(ctx); ok {
		return r
	}
	return &Recorder{Format: FormatNone}
}

func (r *Recorder) failed(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen.Fail == nil {
		r.seen.Fail = err
	}
	return err
}

// sent counts a request that leaves.
func (r *Recorder) sent() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Requests++
}

// arrived notes the head of an answer.
func (r *Recorder) arrived(status int, header http.Header, stream bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Status, r.seen.Header, r.streamed, r.ended = status, header, stream, false
}

func (r *Recorder) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// saw notes what a part of an answer tells.
func (r *Recorder) saw(u resilience.Usage, refusal string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Usage = MaxUsage(r.seen.Usage, u)
	r.seen.Refusal += refusal
}

// finished notes why the answer ended.
func (r *Recorder) finished(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason != "" {
		r.seen.Finish = reason
	}
}

// refused notes that the endpoint does not take the response format.
func (r *Recorder) refused() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Rejected = true
}

// toolText notes how the client will write a tool call.
func (r *Recorder) toolText(text []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tools = append(r.tools, text)
}

// IsToolText says whether a part of a stream is a tool call rather than text of the answer.
func (r *Recorder) IsToolText(text []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.tools, func(t []byte) bool { return bytes.Equal(t, text) })
}

// Absorb takes over what an attempt inside of this one saw, of a client that is called by another name here: its requests, its last
// answer's status and header, and whether a format was rejected.
func (r *Recorder) Absorb(inner Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Requests += inner.Requests
	if inner.Header != nil {
		r.seen.Status, r.seen.Header = inner.Status, inner.Header
	}
	r.seen.Rejected = r.seen.Rejected || inner.Rejected
}

// Result returns what was seen so far.
func (r *Recorder) Result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	switch {
	case r.streamed && r.ended:
		s.End = StreamWhole
	case r.streamed:
		s.End = StreamCut
	}
	return s
}
