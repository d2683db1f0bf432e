package state

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
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

	mu      sync.Mutex // guards pending, closing, failed
	pending []entry
	closing bool
	failed  error
	wake    chan struct{} // capacity 1; sent by whoever adds to pending, received by loop
	broken  chan struct{} // closed by loop when the journal failed
	done    chan struct{} // closed by loop when it ends

	fold    sync.RWMutex // guards st, last, ring
	st      *WorkflowState
	last    Event
	ring    []Event // the last events, for observers that keep up; empty when nobody observes
	grown   chan struct{}
	durable uint64 // highest number known to be on disk; loop's own
	epoch   uint64 // of this session; loop's own until set, then constant
	noted   bool   // the recovery has been marked; loop's own

	snap      snapshotter
	watched   bool // there are observers; constant
	observers sync.WaitGroup
	stop      chan struct{} // closed by Close: observers end when they have seen everything
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
	if r.now == nil {
		r.now = time.Now
	}
	if err := r.load(ctx); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	r.durable = journal.Last() // opening made everything that is there durable
	r.epoch = max(r.st.Epoch+1, journal.Epoch())
	go r.loop()
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

// Post hands an event over without waiting. It is written before any event handed over later.
func (r *Recorder) Post(e Event) { r.add(entry{event: e}) }

// Emit records a note: it returns once the event survives the death of this process.
func (r *Recorder) Emit(e Event) (uint64, error) { return r.wait(e, false) }

// Commit records a durable event: it returns once the event, and every earlier one, survives a power cut.
func (r *Recorder) Commit(e Event) (uint64, error) { return r.wait(e, true) }

func (r *Recorder) wait(e Event, sync bool) (uint64, error) {
	done := make(chan written, 1)
	r.add(entry{event: e, sync: sync, done: done})
	w := <-done
	return w.seq, w.err
}

func (r *Recorder) add(en entry) {
	r.mu.Lock()
	err := r.failed
	if err == nil && r.closing {
		err = fmt.Errorf("run %q is closed: %w", r.run, ErrJournalFailed)
	}
	if err == nil {
		r.pending = append(r.pending, en)
	}
	r.mu.Unlock()
	if err != nil {
		if en.done != nil {
			en.done <- written{err: err}
		}
		return
	}
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

// Err is the error that ended the writing, nil while it goes on. It is ErrJournalFailed.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Close writes what is pending, a closing mark if this opening wrote anything, and a snapshot; waits until the observers
// have seen everything, or ctx is done; and gives up the lock. The Recorder refuses events from then on.
func (r *Recorder) Close(ctx context.Context) error {
	if r.wrote() && r.Err() == nil {
		_, _ = r.Commit(New(Scope{}, JournalMark{Kind: MarkClosed})) // a failure shows in Err below
	}
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		return nil
	}
	r.closing = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	<-r.done
	err := r.Err()
	r.snap.wait()
	if snaps, ok := r.store.(Snapshots); ok && err == nil && r.journal.Last() > r.opened {
		// A snapshot is a cache; failing to write one costs the next opening some time and nothing else.
		_ = r.snapshot().save(ctx, snaps, r.run)
	}
	close(r.stop)
	return errors.Join(err, r.waitObservers(ctx), r.journal.Close())
}

func (r *Recorder) wrote() bool {
	r.fold.RLock()
	defer r.fold.RUnlock()
	return r.st.Seq > r.opened && !r.st.Closed
}

// loop is the goroutine that appends.
func (r *Recorder) loop() {
	defer close(r.done)
	for {
		r.gather()
		batch, closing := r.take()
		if len(batch) > 0 {
			r.write(batch)
			continue
		}
		if closing {
			return
		}
		select {
		case <-r.wake:
		case <-r.journal.Lost():
			r.fail(fmt.Errorf("run %q: %w", r.run, ErrFenced))
			<-r.wake // nothing is written any more; waits for the next caller or for Close
		}
	}
}

