package state

import (
	"context"
	"fmt"
	"time"
)

// The part of the Recorder that is its one goroutine, which appends.

// loop writes what is pending, batch after batch, until the Recorder is closed.
func (r *Recorder) loop() {
	defer close(r.done)
	for r.await() {
		r.gather()
		r.write(r.take())
	}
}

// await returns when something is pending; false: the Recorder is closed, and nothing is.
func (r *Recorder) await() bool {
	for {
		r.mu.Lock()
		some, closing := len(r.pending) > 0, r.closing
		r.mu.Unlock()
		if some || closing {
			return some
		}
		<-r.wake
	}
}

// watchLost ends the writing when the right to write is lost, even while an append hangs.
func (r *Recorder) watchLost() {
	select {
	case <-r.journal.Lost():
		r.fail(ErrFenced)
	case <-r.done:
	}
}

// take removes the next batch. The first record of a run goes alone, so that it is durable before anything follows.
func (r *Recorder) take() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, bytes, waiting := 0, 0, 0
	for n < len(r.pending) && n < maxBatch && bytes < maxBytes && (n == 0 || r.durable > 0) {
		bytes += r.pending[n].event.body.size()
		if r.pending[n].done != nil {
			waiting++
		}
		n++
	}
	batch := r.pending[:n:n]
	if r.pending = r.pending[n:]; len(r.pending) == 0 {
		r.pending = nil // holds on to no text that is written
	}
	r.bytes -= bytes
	r.waiting.Add(int64(-waiting))
	r.room.Broadcast()
	return batch
}

func (r *Recorder) write(batch []entry) {
	if err := r.Err(); err != nil {
		reply(batch, 0, err)
		return
	}
	events, sync, lead := r.number(batch)
	begin := time.Now()
	if err := r.journal.Append(context.Background(), events, sync); err != nil {
		r.fail(fmt.Errorf("writing the journal: %w", err))
		reply(batch, 0, r.Err())
		return
	}
	if sync {
		r.durable = events[len(events)-1].Seq
		r.herd.synced(time.Since(begin))
	}
	err := r.apply(events)
	if err != nil {
		r.fail(err)
	}
	if n := reply(batch, events[lead].Seq, err); n > 0 {
		r.herd.released(n + int(r.waiting.Load()))
	}
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

// reply releases who waits for the batch, and tells how many they are.
func reply(batch []entry, seq uint64, err error) (waiters int) {
	for i, en := range batch {
		if en.done == nil {
			continue
		}
		waiters++
		if err != nil {
			en.done <- written{err: err}
			continue
		}
		en.done <- written{seq: seq + uint64(i)}
	}
	return waiters
}
