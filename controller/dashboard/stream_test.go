package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// frame is one event of a stream, as a browser reads it.
type frame struct{ id, event, data string }

// client reads a stream.
type client struct {
	t      *testing.T
	resp   *http.Response
	frames chan frame // closed when the stream ends
	cancel context.CancelFunc
}

// listen opens a stream; last: the last event's id.
func (b *board) listen(query, last string) *client {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.srv.URL+"/events"+query, nil)
	require.NoError(b.t, err)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := b.srv.Client().Do(r)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, resp.StatusCode)
	require.Equal(b.t, "text/event-stream; charset=utf-8", resp.Header.Get("Content-Type"))
	c := &client{t: b.t, resp: resp, frames: make(chan frame, 4096), cancel: cancel}
	go c.read()
	b.t.Cleanup(c.close)
	return c
}

func (c *client) close() {
	c.cancel()
	for range c.frames {
	}
}

func (c *client) read() {
	defer close(c.frames)
	defer c.resp.Body.Close()
	var f frame
	lines := bufio.NewScanner(c.resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			f.data = value
		case "":
			if value == "" && f.event != "" {
				c.frames <- f
				f = frame{}
			}
		}
	}
}

// next is the next frame.
func (c *client) next() frame {
	c.t.Helper()
	select {
	case f, ok := <-c.frames:
		require.True(c.t, ok, "the stream has ended")
		return f
	case <-time.After(10 * time.Second):
		require.FailNow(c.t, "no event came")
	}
	return frame{}
}

// find skips frames until one is as wanted.
func (c *client) find(event string, is func(data string) bool) frame {
	c.t.Helper()
	for {
		if f := c.next(); f.event == event && is(f.data) {
			return f
		}
	}
}

func anyData(string) bool { return true }

func decode[T any](t *testing.T, data string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(data), &v), data)
	return v
}

// journal is a run whose events a test writes itself.
type journal struct {
	t   *testing.T
	rec *state.Recorder
}

// begin starts a run of one Each with n items.
func begin(t *testing.T, store state.Store, run string, n int) *journal {
	t.Helper()
	rec, err := state.OpenRecorder(t.Context(), store, run, state.RecorderOptions{})
	require.NoError(t, err)
	j := &journal{t, rec}
	t.Cleanup(j.close)
	items := make([]state.ItemDef, n)
	for i := range items {
		items[i] = state.ItemDef{Key: fmt.Sprint("item ", i), Hash: fmt.Sprintf("%032x", i+1)}
	}
	j.emit("", "", state.RunCreated{Format: state.Format, RunID: fmt.Sprintf("%s-%x", run, time.Now().UnixNano()), Name: run, Pipeline: "p", HashRecipe: 1,
		Steps: []state.StepDef{{Name: "each", Kind: state.KindEach}}})
	j.emit("", "", state.SessionOpened{PID: 1, Host: "box"})
	j.emit("each", "", state.StepStarted{})
	for at := 0; at < n || at == 0; at += 1000 {
		j.emit("each", "", state.StepItems{First: at, Total: n, Items: items[at:min(n, at+1000)]})
	}
	return j
}

func (j *journal) emit(step, item string, p state.Payload) uint64 {
	j.t.Helper()
	seq, err := j.rec.Commit(state.New(state.Scope{Step: step, Item: item}, p))
	require.NoError(j.t, err)
	return seq
}

// finish runs an item from its start to its end.
func (j *journal) finish(i int) uint64 {
	j.t.Helper()
	key := fmt.Sprint("item ", i)
	j.emit("each", key, state.ItemStarted{})
	return j.emit("each", key, state.ItemCompleted{Result: []byte(`"done"`), Hash: fmt.Sprintf("%032x", i+1000)})
}

func (j *journal) close() { _ = j.rec.Close(context.Background()) }

