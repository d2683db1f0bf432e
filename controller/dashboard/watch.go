package dashboard

import (
	"context"
	"errors"
	"time"

	"github.com/dogear-go/dogear/state"
)

// minTick is the least time between two ticks of a stream, however fast a run of this process is: four a second are live.
const minTick = 250 * time.Millisecond

// maxStreamed is up to which size a run's parameters, which don't change, are sent again and again.
const maxStreamed = 16 << 10

// subscribe begins to watch the run for a stream, until the function it returns is called.
func (f *follower) subscribe() (leave func(), err error) {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	if f.gone {
		return nil, errClosed // dropped this very moment: the client comes back and finds the run's next follower
	}
	if !f.watching {
		f.restartFeed()
		if f.watching = f.d.life.start(f.watch); !f.watching {
			return nil, errClosed
		}
	}
	f.subs++
	return f.unsubscribe, nil
}

func (f *follower) unsubscribe() {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	f.subs--
	f.used = time.Now()
}

// restartFeed makes void what was told by an earlier watch: what happened since was not noted.
func (f *follower) restartFeed() {
	f.mu.Lock()
	f.changes = newChanges()
	f.gen++
	f.mu.Unlock()
	f.told = told{}
	f.feed.reset()
}

// watch looks at the run again and again while there are streams.
func (f *follower) watch() {
	ctx := f.d.ctx
	for wait := time.Duration(0); ; {
		if !f.pauseFor(ctx, wait) || !f.stillWatched() {
			return
		}
		began := time.Now()
		err := f.refresh(ctx, 0)
		if ctx.Err() != nil {
			return
		}
		f.tick(err)
		wait = f.nextWait(wait, time.Since(began))
	}
}

// pauseFor waits, and less long when the run says that it has grown; false: the dashboard is being closed.
func (f *follower) pauseFor(ctx context.Context, wait time.Duration) bool {
	least, most := time.NewTimer(min(wait, minTick)), time.NewTimer(wait)
	defer least.Stop()
	defer most.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-least.C:
	}
	select {
	case <-ctx.Done():
		return false
	case <-most.C:
	case <-f.wake:
	}
	return true
}

// nextWait is a poll's interval: longer for a run at rest, and never so short that looking takes a quarter of the time.
func (f *follower) nextWait(last, took time.Duration) time.Duration {
	const rest, share, most = 4, 4, 10 * time.Second
	poll := f.d.cfg.Poll
	f.mu.RLock()
	resting := f.head.Holder == nil
	f.mu.RUnlock()
	wait := poll
	if resting {
		wait = min(max(last, poll)*3/2, rest*poll)
	}
	return max(wait, min(share*took, most))
}

// stillWatched ends the watch with the last stream.
func (f *follower) stillWatched() bool {
	f.ctl.Lock()
	defer f.ctl.Unlock()
	if f.subs > 0 {
		return true
	}
	f.watching = false
	f.mu.Lock()
	f.changes = nil
	f.mu.Unlock()
	return false
}

// tick tells the streams what happened since the last one.
func (f *follower) tick(err error) {
	if err != nil {
		f.tickError(err)
		return
	}
	t, ok := f.takeTick()
	if !ok {
		return
	}
	frame := appendFrame(nil, streamRun, streamID(t.runID, t.seq), t.view)
	if sameFrame(frame, f.told.state) {
		frame = nil
	} else {
		f.told.state = frame
	}
	if frame == nil && len(t.events)+len(t.items) == 0 {
		return
	}
	f.feed.push(t.gen, t.seq, changeFrames(t.runID, t.events, t.items), frame, t.anew)
}

// taken is what one tick is made of.
type taken struct {
	gen, seq uint64
	runID    string
	view     RunView
	events   []EventView
	items    []Change
	anew     []byte
}

func (f *follower) takeTick() (t taken, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.st == nil || f.err != nil {
		return t, false
	}
	if f.told.error {
		f.told.error = false
		f.gen++ // who was told that the run can't be read is told all of it
	}
	held := f.head.Holder != nil
	if held != f.told.held {
		f.changes.running(f.st) // without a holder nothing runs
		f.told.held = held
	}
	t = taken{gen: f.gen, seq: f.st.Seq, runID: f.st.RunID, view: f.viewLocked(), anew: anewFrames(f.st)}
	if len(t.view.Params) > maxStreamed {
		t.view.Params = nil
	}
	t.events, t.items = f.changes.told(f.st, held)
	f.changes = newChanges()
	return t, true
}

// tickError tells the streams that the run can't be read now.
func (f *follower) tickError(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errClosed) {
		return
	}
	_, problem := statusOf(err)
	frame := appendFrame(nil, streamRun, "0-", RunView{RunSummary: RunSummary{Run: f.run, Error: problem.Error}})
	if sameFrame(frame, f.told.state) {
		return
	}
	f.told.state = frame
	f.mu.Lock()
	f.told.error = true
	f.gen++
	gen := f.gen
	f.mu.Unlock()
	f.feed.push(gen, 0, nil, frame, nil)
}

// Observe returns an observer for a run that this process works on (workflow.Config.Observers): with it, who watches the
// run sees at once what happens, not only with the next look at the store. It may stay away.
func (d *Dashboard) Observe(run string) state.Observer {
	return func(e state.Event) {
		if e.History {
			return
		}
		d.runs.mu.Lock()
		f := d.runs.all[run]
		d.runs.mu.Unlock()
		if f == nil {
			return
		}
		select {
		case f.wake <- struct{}{}:
		default: // it has been told
		}
	}
}
