package sqlitestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/internal/oslock"
)

// The key of an event is its run's number, then its own: one table, in which each run's events lie together, in order.
const (
	seqBits = 40
	maxSeq  = 1<<seqBits - 1
	maxRun  = 1<<(63-seqBits) - 1 // numbers are not used again, so this is how many runs a file can have in its life
)

func key(run int64, seq uint64) int64 { return run<<seqBits | int64(seq) }

// journal is one opening of a run for writing.
type journal struct {
	store *Store
	run   string
	lock  *oslock.Lock
	lost  chan struct{} // never closed: a lock of this system can't be lost
	last  atomic.Uint64

	mu     sync.Mutex // held while writing; guards what follows
	n      int64      // the run's number; zero before the first append of a new run
	runID  string
	size   int64 // of all records, in bytes
	dirty  bool  // something was written and not synced
	failed error // why nothing can be appended any more
	closed bool
	op     op
	buf    []byte
	rows   []row
}

// row is a record to be written, which lies in the buffer up to its end.
type row struct {
	seq uint64
	end int
}

// keepBuffer is the largest buffer that is kept from one append to the next.
const keepBuffer = 4 << 20

var errClosed = errors.New("it was closed")

const insertEvent = "INSERT INTO events (k, upto, record) VALUES (?, ?, ?)"

// insertEvents inserts a few records by one statement, which needs no BEGIN and COMMIT around it: an item's beginning and
// its end, for the most part.
var insertEvents = [...]string{
	1: insertEvent, 2: insertEvent + ", (?, ?, ?)", 3: insertEvent + ", (?, ?, ?), (?, ?, ?)",
}

// Append writes the events, in one transaction with those of other runs that come at the same time. See [state.Journal].
// While another process writes it waits, up to a minute, whatever ctx says.
func (j *journal) Append(ctx context.Context, events []state.Event, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return fmt.Errorf("run %q: %w (%s)", j.run, state.ErrJournalFailed, j.failed) // the cause was reported before
	}
	err := ctx.Err()
	if err == nil {
		err = j.store.explain(j.run, j.append(ctx, events, sync))
	}
	if err != nil {
		j.failed = err
		return fmt.Errorf("run %q: %w: %w", j.run, state.ErrJournalFailed, err)
	}
	return nil
}

func (j *journal) append(ctx context.Context, events []state.Event, sync bool) error {
	events, err := j.skipWritten(ctx, events)
	if err != nil {
		return err
	}
	switch {
	case len(events) == 0 && !(sync && j.dirty):
		return nil
	case len(events) == 0:
		j.op = op{sync: true, turn: j.op.turn}
	case j.n == 0:
		return j.create(events, sync)
	default:
		if err := j.encode(events); err != nil {
			return err
		}
		j.op = op{sync: sync, bare: len(events) < len(insertEvents) && len(j.buf) <= pieceSize, do: j.insert, turn: j.op.turn}
	}
	if err := j.store.commits.commit(&j.op); err != nil {
		return err
	}
	j.dirty = !sync
	j.wrote(events)
	return nil
}

// wrote counts what is written.
func (j *journal) wrote(events []state.Event) {
	if len(events) == 0 {
		return
	}
	j.size += int64(len(j.buf))
	j.last.Store(events[len(events)-1].Seq)
	if cap(j.buf) > keepBuffer {
		j.buf = nil
	}
}

// skipWritten drops the events that are in the journal already, which must be the same to the byte.
func (j *journal) skipWritten(ctx context.Context, events []state.Event) ([]state.Event, error) {
	for i, e := range events {
		last := j.last.Load()
		if e.Seq > last {
			return events[i:], nil
		}
		if e.Seq == 0 {
			return nil, fmt.Errorf("append an event without a number after number %d", last)
		}
		text, err := state.AppendRecord(nil, j.runID, e)
		if err != nil {
			return nil, err
		}
		old, err := j.store.readRecord(ctx, key(j.n, e.Seq))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(text[:len(text)-1], old) {
			return nil, fmt.Errorf("append another event with number %d; the last is %d", e.Seq, last)
		}
	}
	return nil, nil
}