func TestAStreamTellsWhatHappens(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 3)
	c := b.listen("?run=Ten", "")
	f := c.next()
	require.Equal(t, streamRun, f.event)
	v := decode[RunView](t, f.data)
	require.Equal(t, state.StatusRunning, v.Status)
	require.Equal(t, 3, v.Total)

	last := j.finish(1)
	change := decode[Change](t, c.find(streamItems, anyData).data)
	require.Equal(t, "item 1", change.Items[0].Key)
	require.Equal(t, 1, change.Items[0].Index)
	f = c.find(streamEvent, func(data string) bool { return strings.Contains(data, "item.completed") })
	require.Equal(t, last, decode[EventView](t, f.data).Seq)
	require.True(t, strings.HasPrefix(f.id, fmt.Sprint(last, "-")), f.id)
	c.find(streamRun, func(data string) bool { return decode[RunView](t, data).Done == 1 })

	// The holder lets go without a word: what ran is pending again.
	j.emit("each", "item 0", state.ItemStarted{})
	c.find(streamItems, func(data string) bool { return strings.Contains(data, `"running"`) })
	j.close()
	c.find(streamItems, func(data string) bool { return decode[Change](t, data).Stale })
	require.Equal(t, "pcp", get[Grid](b, "/api/runs/Ten/grid?step=each").Cells)
	c.find(streamRun, func(data string) bool { return decode[RunView](t, data).Status == state.StatusInterrupted })
}

// TestAClientThatComesBackIsToldWhatItMissed: by Last-Event-ID, and by ?after= for a page that knows the number alone.
func TestAClientThatComesBackIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 5)
	first := b.listen("?run=Ten", "").next()
	id := first.id
	from := decode[RunView](t, first.data).Seq
	for i := range 3 {
		j.finish(i)
	}
	for _, c := range []*client{b.listen("?run=Ten", id), b.listen(fmt.Sprint("?run=Ten&after=", from), "")} {
		require.Equal(t, streamRun, c.next().event)
		change := decode[Change](t, c.find(streamItems, anyData).data)
		require.False(t, change.Stale)
		require.Len(t, change.Items, 3)
		for n := uint64(1); n <= 6; n++ {
			require.Equal(t, from+n, decode[EventView](t, c.find(streamEvent, anyData).data).Seq, "each once, in order")
		}
		j.emit("", "", state.RunWarning{Code: "w", Message: "m"})
		require.Equal(t, state.TypeRunWarning, decode[EventView](t, c.find(streamEvent, anyData).data).Type)
	}
}

// TestAClientThatWasAwayForLongReadsAnew: too many events, another journal, and a number that is none.
func TestAClientThatWasAwayForLongReadsAnew(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 5)
	there := b.listen("?run=Ten", "")
	id := there.next().id
	for range maxReplay + 1 {
		j.rec.Post(state.New(state.Scope{}, state.RunWarning{Code: "w", Message: "m"}))
	}
	j.finish(0)
	there.find(streamEvent, func(data string) bool { return strings.Contains(data, "item.completed") })
	for _, last := range []string{id, "1-othersss", "99999", "<script>"} {
		c := b.listen("?run=Ten", last)
		f := c.next()
		require.Equal(t, streamRun, f.event)
		require.NotEqual(t, id, f.id, "the ids go on")
		require.True(t, decode[Change](t, c.find(streamItems, anyData).data).Stale, last)
	}
}

// TestAReplacedRunIsToldAnew: --fresh gives the name to another journal.
func TestAReplacedRunIsToldAnew(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 5)
	j.finish(0)
	c := b.listen("?run=Ten", "")
	require.Equal(t, 1, decode[RunView](t, c.next().data).Done)
	j.close()
	require.NoError(t, b.store.Remove(t.Context(), "Ten", state.RemoveOptions{}))
	gone := decode[RunView](t, c.find(streamRun, func(data string) bool { return decode[RunView](t, data).Error != "" }).data)
	require.Contains(t, gone.Error, "no such run")
	begin(t, b.store, "Ten", 2)
	v := decode[RunView](t, c.find(streamRun, func(data string) bool { return decode[RunView](t, data).Error == "" }).data)
	require.Zero(t, v.Done)
	require.True(t, decode[Change](t, c.find(streamItems, anyData).data).Stale)
	b.until("Ten", func(v RunView) bool { return v.Total == 2 })
}

