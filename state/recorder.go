package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Recorder is the one writer of an open run. It numbers events, groups those that arrive together into one append and
// one sync, folds them, and hands them to observers, in one order. It owns one goroutine, and one for each observer.
//
// Its methods are safe for concurrent use. What was handed over is written even if the caller stops waiting, so none of
// them takes a context.
type Recorder struct {
	store   Store
	run     string
	journal Journal
	now     func() time.Time
	opened  uint64 // the last number when it was opened: what observers get as history
	created string // the first record, for snapshots

	mu      sync.Mutex // guards pending, bytes, closing, failed
	pending []entry
	bytes   int        // size of the payloads in pending
	room    *sync.Cond // of mu: signalled when pending was taken, and when nothing more is
	closing bool
	failed  error
	waiting atomic.Int64  // how many of pending are waited for
	wake    chan struct{} // capacity 1; sent by whoever adds to pending, received by loop
	broken  chan struct{} // closed when the journal failed
	done    chan struct{} // closed by loop when it ends
	herd    herd          // loop's own

	fold    sync.RWMutex // guards st, last, ring, grown
	st      *WorkflowState
	last    Event
	ring    []Event       // the last events, for observers that keep up; empty when nobody observes
	grown   chan struct{} // closed, and made anew, when ring grows
	durable uint64        // highest number known to be on disk; loop's own
	epoch   uint64        // of this session; loop's own until set, then constant
	noted   bool          // the recovery has been marked; loop's own

	snap      snapshotter
	watched   bool // there are observers; constant
	observers sync.WaitGroup
	watcher   sync.WaitGroup // of Journal.Lost
	stop      chan struct{}  // closed by Close: observers end when they have seen everything
}

type entry struct {
	event Event
	sync  bool
	done  chan<- written // nil: nobody waits
}

type written struct {
	seq uint64
	err error
}

// RecorderOptions of [OpenRecorder].
type RecorderOptions struct {
	Mode      Mode
	Observers []Observer
	Now       func() time.Time // Defaults to time.Now.
}

// Observer is told of every event, in order and once each, on a goroutine of its own: a slow one lags, and is caught up
// from the journal. When a run is opened again it is given the history first, marked by [Event.History]. It must not
// change the event. A panic ends the observer, not the run.
type Observer func(Event)

const (
	ringSize = 256
	maxBatch = 4096
	// maxBytes is the size of payloads at which a batch is full, and maxPending at which who adds another one waits: a
	// program that emits faster than the disk takes it is slowed down, and does not fill the memory.
	maxBytes   = 4 << 20
	maxPending = 64 << 20
)

// OpenRecorder opens a run for writing; its errors are those of [Store.Open] and [Load]. In a new run the first event
// must be a [RunCreated].
func OpenRecorder(ctx context.Context, store Store, run string, o RecorderOptions) (*Recorder, error) {
	journal, err := store.Open(ctx, run, OpenOptions{Mode: o.Mode})
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		store: store, run: run, journal: journal, now: o.Now, st: &WorkflowState{}, opened: journal.Last(),
		wake: make(chan struct{}, 1), broken: make(chan struct{}), done: make(chan struct{}), stop: make(chan struct{}),
		grown: make(chan struct{}), watched: len(o.Observers) > 0,
	}
	r.room = sync.NewCond(&r.mu)
	if r.now == nil {
		r.now = time.Now
	}
	if err := r.load(ctx); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	r.durable = journal.Last() // opening made everything that is there durable
	r.epoch = max(r.st.Epoch+1, journal.Epoch())
	go r.loop()
	r.watcher.Go(r.watchLost)
	for _, o := range o.Observers {
		r.observers.Go(func() { r.observe(o) })
	}
	return r, nil
}

func (r *Recorder) load(ctx context.Context) error {
	if r.journal.Last() == 0 {
		return nil
	}
	found, err := load(ctx, r.store, r.run)
	if err != nil {
		return err
	}
	st := found.st
	if st.Seq != r.journal.Last() {
		return &DamagedError{Run: r.run, File: r.run, Seq: st.Seq + 1,
			Why: fmt.Sprintf("the journal has %d events, but only %d can be read", r.journal.Last(), st.Seq)}
	}
	r.st, r.last = st, found.last
	for e, err := range r.store.Events(ctx, r.run, Query{From: 1, Limit: 1}) {
		if err != nil {
			return err
		}
		if line, err := AppendRecord(nil, st.RunID, e); err == nil {
			r.created = string(line)
		}
	}
	r.snap.reset(found.snapshot, len(st.Steps), st.itemCount())
	return nil
}

// Post hands an event over without waiting for it. It is written before any event handed over later. One that can't be
// encoded ends the writing, since nobody else would be told.
func (r *Recorder) Post(e Event) {
	if err := e.prepare(); err != nil {
		r.fail(err)
		return
	}
	_ = r.add(entry{event: e}) // Err keeps why nothing is written any more
}

// Emit records a note: it returns once the event survives the death of this process.
func (r *Recorder) Emit(e Event) (uint64, error) { return r.wait(e, false) }

// Commit records a durable event: it returns once the event, and every earlier one, survives a power cut.
func (r *Recorder) Commit(e Event) (uint64, error) { return r.wait(e, true) }

