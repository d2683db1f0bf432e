package dashboard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

const (
	heartbeatEvery = 15 * time.Second
	writeWithin    = 10 * time.Second // a client that takes nothing for so long is dropped
	endWithin      = 3 * time.Second  // the same for the last word, when the dashboard is closed
	writeAtOnce    = 32 << 10
	maxReplay      = 1000 // events that a client is told again after it was away
)

// events is GET /events.
func (d *Dashboard) events(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet { // HEAD: a stream without a body would never end
		d.fail(w, r, &refusal{status: http.StatusMethodNotAllowed, text: "streams are got with GET"})
		return
	}
	select {
	case d.clients <- struct{}{}:
		defer func() { <-d.clients }()
	default:
		d.fail(w, r, &refusal{status: http.StatusServiceUnavailable, text: "too many event streams are open", after: 5 * time.Second})
		return
	}
	if !d.life.enter() {
		d.fail(w, r, errClosed)
		return
	}
	defer d.life.leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("after")
	}
	var err error
	if run := r.URL.Query().Get("run"); run != "" {
		err = d.streamRun(ctx, w, run, last)
	} else {
		err = d.streamRuns(ctx, w, last)
	}
	if err != nil {
		d.fail(w, r, err)
	}
}

// streamRun tells a client what happens in a run. An error is one from before anything was sent.
func (d *Dashboard) streamRun(ctx context.Context, w http.ResponseWriter, run, last string) error {
	f, err := d.follow(ctx, run)
	if err != nil {
		return err
	}
	leave, err := f.subscribe()
	if err != nil {
		return err
	}
	defer leave()
	if err := f.feed.ready(ctx); err != nil {
		return err
	}
	at, first := f.welcome(ctx, last)
	d.serve(ctx, w, &f.feed, at, first)
	return nil
}

// welcome is what a client is told first: the state, and what it has missed.
func (f *follower) welcome(ctx context.Context, last string) (at position, first [][]byte) {
	at, whole, anew := f.feed.end()
	first = append(first, whole)
	if last == "" {
		return at, first
	}
	missed, err := f.replay(ctx, last, at.seq)
	if err != nil {
		missed = anew
	}
	return at, append(first, missed)
}

// errTooFar says that a client was away for too long, or comes from another journal.
var errTooFar = &refusal{status: http.StatusGone, text: "too much has happened since"}

// replay makes the frames of what happened from what a client was told last to a number.
func (f *follower) replay(ctx context.Context, last string, to uint64) ([]byte, error) {
	var runID string
	err := f.read(func(st *state.WorkflowState, _ state.Head) error {
		runID = st.RunID
		return nil
	})
	if err != nil {
		return nil, err
	}
	from, ok := parseStreamID(last, runID)
	if !ok || from > to || to-from > maxReplay {
		return nil, errTooFar
	}
	if from == to {
		return nil, nil
	}
	c, views := newChanges(), []EventView(nil)
	for e, err := range f.d.cfg.Store.Events(ctx, f.run, state.Query{From: from + 1, Limit: int(to - from)}) {
		if err != nil {
			return nil, err
		}
		views = append(views, eventView(e))
		if err := f.read(func(st *state.WorkflowState, _ state.Head) error {
			c.past(st, e)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	var frames []byte
	err = f.read(func(st *state.WorkflowState, head state.Head) error {
		if st.RunID != runID {
			return errTooFar
		}
		_, list := c.told(st, head.Holder != nil)
		frames = changeFrames(runID, views, list)
		return nil
	})
	return frames, err
}

// serve is one stream: it tells a client what is first, and then what the feed has, until one of them goes away.
func (d *Dashboard) serve(ctx context.Context, w http.ResponseWriter, f *feed, at position, first [][]byte) {
	s := &stream{w: w, rc: http.NewResponseController(w), patience: d.patience, lastWord: d.lastWord}
	// The server's limit on reading a request must not end the stream. A server that can't lift it has none.
	_ = s.rc.SetReadDeadline(time.Time{})
	defer context.AfterFunc(d.ctx, s.hurry)()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // asks nginx not to collect the frames
	w.WriteHeader(http.StatusOK)
	beat := time.NewTicker(d.heartbeat)
	defer beat.Stop()
	pieces := append([][]byte{[]byte(streamBegins)}, first...)
	for {
		for _, p := range pieces {
			if s.write(p) != nil {
				return
			}
		}
		var grown <-chan struct{}
		if pieces, at, grown = f.since(at); len(pieces) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-beat.C:
			pieces = [][]byte{[]byte(heartbeat)}
		case <-ctx.Done():
			if d.ctx.Err() != nil {
				_ = s.write(appendFrame(nil, streamEnd, "", Accepted{Text: "the dashboard is being closed"}))
			}
			return
		}
	}
}

// stream writes to one client.
type stream struct {
	w        http.ResponseWriter
	rc       *http.ResponseController
	patience time.Duration // for one write
	lastWord time.Duration // for the last one

	mu    sync.Mutex // guards hasty, and the order of deadlines
	hasty bool
}

// write sends a piece, in parts so that a slow client that takes something now and then is not dropped.
func (s *stream) write(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), writeAtOnce)
		s.deadline()
		if _, err := s.w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return s.rc.Flush()
}

// deadline gives the next write its time. A server that knows no deadline (a test's recorder) writes without one.
func (s *stream) deadline() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.hasty {
		_ = s.rc.SetWriteDeadline(time.Now().Add(s.patience))
	}
}

// hurry lets a write that waits for a slow client end soon: the dashboard is being closed.
func (s *stream) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hasty = true
	_ = s.rc.SetWriteDeadline(time.Now().Add(s.lastWord))
}