func TestTheListIsLive(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	j := begin(t, b.store, "Ten", 2)
	c := b.listen("", "")
	sum := decode[RunSummary](t, c.next().data)
	require.Equal(t, "Ten", sum.Run, "who connects is told of what goes on")
	j.finish(0)
	f := c.find(streamRuns, func(data string) bool { return decode[RunSummary](t, data).Done == 1 })
	begin(t, b.store, "Eleven", 1)
	c.find(streamRuns, func(data string) bool { return decode[RunSummary](t, data).Run == "Eleven" })
	again := b.listen("", f.id)
	require.Equal(t, "Eleven", decode[RunSummary](t, again.next().data).Run)
	require.Equal(t, streamReload, b.listen("", "1-otherone").next().event)
	j.close()
	c.find(streamRuns, func(data string) bool { return decode[RunSummary](t, data).Status == state.StatusInterrupted })
	require.NoError(t, b.store.Remove(t.Context(), "Ten", state.RemoveOptions{}))
	require.Equal(t, "Ten", decode[RunSummary](t, c.find(streamGone, anyData).data).Run)
}

// TestStreamsAreBounded: one more than allowed is told to come back later.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{MaxClients: 2})
	begin(t, b.store, "Ten", 2)
	one := b.listen("?run=Ten", "")
	b.listen("?run=Ten", "")
	r := b.do(http.MethodGet, "/events?run=Ten", "", nil)
	require.Equal(t, http.StatusServiceUnavailable, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	one.close()
	require.Eventually(t, func() bool { return len(b.clients) == 1 }, 5*time.Second, time.Millisecond)
	b.listen("?run=Ten", "")
}

// TestCloseEndsStreams: with a last word, so that pages know that it was meant.
func TestCloseEndsStreams(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	begin(t, b.store, "Ten", 2)
	run, list := b.listen("?run=Ten", ""), b.listen("", "")
	run.next()
	list.next()
	require.NoError(t, b.Close(t.Context()))
	for _, c := range []*client{run, list} {
		c.find(streamEnd, anyData)
		_, more := <-c.frames
		require.False(t, more)
	}
	require.Equal(t, http.StatusServiceUnavailable, b.do(http.MethodGet, "/events?run=Ten", "", nil).StatusCode)
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Store: memstore.New()})
	require.NoError(t, err)
	d.heartbeat = time.Millisecond
	begin(t, d.cfg.Store, "Ten", 2)
	w := &lineWriter{lines: make(chan string, 1024)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/events?run=Ten", nil)
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		d.ServeHTTP(w, r)
	}()
	for line := range w.lines {
		if strings.HasPrefix(line, ": still here") {
			break
		}
	}
	cancel()
	<-done
	require.NoError(t, d.Close(t.Context()))
}

// lineWriter is a connection that hands over what is written.
type lineWriter struct {
	lines  chan string
	header http.Header
}

func (w *lineWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}
func (w *lineWriter) WriteHeader(int) {}
func (w *lineWriter) Flush()          {}
func (w *lineWriter) Write(p []byte) (int, error) {
	select {
	case w.lines <- string(p):
	default:
	}
	return len(p), nil
}

// TestARunOfThisProcessIsLiveAtOnce: with the observer nobody waits for the next poll.
func TestARunOfThisProcessIsLiveAtOnce(t *testing.T) {
	t.Parallel()
	store := memstore.New()
	b := newBoard(t, Config{Store: store, Poll: time.Hour})
	p := book(t, "one")
	run, err := p.Run(t.Context(), "Ten", workflow.Config{Store: store, Model: &script{}, Observers: []state.Observer{b.Observe("Ten")}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	c := b.listen("?run=Ten", "")
	require.Equal(t, state.StatusWaiting, decode[RunView](t, c.next().data).Status)
	require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskApprove, Step: "look"}))
	require.NoError(t, run.Resume(t.Context()))
	c.find(streamRun, func(data string) bool { return decode[RunView](t, data).Status == state.StatusCompleted })
}