// wait encodes the event, here and not in loop, which is what all others wait for. An event that can't be encoded is
// refused alone.
func (r *Recorder) wait(e Event, sync bool) (uint64, error) {
	if err := e.prepare(); err != nil {
		return 0, fmt.Errorf("run %q: %w", r.run, err)
	}
	done := make(chan written, 1)
	if err := r.add(entry{event: e, sync: sync, done: done}); err != nil {
		return 0, err
	}
	w := <-done
	return w.seq, w.err
}

func (r *Recorder) add(en entry) error {
	r.mu.Lock()
	for r.bytes > maxPending && r.refusal() == nil {
		r.room.Wait()
	}
	err := r.refusal()
	if err == nil {
		r.push(en)
	}
	r.mu.Unlock()
	if err == nil {
		r.rouse()
	}
	return err
}

// refusal says why nothing is added any more. mu is held.
func (r *Recorder) refusal() error {
	if r.failed == nil && r.closing {
		return fmt.Errorf("run %q is closed: %w", r.run, ErrJournalFailed)
	}
	return r.failed
}

// push adds to pending. mu is held.
func (r *Recorder) push(en entry) {
	r.pending = append(r.pending, en)
	r.bytes += en.event.body.size()
	if en.done != nil {
		r.waiting.Add(1)
	}
}

func (r *Recorder) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// View gives fn the live state, which must not be kept or changed. fn must not call the Recorder.
func (r *Recorder) View(fn func(*WorkflowState)) {
	r.fold.RLock()
	defer r.fold.RUnlock()
	fn(r.st)
}

// Event reads one event back from the journal.
func (r *Recorder) Event(ctx context.Context, seq uint64) (Event, error) {
	return ReadEvent(ctx, r.store, r.run, seq)
}

// ReadEvent reads one event of a run.
func ReadEvent(ctx context.Context, store Store, run string, seq uint64) (Event, error) {
	for e, err := range store.Events(ctx, run, Query{From: seq, Limit: 1}) {
		if err != nil {
			return Event{}, err
		}
		if e.Seq == seq {
			return e, nil
		}
	}
	return Event{}, &DamagedError{Run: run, File: run, Seq: seq, Why: fmt.Sprintf("event %d is missing", seq)}
}

// Epoch is the number of this session.
func (r *Recorder) Epoch() uint64 { return r.epoch }

// New says that the run has no event yet.
func (r *Recorder) New() bool {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return r.st.Seq == 0
}

// Failed is closed when the journal can't be written any more; Err tells why.
func (r *Recorder) Failed() <-chan struct{} { return r.broken }

// Err is the error that ended the writing, nil while it goes on. It is ErrJournalFailed, and ErrFenced when somebody else
// took the run over.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Close writes what is pending, a closing mark if this opening wrote anything, and a snapshot; waits until the observers
// have seen everything, or ctx is done; and gives up the lock. The Recorder refuses events from then on.
func (r *Recorder) Close(ctx context.Context) error {
	if !r.closeDoor() {
		return nil
	}
	<-r.done
	r.watcher.Wait()
	err := r.Err()
	r.snap.wait()
	if snaps, ok := r.store.(Snapshots); ok && err == nil && r.journal.Last() > r.opened {
		// A snapshot is a cache; failing to write one costs the next opening some time and nothing else.
		_ = r.snapshot().save(ctx, snaps, r.run)
	}
	close(r.stop)
	return errors.Join(err, r.waitObservers(ctx), r.journal.Close())
}

// closeDoor lets nothing be added behind the closing mark; false: somebody else has closed it.
func (r *Recorder) closeDoor() bool {
	mark := New(Scope{}, JournalMark{Kind: MarkClosed})
	_ = mark.prepare() // it always encodes
	wrote := r.wrote()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	if r.failed == nil && (wrote || len(r.pending) > 0) {
		r.push(entry{event: mark, sync: true})
	}
	r.closing = true
	r.room.Broadcast()
	r.rouse()
	return true
}

func (r *Recorder) wrote() bool {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return r.st.Seq > r.opened && !r.st.Closed
}

func (r *Recorder) apply(events []Event) error {
	r.fold.Lock()
	defer r.fold.Unlock()
	for _, e := range events {
		if err := r.st.Apply(e); err != nil {
			return err
		}
	}
	if events[0].Seq == 1 {
		if line, err := AppendRecord(nil, r.st.RunID, events[0]); err == nil {
			r.created = string(line)
		}
	}
	r.last = events[len(events)-1]
	r.last.body = nil
	if r.watched {
		r.keep(events)
	}
	return nil
}

// keep shows the events to the observers. fold is held.
func (r *Recorder) keep(events []Event) {
	for _, e := range events {
		e.body = nil
		r.ring = append(r.ring, e)
	}
	if n := len(r.ring); n > 2*ringSize {
		r.ring = append([]Event(nil), r.ring[n-ringSize:]...)
	}
	close(r.grown)
	r.grown = make(chan struct{})
}

func (r *Recorder) fail(err error) {
	switch {
	case errors.Is(err, ErrFenced):
		err = &fencedError{r.run, err}
	case !errors.Is(err, ErrJournalFailed):
		err = fmt.Errorf("run %q: %w: %w", r.run, ErrJournalFailed, err)
	}
	r.mu.Lock()
	first := r.failed == nil
	if first {
		r.failed = err
	}
	r.mu.Unlock()
	r.room.Broadcast()
	if first {
		close(r.broken)
	}
}