// encode fills the buffer with the records, without their newlines.
func (j *journal) encode(events []state.Event) (err error) {
	j.buf, j.rows = j.buf[:0], j.rows[:0]
	for i, e := range events {
		want := j.last.Load() + uint64(i) + 1
		switch {
		case e.Seq != want:
			return fmt.Errorf("append number %d; the next is %d", e.Seq, want)
		case e.Seq > maxSeq:
			return fmt.Errorf("append number %d; a run has at most %d events", e.Seq, uint64(maxSeq))
		case e.Durable >= e.Seq:
			return fmt.Errorf("append number %d, which says that %d is on disk already", e.Seq, e.Durable)
		}
		if j.buf, err = state.AppendRecord(j.buf, j.runID, e); err != nil {
			return err
		}
		j.buf = j.buf[:len(j.buf)-1]
		j.rows = append(j.rows, row{e.Seq, len(j.buf)})
	}
	return nil
}

// insert is done by whoever leads the transaction. A number that is there already means that there is another writer,
// which can only be if somebody removed the lock's file: nothing is ever written over.
func (j *journal) insert(c *conn) error {
	if j.op.bare {
		return j.insertFew(c)
	}
	from := 0
	for _, r := range j.rows {
		err := c.insertBlob(insertEvent, "events", "record", j.buf[from:r.end], key(j.n, r.seq), j.size+int64(r.end))
		if err != nil {
			return err
		}
		from = r.end
	}
	return nil
}

// insertFew is insert by one statement.
func (j *journal) insertFew(c *conn) error {
	st, err := c.stmt(insertEvents[len(j.rows)])
	if err != nil {
		return err
	}
	from := 0
	for i, r := range j.rows {
		err := errors.Join(st.BindInt64(3*i+1, key(j.n, r.seq)), st.BindInt64(3*i+2, j.size+int64(r.end)),
			st.BindBlob(3*i+3, j.buf[from:r.end]))
		if err != nil {
			return err
		}
		from = r.end
	}
	return st.Exec()
}

// create writes the first record, and with it the run.
func (j *journal) create(events []state.Event, sync bool) error {
	created, ok := events[0].Data.(state.RunCreated)
	if !ok || len(events) != 1 || !sync {
		return fmt.Errorf("the first append of a run must be its %s, alone and synced", state.TypeRunCreated)
	}
	j.runID = created.RunID
	if err := j.encode(events); err != nil {
		return err
	}
	if created.RunID == "" || state.ReadRunID(j.buf) != created.RunID {
		return fmt.Errorf("the run id %q can't be read back", created.RunID)
	}
	var n int64
	j.op = op{sync: true, turn: j.op.turn, do: func(c *conn) error {
		if err := c.run("INSERT INTO runs (name, id, created) VALUES (?, ?, ?)", j.run, j.runID, j.buf); err != nil {
			return err
		}
		n = c.db.LastInsertRowID()
		if n > maxRun {
			return fmt.Errorf("the database has had %d runs, which is all it can number; begin another file", maxRun)
		}
		return c.insertBlob(insertEvent, "events", "record", j.buf, key(n, 1), int64(len(j.buf)))
	}}
	if err := j.store.commits.commit(&j.op); err != nil {
		return err
	}
	j.n = n
	j.wrote(events)
	return nil
}

// Last is the number of the last event.
func (j *journal) Last() uint64 { return j.last.Load() }

// Epoch is zero: a lock of this system can't be lost, so nothing needs to be fenced off.
func (j *journal) Epoch() uint64 { return 0 }

// Recovery is nil: what the database drops of a transaction that was not committed was never part of the journal.
func (j *journal) Recovery() *state.Recovery { return nil }

// Lost is never closed.
func (j *journal) Lost() <-chan struct{} { return j.lost }

// Close waits for an append that is going on, and gives up the lock. Closing again does nothing.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if j.failed == nil {
		j.failed = errClosed
	}
	if j.last.Load() == 0 { // there is no run, so its lock's file would be left behind
		return j.store.dropLock(j.run, j.lock)
	}
	return j.lock.Close()
}