// gather lets those who were woken by the last batch hand over their next events before the next sync begins: a sync
// takes as long for one event as for all of them.
func (r *Recorder) gather() {
	for last := -1; ; {
		r.mu.Lock()
		n := len(r.pending)
		r.mu.Unlock()
		if n == last || n >= maxBatch {
			return
		}
		last = n
		runtime.Gosched()
	}
}

// take removes the next batch. The first record of a run goes alone, so that it is durable before anything follows.
func (r *Recorder) take() ([]entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.pending), maxBatch)
	if n > 1 && r.durable == 0 {
		n = 1
	}
	batch := r.pending[:n:n]
	if r.pending = r.pending[n:]; len(r.pending) == 0 {
		r.pending = nil // holds on to no text that is written
	}
	return batch, r.closing
}

func (r *Recorder) write(batch []entry) {
	if err := r.Err(); err != nil {
		reply(batch, 0, err)
		return
	}
	events, sync, lead := r.number(batch)
	if err := r.journal.Append(context.Background(), events, sync); err != nil {
		r.fail(fmt.Errorf("run %q: writing the journal: %w", r.run, err))
		reply(batch, 0, r.Err())
		return
	}
	if sync {
		r.durable = events[len(events)-1].Seq
	}
	err := r.apply(events)
	if err != nil {
		r.fail(err)
	}
	reply(batch, events[lead].Seq, err)
	r.snap.consider(r)
}

// number gives the batch its numbers; lead is the position of the first event of the batch, behind a recovery mark.
func (r *Recorder) number(batch []entry) (events []Event, sync bool, lead int) {
	next := r.journal.Last() + 1
	now := r.now().UTC().Round(0)
	events = make([]Event, 0, len(batch)+1)
	if rec := r.journal.Recovery(); rec != nil && !r.noted && next > 1 {
		r.noted, lead = true, 1
		events = append(events, New(Scope{}, JournalMark{Kind: MarkRecovered, From: rec.From, BytesLost: rec.BytesLost}))
	}
	for _, en := range batch {
		events = append(events, en.event)
		sync = sync || en.sync
	}
	for i := range events {
		e := &events[i]
		e.Seq, e.Durable, e.Epoch = next+uint64(i), r.durable, r.epoch
		if e.Time.IsZero() {
			e.Time = now
		}
	}
	// The first record stands before anything else, whatever its caller asked for.
	return events, sync || next == 1, lead
}

func (r *Recorder) apply(events []Event) error {
	r.fold.Lock()
	defer r.fold.Unlock()
	for _, e := range events {
		if err := r.st.Apply(e); err != nil {
			return fmt.Errorf("run %q: %w: %w", r.run, ErrJournalFailed, err)
		}
	}
	if events[0].Seq == 1 {
		if line, err := AppendRecord(nil, r.st.RunID, events[0]); err == nil {
			r.created = string(line)
		}
	}
	r.last = events[len(events)-1]
	if r.watched {
		r.ring = append(r.ring, events...)
	}
	if n := len(r.ring); n > 2*ringSize {
		r.ring = append([]Event(nil), r.ring[n-ringSize:]...)
	}
	close(r.grown)
	r.grown = make(chan struct{})
	return nil
}

func (r *Recorder) fail(err error) {
	if !errors.Is(err, ErrJournalFailed) {
		err = fmt.Errorf("%w: %w", ErrJournalFailed, err)
	}
	r.mu.Lock()
	first := r.failed == nil
	if first {
		r.failed = err
	}
	r.mu.Unlock()
	if first {
		close(r.broken)
	}
}

func reply(batch []entry, seq uint64, err error) {
	for i, en := range batch {
		if en.done == nil {
			continue
		}
		if err != nil {
			en.done <- written{err: err}
			continue
		}
		en.done <- written{seq: seq + uint64(i)}
	}
}
