package pgstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

// journal is one opening of a run for writing.
type journal struct {
	store *Store
	run   string
	id    int64 // of the run's row
	epoch int64
	seen  int64 // the epoch before
	token int64
	lease *lease
	last  atomic.Uint64

	mu     sync.Mutex // held while appending; guards what follows
	runID  string     // empty before the first record
	there  int64      // the last number that the database is known to have
	synced int64      // the last number that it was told to sync
	total  int64      // bytes up to last
	kept   []record   // everything after synced, to be sent again if the server loses it
	keep   int        // bytes of them
	failed error      // why nothing can be appended any more
	closed bool
}

// record is an encoded event that may have to be sent again.
type record struct {
	text  []byte
	total int64
}

const (
	// maxKept is how much is kept in memory for want of a sync, in bytes; a note that exceeds it is synced.
	maxKept = 4 << 20

	// maxSent is how much goes into one statement unless one record alone is larger. PostgreSQL takes up to 1 GB.
	maxSent = 64 << 20
)

// Append writes the events in one statement, or in several when they are very large. See [state.Journal].
func (j *journal) Append(ctx context.Context, events []state.Event, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return fmt.Errorf("run %q: %w (%s)", j.run, state.ErrJournalFailed, j.failed) // the cause was reported before
	}
	err := ctx.Err()
	if err == nil {
		err = j.lease.err()
	}
	if err == nil {
		err = j.append(ctx, events, sync)
	}
	if err != nil {
		j.failed = err
		if errors.Is(err, state.ErrFenced) {
			j.lease.lose(err)
		}
		return fmt.Errorf("run %q: %w: %w", j.run, state.ErrJournalFailed, err)
	}
	return nil
}

func (j *journal) append(ctx context.Context, events []state.Event, sync bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(j.lease.alive, func() { cancel(j.lease.err()) })()
	if j.last.Load() == 0 && len(events) > 0 {
		if err := j.begin(events, sync); err != nil {
			return err
		}
	}
	events, err := j.skipWritten(ctx, events)
	if err != nil {
		return err
	}
	added, size, err := j.encode(events)
	if err != nil {
		return err
	}
	j.kept = append(j.kept, added...)
	j.keep += size
	if err := j.bring(ctx, sync || j.keep > maxKept); err != nil {
		return err
	}
	if len(added) > 0 {
		j.total = added[len(added)-1].total
		j.last.Store(uint64(j.there))
	}
	return nil
}

// begin looks at the first record, which makes the run.
func (j *journal) begin(events []state.Event, sync bool) error {
	created, ok := events[0].Data.(state.RunCreated)
	if !ok || len(events) != 1 || !sync || events[0].Seq != 1 {
		return fmt.Errorf("the first append of a run must be its %s, alone and synced", state.TypeRunCreated)
	}
	if created.RunID == "" {
		return errors.New("the run id is empty")
	}
	j.runID = created.RunID
	return nil
}

func (j *journal) encode(events []state.Event) (added []record, size int, err error) {
	total := j.total
	added = make([]record, 0, len(events))
	for i, e := range events {
		if want := j.last.Load() + uint64(i) + 1; e.Seq != want {
			return nil, 0, fmt.Errorf("append number %d; the next is %d", e.Seq, want)
		}
		if e.Durable >= e.Seq {
			return nil, 0, fmt.Errorf("append number %d, which says that %d is on disk already", e.Seq, e.Durable)
		}
		line, err := state.AppendRecord(nil, j.runID, e)
		if err != nil {
			return nil, 0, err
		}
		line = line[:len(line)-1] // without the newline
		total += int64(len(line))
		size += len(line)
		added = append(added, record{line, total})
	}
	return added, size, nil
}

// skipWritten drops the events that are there already, which must be the same to the checksum.
func (j *journal) skipWritten(ctx context.Context, events []state.Event) ([]state.Event, error) {
	n := 0
	for n < len(events) && events[n].Seq <= j.last.Load() {
		if want := events[0].Seq + uint64(n); events[n].Seq != want || want == 0 {
			return nil, fmt.Errorf("append number %d after number %d", events[n].Seq, j.last.Load())
		}
		n++
	}
	if n == 0 {
		return events, nil
	}
	sums, err := j.sums(ctx, int64(events[0].Seq), int64(events[n-1].Seq))
	if err != nil {
		return nil, err
	}
	for i, e := range events[:n] {
		line, err := state.AppendRecord(nil, j.runID, e)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(line[:len(line)-1])
		if i >= len(sums) || !bytes.Equal(sum[:], sums[i]) {
			return nil, fmt.Errorf("append another event with number %d; the last is %d", e.Seq, j.last.Load())
		}
	}
	return events[n:], nil
}

// sums returns the hashes of the records between two numbers, both included.
func (j *journal) sums(ctx context.Context, from, to int64) (sums [][]byte, err error) {
	s := j.store
	// What the server lost and this writer has not sent again is there for the caller all the same.
	if err := j.bring(ctx, false); err != nil {
		return nil, err
	}
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, s.sql.compare, j.id, from, to)
		if err != nil {
			return err
		}
		sums, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (sum []byte, err error) {
			var seq int64
			err = r.Scan(&seq, &sum)
			return sum, err
		})
		return err
	})
	return sums, err
}

// Last is the number of the last event.
func (j *journal) Last() uint64 { return j.last.Load() }

// Epoch is raised by each opening of the run.
func (j *journal) Epoch() uint64 { return uint64(j.epoch) }

// Recovery is nil: an append is a transaction, and nothing is ever torn.
func (j *journal) Recovery() *state.Recovery { return nil }

// Lost is closed when another opened the run, which the next renewal of the lease or the next append finds out; and when
// no renewal has reached the database for as long as a lease.
func (j *journal) Lost() <-chan struct{} { return j.lease.lost }

// Close waits for an append that is going on, ends the renewals and gives the lease back. Closing again does nothing. Its
// error is that the lease could not be given back, and runs out by itself.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	broken := j.failed != nil
	if !broken {
		j.failed = errClosed
	}
	j.lease.stop()
	lost := j.lease.err() != nil
	j.lease.end(errClosed)
	if lost {
		return nil // there is nothing to give back
	}
	ctx, cancel := j.store.leaving()
	defer cancel()
	err := j.lease.giveBack(ctx)
	if broken {
		return nil // the database can't be reached, or so it was reported
	}
	return err
}
