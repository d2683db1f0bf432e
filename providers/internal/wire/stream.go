package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

const (
	// maxLine bounds one line of a stream.
	maxLine = 4 << 20

	// maxBatch is how much is translated at a time, of what has arrived already.
	maxBatch = 4 << 10

	// drainTime is how long the end of a connection is waited for after the end of its stream, so that it can be used again.
	drainTime = 50 * time.Millisecond
)

var errIdle = errors.New("the stream fell silent")

// translator turns the lines of a server's stream into what a client can digest without loss.
type translator interface {
	// translate reads one line, with its end, and returns out with what the client is to read instead appended: mostly the line
	// itself. An error ends the stream; nothing of the line is handed out then.
	translate(line, out []byte) ([]byte, error)

	// ended says whether the stream's end mark was read.
	ended() bool

	// complete says that nothing but the end mark is missing, which some servers do not send.
	complete() bool

	// failure is what the client is to read before err, for clients that take no notice of errors.
	failure(err error) []byte
}

// watched is the body of a stream, read line by line: errors inside it and a missing end become failures before the client
// can take them for a short answer.
type watched struct {
	src      io.ReadCloser
	provider string
	rec      *Recorder
	idle     time.Duration
	ctx      context.Context // of the request, to tell silence from a cancellation
	cancel   context.CancelCauseFunc

	mu    sync.Mutex // guards what follows; held while the server is waited for
	lines *bufio.Reader
	t     translator
	buf   []byte // what was translated
	rest  []byte // of buf, not handed out yet
	err   error  // to be returned once rest is empty
	any   bool   // something arrived
	timer *time.Timer
}

func newWatched(resp *http.Response, t translator, provider string, rec *Recorder, cancel context.CancelCauseFunc) *watched {
	w := &watched{
		src: resp.Body, lines: bufio.NewReaderSize(resp.Body, 8<<10), t: t, provider: provider, rec: rec,
		idle: rec.Idle, ctx: resp.Request.Context(), cancel: cancel,
	}
	if w.idle <= 0 {
		w.idle = defaultIdle
	}
	w.timer = time.AfterFunc(w.idle, func() { cancel(errIdle) })
	w.timer.Stop() // runs while the server is waited for, not while the caller's function takes its time
	return w
}

// Read hands out whole lines that were looked at.
func (w *watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.rest) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		w.next()
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Close frees the connection. A client may call it while another of its goroutines is still reading.
func (w *watched) Close() error {
	if w.mu.TryLock() {
		if w.t.ended() {
			w.timer.Reset(drainTime)
			_, _ = io.CopyN(io.Discard, w.lines, MaxErrorBody)
		}
		w.timer.Stop()
		w.mu.Unlock()
	}
	w.cancel(nil)
	return w.src.Close()
}

// next reads a line, and those after it that have arrived already.
func (w *watched) next() {
	w.buf = w.buf[:0]
	for w.err == nil {
		w.one()
		if len(w.buf) >= maxBatch || !w.waiting() {
			break
		}
	}
	w.rest = w.buf
}

// waiting says whether a whole line is in the buffer.
func (w *watched) waiting() bool {
	n := w.lines.Buffered()
	if n == 0 {
		return false
	}
	text, _ := w.lines.Peek(n)
	return bytes.IndexByte(text, '\n') >= 0
}

// one reads one line and appends to buf what the client is to read.
func (w *watched) one() {
	line, err := w.line()
	w.any = w.any || len(line) > 0
	if len(line) > 0 {
		out, fail := w.t.translate(line, w.buf)
		if fail != nil {
			w.fail(w.rec.failed(fail))
			return
		}
		w.buf = out
	}
	switch {
	case w.t.ended(): // how the connection ends after the end mark does not matter
		w.rec.end()
		w.err = io.EOF
	case errors.Is(err, io.EOF) && w.t.complete():
		w.closeWhole()
	case err != nil:
		w.fail(w.broken(err))
	}
}

// closeWhole ends a stream that has all but its end mark.
func (w *watched) closeWhole() {
	out, fail := w.t.translate([]byte("data: [DONE]\n"), w.buf)
	if fail != nil {
		w.fail(w.rec.failed(fail))
		return
	}
	w.buf = out
	w.rec.end()
	w.err = io.EOF
}

// fail ends the stream with an error.
func (w *watched) fail(err error) {
	w.err = err
	w.buf = append(w.buf, w.t.failure(err)...)
}

// broken is the error for a stream that ended before its end mark.
func (w *watched) broken(err error) error {
	switch {
	case errors.Is(err, io.EOF) && !w.any:
		return w.rec.failed(w.failure(resilience.EmptyResponse, errors.New("the server answered without a body")))
	case errors.Is(err, io.EOF):
		return w.rec.failed(w.failure(resilience.InvalidResponse, errors.New("the stream ended without its end mark; the answer is incomplete")))
	case errors.Is(context.Cause(w.ctx), errIdle):
		return w.rec.failed(w.failure(resilience.Timeout, fmt.Errorf("%w for %s", errIdle, w.idle)))
	case w.ctx.Err() != nil:
		return err
	}
	var typed *resilience.Error
	if errors.As(err, &typed) {
		return w.rec.failed(err)
	}
	return w.rec.failed(resilience.Wrap(w.provider, "", fmt.Errorf("the stream broke: %w", err)))
}

// line reads one line. It is valid until the next call. The time for silence runs only while the server is waited for.
func (w *watched) line() ([]byte, error) {
	if w.waiting() {
		return w.lines.ReadSlice('\n')
	}
	w.timer.Reset(w.idle)
	defer w.timer.Stop()
	part, err := w.lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return part, err
	}
	line := bytes.Clone(part)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(line) > maxLine {
			return nil, w.failure(resilience.InvalidResponse, fmt.Errorf("a line of the stream is longer than %d MiB", maxLine>>20))
		}
		w.timer.Reset(w.idle)
		part, err = w.lines.ReadSlice('\n')
		line = append(line, part...)
	}
	return line, err
}

func (w *watched) failure(class resilience.Class, cause error) error {
	return &resilience.Error{Class: class, Provider: w.provider, Err: cause}
}
