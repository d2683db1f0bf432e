package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dogear-go/dogear/state"
)

// journal is one opening of a run. The store's mutex guards it.
type journal struct {
	store  *Store
	name   string
	run    *run
	life   int
	lost   chan struct{} // never closed
	failed error
	closed bool
}

var errClosed = errors.New("it was closed")

// Append keeps the events. See [state.Journal].
func (j *journal) Append(ctx context.Context, events []state.Event, sync bool) error {
	s := j.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.failed != nil {
		return fmt.Errorf("run %q: %w (%s)", j.name, state.ErrJournalFailed, j.failed) // the cause was reported before
	}
	err := ctx.Err()
	if err == nil && (s.crash.happened || j.life != s.life) {
		err = ErrCrashed
	}
	if err == nil {
		err = j.append(events, sync)
	}
	if err != nil {
		j.failed = err
		return fmt.Errorf("run %q: %w: %w", j.name, state.ErrJournalFailed, err)
	}
	return nil
}

func (j *journal) append(events []state.Event, sync bool) error {
	r := j.run
	if err := j.check(events, sync); err != nil {
		return err
	}
	// All are encoded before any is kept: an event that can't be encoded refuses the batch.
	var lines [][]byte
	for _, e := range events {
		line, err := state.AppendRecord(nil, r.id, e)
		if err != nil {
			return err
		}
		lines = append(lines, line)
	}
	for i, e := range events {
		switch last := uint64(len(r.lines)); {
		case e.Seq == last+1:
			if err := j.store.step(); err != nil {
				return err
			}
			r.lines = append(r.lines, lines[i])
			r.size += int64(len(lines[i]))
			r.proof = max(r.proof, e.Durable)
			if err := j.store.stepped(); err != nil {
				return err
			}
		case e.Seq == 0 || e.Seq > last || !bytes.Equal(lines[i], r.lines[e.Seq-1]):
			return fmt.Errorf("append number %d; the next is %d", e.Seq, last+1)
		}
	}
	if sync {
		r.durable = len(r.lines)
	}
	return nil
}

// check refuses what no store may accept.
func (j *journal) check(events []state.Event, sync bool) error {
	for _, e := range events {
		if e.Seq > 0 && e.Durable >= e.Seq {
			return fmt.Errorf("append number %d, which says that %d is on disk already", e.Seq, e.Durable)
		}
	}
	if len(j.run.lines) > 0 || len(events) == 0 {
		return nil
	}
	created, ok := events[0].Data.(state.RunCreated)
	if !ok || len(events) != 1 || !sync || events[0].Seq != 1 {
		return fmt.Errorf("the first append of a run must be its %s, alone and synced", state.TypeRunCreated)
	}
	if created.RunID == "" {
		return errors.New("the run id is empty")
	}
	j.run.id = created.RunID
	return nil
}

// Last is the number of the last event.
func (j *journal) Last() uint64 {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	return uint64(len(j.run.lines))
}

// Epoch is zero.
func (j *journal) Epoch() uint64 { return 0 }

// Recovery is nil: nothing in memory is ever torn.
func (j *journal) Recovery() *state.Recovery { return nil }

// Lost is never closed.
func (j *journal) Lost() <-chan struct{} { return j.lost }

// Close gives up the lock. Closing again does nothing.
func (j *journal) Close() error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if j.failed == nil {
		j.failed = errClosed
	}
	if j.run.writer == j {
		j.run.holder, j.run.writer = nil, nil
	}
	return nil
}
