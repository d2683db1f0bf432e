package providers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// maxLine bounds one line of a stream.
const maxLine = 4 << 20

var errIdle = errors.New("the stream fell silent")

// watched is the body of a stream, read line by line: errors inside it and a missing end become failures before the client
// can take them for a short answer.
type watched struct {
	src      io.ReadCloser
	lines    *bufio.Reader
	rest     []byte // of the current line, not handed out yet
	err      error  // to be returned once rest is empty
	ended    bool
	provider string
	header   http.Header
	rec      *recorder
	keys     []string
	idle     time.Duration
	timer    *time.Timer
	ctx      context.Context // of the request, to tell silence from a cancellation
	cancel   context.CancelCauseFunc
}

func newWatched(resp *http.Response, provider string, rec *recorder, keys []string, cancel context.CancelCauseFunc) *watched {
	w := &watched{
		src: resp.Body, lines: bufio.NewReaderSize(resp.Body, 32<<10), provider: provider, header: resp.Header, rec: rec, keys: keys,
		idle: rec.idle, ctx: resp.Request.Context(), cancel: cancel,
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

// Close frees the connection.
func (w *watched) Close() error {
	w.timer.Stop()
	defer w.cancel(nil)
	return w.src.Close()
}

func (w *watched) next() {
	w.timer.Reset(w.idle)
	line, err := w.line()
	w.timer.Stop()
	if fail := w.look(bytes.TrimSpace(line)); fail != nil {
		w.err = w.rec.failed(fail)
		return
	}
	w.rest = line
	switch {
	case err == nil:
	case w.ended: // how the connection ends after the end mark does not matter
		w.err = io.EOF
	case errors.Is(err, io.EOF):
		w.err = w.rec.failed(w.failure(resilience.InvalidResponse, errors.New("the stream ended without its end mark; the answer is incomplete")))
	case errors.Is(context.Cause(w.ctx), errIdle):
		w.err = w.rec.failed(w.failure(resilience.Timeout, fmt.Errorf("%w for %s", errIdle, w.idle)))
	case w.ctx.Err() != nil:
		w.err = err
	default:
		w.err = w.rec.failed(resilience.Wrap(w.provider, "", fmt.Errorf("the stream broke: %w", err)))
	}
}

func (w *watched) line() ([]byte, error) {
	var line []byte
	for {
		part, err := w.lines.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return nil, w.failure(resilience.InvalidResponse, fmt.Errorf("a line of the stream is longer than %d MiB", maxLine>>20))
		}
		w.timer.Reset(w.idle)
	}
}

// look reads one line: an event's data, or in a stream of JSON lines the line itself.
func (w *watched) look(line []byte) error {
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	if !ok {
		if len(line) == 0 || line[0] != '{' {
			return nil // a comment, an event's name, a blank line
		}
		data = line
	}
	data = bytes.TrimSpace(data)
	if bytes.Equal(data, []byte("[DONE]")) {
		w.end()
		return nil
	}
	e, err := readWire(data)
	if err != nil {
		return nil // clients skip what is not JSON; the end mark tells whether something is missing
	}
	if e.inBand() {
		return resilience.FromHTTP(w.provider, http.StatusOK, w.header, hide(e.errorBody(data), w.keys))
	}
	if err := e.broken(true); err != nil {
		return w.failure(resilience.InvalidResponse, err)
	}
	w.rec.saw(e)
	if e.Type == "message_stop" || e.Done {
		w.end()
	}
	return nil
}

func (w *watched) end() {
	w.ended = true
	w.rec.end()
}

func (w *watched) failure(class resilience.Class, cause error) error {
	return &resilience.Error{Class: class, Provider: w.provider, Err: cause}
}
