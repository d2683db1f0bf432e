package providers

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"unicode"

	"github.com/tmc/langchaingo/llms"
)

// sink stands between clients and the caller's streaming functions. It holds the first characters of each try back, so that an
// answer that turns out empty was never seen; it remembers whether anything was delivered, because from then on no
// other provider's answer may follow; and a panic in the caller's function becomes an error, also on a client's goroutine.
type sink struct {
	text      func(context.Context, []byte) error
	reasoning func(context.Context, []byte, []byte) error
	hold      int // characters to hold back

	mu        sync.Mutex        // guards what follows, and the caller's functions
	skip      func([]byte) bool // says of a part that it is none of the text; nil: none is
	held      []byte
	open      bool // nothing is held back any more in this try
	delivered bool
	said      []byte // the text delivered so far, by the call
	err       error  // of the caller's function
}

// newSink returns the sink for a call, nil when the caller does not stream.
func newSink(o llms.CallOptions, hold int) *sink {
	if o.StreamingFunc == nil && o.StreamingReasoningFunc == nil {
		return nil
	}
	return &sink{text: o.StreamingFunc, reasoning: o.StreamingReasoningFunc, hold: hold}
}

// options make a client stream into the sink. Anthropic's client streams reasoning only when it streams text.
func (s *sink) options() []llms.CallOption {
	if s == nil {
		return nil
	}
	opts := []llms.CallOption{llms.WithStreamingFunc(s.write)}
	if s.reasoning != nil {
		opts = append(opts, llms.WithStreamingReasoningFunc(s.writeReasoning))
	}
	return opts
}

// begin starts a try.
func (s *sink) begin() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.open = nil, s.hold == 0
}

// without makes the sink leave out parts that are not of the answer's text: langchaingo's client streams tool calls as text.
func (s *sink) without(skip func([]byte) bool) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skip = skip
}

func (s *sink) write(ctx context.Context, chunk []byte) error {
	if s.text == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.skip != nil && s.skip(chunk) {
		return s.err
	}
	if !s.open {
		s.held = append(s.held, chunk...)
		if visible(s.held) < s.hold {
			return s.err
		}
		chunk, s.held, s.open = s.held, nil, true
	}
	return s.deliver(len(chunk) > 0, func() error { return s.say(ctx, chunk) })
}

// say hands text out. It counts as delivered also when the caller's function fails: that may have used it.
func (s *sink) say(ctx context.Context, text []byte) error {
	s.said = append(s.said, text...)
	return s.text(ctx, text)
}

// partial is the text that the caller's function got so far.
func (s *sink) partial() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.said)
}

func (s *sink) writeReasoning(ctx context.Context, reasoning, chunk []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.skip != nil && s.skip(chunk) {
		chunk = nil
	}
	return s.deliver(len(reasoning) > 0, func() error { return s.reasoning(ctx, reasoning, chunk) })
}

// flush hands out what an accepted answer still holds back.
func (s *sink) flush(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held
	s.held, s.open = nil, true
	if len(held) == 0 || s.text == nil {
		return s.err
	}
	return s.deliver(true, func() error { return s.say(ctx, held) })
}

// deliver calls the caller's function, once it failed never again.
func (s *sink) deliver(something bool, call func() error) (err error) {
	if s.err != nil {
		return s.err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the streaming function: %v\n%s", p, debug.Stack())
		}
		s.err = err
	}()
	s.delivered = s.delivered || something
	return call()
}

// state says whether anything was delivered, and the error of the caller's function.
func (s *sink) state() (delivered bool, err error) {
	if s == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivered, s.err
}

func (s *sink) failed() bool {
	_, err := s.state()
	return err != nil
}

func visible(text []byte) (n int) {
	for _, r := range string(bytes.TrimSpace(text)) {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
