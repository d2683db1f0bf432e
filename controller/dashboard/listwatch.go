package dashboard

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// listWatch tells the streams of the list which runs changed. Its goroutine ends with the last stream.
type listWatch struct {
	feed     feed
	boot     string                // names this process, in the ids of the streams
	known    map[string]state.Head // as last told; the watch's own
	version  uint64                // counts changes; the watch's own
	subs     int                   // guarded by lister.mu
	watching bool                  // guarded by lister.mu
}

// recently is how far back a new stream of the list is told what changed: the page that opens it was made before.
const recently = time.Minute

// maxAnew bounds how many runs a new stream is told of.
const maxAnew = 50

func (l *lister) subscribe() (leave func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.watch
	if !w.watching {
		w.known = nil
		w.boot = rand.Text()[:8]
		w.feed.reset()
		if w.watching = l.d.life.start(l.watchAll); !w.watching {
			return nil, errClosed
		}
	}
	w.subs++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		w.subs--
	}, nil
}

func (l *lister) stillWatched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch.watching = l.watch.subs > 0
	return l.watch.watching
}

// watchAll looks at all runs again and again while there are streams of the list: never more than a twentieth of the time.
func (l *lister) watchAll() {
	const share, most = 20, 30 * time.Second
	ctx := l.d.ctx
	for l.stillWatched() {
		began := time.Now()
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			l.d.log.Warn("the runs can't be listed", zap.Error(err))
		}
		wait := max(2*l.d.cfg.Poll, min(share*time.Since(began), most))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// look finds out what changed, and tells it.
func (l *lister) look(ctx context.Context) error {
	all, err := l.heads(ctx, listQuery{})
	if err != nil {
		return err
	}
	w := &l.watch
	first := w.known == nil
	next := make(map[string]state.Head, len(all))
	var frames []byte
	from := w.version
	for _, e := range all {
		next[e.head.Run] = e.head
		old, was := w.known[e.head.Run]
		if first || was && sameHead(old, e.head) {
			continue
		}
		w.version++
		e = l.complete(ctx, e)
		frames = appendFrame(frames, streamRuns, w.id(), e.sum)
		if e.old { // told again with the next look
			e.head.Last = 0
			next[e.head.Run] = e.head
		}
	}
	for name := range w.known {
		if _, ok := next[name]; !ok {
			w.version++
			frames = appendFrame(frames, streamGone, w.id(), RunSummary{Run: name})
			l.forget(name)
		}
	}
	w.known = next
	var state []byte
	if first {
		state = []byte(streamFirst)
	}
	if first || w.version > from {
		w.feed.push(1, w.version, frames, state, appendFrame(nil, streamReload, w.id(), Accepted{Text: "too much has happened since"}))
	}
	return ctx.Err()
}

func (w *listWatch) id() string { return strconv.FormatUint(w.version, 10) + "-" + w.boot }

func sameHead(a, b state.Head) bool {
	return a.RunID == b.RunID && a.Last == b.Last && a.Status == b.Status && (a.Holder == nil) == (b.Holder == nil)
}

// streamRuns tells a client which runs change.
func (d *Dashboard) streamRuns(ctx context.Context, w http.ResponseWriter, last string) error {
	leave, err := d.list.subscribe()
	if err != nil {
		return err
	}
	defer leave()
	if err := d.list.watch.feed.ready(ctx); err != nil {
		return err
	}
	at, _, anew := d.list.watch.feed.end()
	first := [][]byte{}
	if last != "" {
		version, boot, _ := strings.Cut(last, "-")
		n, err := strconv.ParseUint(version, 10, 64)
		if err == nil && boot == d.list.watch.boot && n <= at.seq {
			at.seq = n
		} else {
			first = append(first, anew)
		}
	} else {
		recent, err := d.list.recent(ctx, time.Now(), at)
		if err != nil {
			return err
		}
		first = append(first, recent)
	}
	d.serve(ctx, w, &d.list.watch.feed, at, first)
	return nil
}

// recent are the frames of the runs that go on or changed just now.
func (l *lister) recent(ctx context.Context, now time.Time, at position) ([]byte, error) {
	all, err := l.heads(ctx, listQuery{})
	if err != nil {
		return nil, err
	}
	var frames []byte
	n := 0
	for _, e := range all {
		if e.head.Holder == nil && now.Sub(e.sum.Updated) > recently || e.sum.Error != "" {
			continue
		}
		if n++; n > maxAnew {
			break
		}
		frames = appendFrame(frames, streamRuns, fmt.Sprintf("%d-%s", at.seq, l.watch.boot), l.complete(ctx, e).sum)
	}
	return frames, nil
}
