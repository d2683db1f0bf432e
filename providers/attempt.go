package providers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// defaultTimeout bounds one request.
const defaultTimeout = 5 * time.Minute

// attempt is one request to one provider, made so that its outcome is known for what it is.
type attempt struct {
	provider, model string
	ask             func(context.Context, []llms.MessageContent, []llms.CallOption) (*llms.ContentResponse, error)
	timeout, idle   time.Duration
	sink            *sink
	format          wire.Format // how the endpoint is told about JSON
}

// outcome is what came of it. err nil: resp is an answer that arrived whole.
type outcome struct {
	resp     *llms.ContentResponse
	err      error // a *resilience.Error
	usage    resilience.Usage
	status   int         // of the last HTTP answer
	header   http.Header // of that; read only
	requests int         // made over HTTP; zero also where the client has no guard
	latency  time.Duration

	formatRejected bool // a response format was sent, and the endpoint does not take it
}

// steppingDown makes the attempt, and makes it again in the next laxer format while the endpoint rejects that. What it takes is
// remembered; where none was the reason, the first answer tells more.
func (a attempt) steppingDown(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption, takes *atomic.Int32) outcome {
	first := a.run(ctx, messages, options)
	o := first
	for o.formatRejected && a.format < wire.FormatNone {
		a.format++
		requests := o.requests
		o = a.run(ctx, messages, options)
		o.requests += requests
	}
	switch {
	case o.err == nil && first.formatRejected:
		takes.Store(int32(a.format))
	case o.err != nil && first.formatRejected && wire.RejectsFormat(o.err):
		requests := o.requests
		o = first
		o.requests = requests
	}
	return o
}

func (a attempt) run(parent context.Context, messages []llms.MessageContent, options []llms.CallOption) outcome {
	ctx, cancel := parent, context.CancelFunc(func() {})
	if a.timeout > 0 {
		ctx, cancel = context.WithTimeout(parent, a.timeout)
	}
	defer cancel()
	rec := &wire.Recorder{Provider: a.provider, Model: a.model, Idle: a.idle, Unset: unsetOptions(options), Format: a.format}
	a.sink.begin()
	a.sink.without(rec.IsToolText)
	start := time.Now()
	resp, err := a.safely(wire.WithRecorder(ctx, rec), messages, append(options[:len(options):len(options)], a.sink.options()...))
	o := outcome{latency: time.Since(start)}
	s := rec.Result()
	o.status, o.usage, o.header, o.requests = s.Status, s.Usage, s.Header, s.Requests
	o.formatRejected = s.Rejected
	if err != nil || a.sink.failed() || s.End == wire.StreamCut || (a.sink != nil && s.End == wire.NotStreamed && ctx.Err() != nil) {
		o.err = a.failure(parent, ctx, err, s.Fail)
	}
	if resp != nil && slices.Contains(resp.Choices, nil) {
		whole := *resp
		whole.Choices = slices.DeleteFunc(slices.Clone(resp.Choices), func(c *llms.ContentChoice) bool { return c == nil })
		resp = &whole
	}
	if o.err == nil && resp == nil {
		o.err = a.error(resilience.EmptyResponse, errors.New("the client returned no answer"))
	}
	if o.err != nil {
		return o
	}
	fillUsage(resp, s.Usage)
	fillFinish(resp, s.Finish)
	o.resp, o.usage = resp, wire.MaxUsage(s.Usage, resilience.UsageOf(resp))
	if s.Refusal != "" && answerText(resp) == "" && !callsTools(resp) {
		o.err = a.error(resilience.ContentPolicy, fmt.Errorf("the model refused: %s", s.Refusal))
	}
	return o
}

// safely asks the client; a panic of its becomes an error.
func (a attempt) safely(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (resp *llms.ContentResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, a.error(resilience.InvalidResponse, fmt.Errorf("the client panicked: %v", p))
		}
	}()
	return a.ask(ctx, messages, options)
}

// failure finds out what really happened. What is known better than the client's error comes first: the caller's own
// function, the caller's context, this attempt's deadline, what the guard saw on the wire.
func (a attempt) failure(parent, ctx context.Context, err, seen error) error {
	if _, own := a.sink.state(); own != nil {
		class := resilience.Unknown
		if parent.Err() != nil {
			class = resilience.Canceled
		}
		return a.error(class, fmt.Errorf("the streaming function ended the answer: %w", own))
	}
	switch {
	case parent.Err() != nil:
		return a.ended(parent)
	case ctx.Err() != nil:
		return &resilience.Error{
			Class: resilience.Timeout, Provider: a.provider, Model: a.model,
			Err:  fmt.Errorf("no complete answer within %s: %w", a.timeout, ctx.Err()),
			Hint: "a long answer may need a longer timeout",
		}
	case seen != nil:
		return a.named(seen)
	case err == nil:
		return a.error(resilience.InvalidResponse, errors.New("the stream ended before the answer did"))
	}
	return a.named(err)
}

// ended is the error for a call whose caller does not want it any more.
func (a attempt) ended(ctx context.Context) error {
	err := canceled(ctx)
	err.Provider, err.Model = a.provider, a.model
	return err
}

func canceled(ctx context.Context) *resilience.Error {
	class, cause := resilience.Canceled, ctx.Err()
	if errors.Is(cause, context.DeadlineExceeded) {
		class = resilience.Timeout
	}
	if c := context.Cause(ctx); !errors.Is(c, cause) {
		cause = errors.Join(c, cause)
	}
	return &resilience.Error{Class: class, Err: cause}
}

// named gives an error its class, and the names by which the chain knows the provider.
func (a attempt) named(err error) error {
	wrapped := resilience.Wrap(a.provider, a.model, err)
	var e *resilience.Error
	if errors.As(wrapped, &e) {
		own := *e
		own.Provider, own.Model = a.provider, a.model
		return &own
	}
	return wrapped
}

func (a attempt) error(class resilience.Class, cause error) error {
	return &resilience.Error{Class: class, Provider: a.provider, Model: a.model, Err: cause}
}

// unsetOptions finds what the caller left alone and what the client would lose.
func unsetOptions(options []llms.CallOption) wire.Unset {
	nan := func(o *llms.CallOptions) { o.Temperature = math.NaN() }
	o := resilience.ApplyOptions(append([]llms.CallOption{nan}, options...))
	return wire.Unset{Temperature: math.IsNaN(o.Temperature), TopP: o.TopP}
}
