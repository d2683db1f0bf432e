package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// journal is one opening of a run for writing.
type journal struct {
	store    *Store
	run      string
	entry    *entry
	lock     vfs.Lock
	held     fs.FileInfo // the file that is locked
	recovery *state.Recovery
	lost     chan struct{} // never closed: a lock of this system can't be lost
	last     atomic.Uint64

	mu     sync.Mutex // held while writing; guards what follows
	file   vfs.File   // nil before the first append of a new run
	info   fs.FileInfo
	runID  string
	end    int64 // where the next record goes
	size   int64 // of the file: newlines stand between end and size; meaningless before clean
	clean  bool  // nothing but padding stands behind the records
	bare   bool  // no padding is made
	dirty  bool  // something was written and not synced
	failed error // why nothing can be appended any more
	closed bool
	buf    []byte
}

// keepBuffer is the largest buffer that is kept from one append to the next.
const keepBuffer = 4 << 20

var errClosed = errors.New("it was closed")

// Append writes the events and, with sync, returns after they are on the disk. See [state.Journal].
func (j *journal) Append(ctx context.Context, events []state.Event, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return fmt.Errorf("run %q: %w (%s)", j.run, state.ErrJournalFailed, j.failed) // the cause was reported before
	}
	err := ctx.Err()
	if err == nil {
		err = j.append(events, sync)
	}
	if err != nil {
		j.failed = err
		return fmt.Errorf("run %q: %w: %w", j.run, state.ErrJournalFailed, err)
	}
	return nil
}

func (j *journal) append(events []state.Event, sync bool) error {
	events, err := j.skipWritten(events)
	if err != nil {
		return err
	}
	if sync {
		if err := j.stillHeld(); err != nil {
			return err
		}
	}
	if len(events) > 0 {
		if j.file == nil {
			return j.create(events, sync)
		}
		if err := j.write(events); err != nil {
			return err
		}
	}
	if sync && j.dirty {
		if err := j.file.SyncData(); err != nil {
			return err
		}
		j.dirty = false
	}
	return nil
}

// stillHeld notices that somebody removed the lock's file, or moved the folder: then another process may hold a lock of the
// same name, and what is written may be in nobody's journal. It costs a hundredth of a sync.
func (j *journal) stillHeld() error {
	there, err := j.store.fs.Stat(j.store.path(j.run, lockFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !j.store.fs.SameFile(j.held, there) {
		return fmt.Errorf("%s is gone, or another: somebody removed it or moved the folder while the run was being written, and another process may write it; "+
			"make sure that none does, and go on with the run", j.store.path(j.run, lockFile))
	}
	return err
}

// skipWritten drops the events that are in the journal already, which must be the same to the checksum.
func (j *journal) skipWritten(events []state.Event) ([]state.Event, error) {
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
		old, err := j.read(e.Seq)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(text, old) {
			return nil, fmt.Errorf("append another event with number %d; the last is %d", e.Seq, last)
		}
	}
	return nil, nil
}

func (j *journal) read(seq uint64) ([]byte, error) {
	j.entry.mu.Lock()
	scan := j.entry.scan
	j.entry.mu.Unlock()
	if seq > scan.last() { // a reader that saw damage has made the store forget
		var err error
		if scan, err = scanFirst(j.file); err == nil {
			err = scan.extend(context.Background(), j.file)
		}
		if err == nil && seq > scan.last() {
			err = fmt.Errorf("record %d is not where it was", seq)
		}
		if err != nil {
			return nil, err
		}
	}
	off, end := view{offs: scan.offs, end: scan.end}.span(seq, seq)
	text := make([]byte, end-off)
	_, err := j.file.ReadAt(text, off)
	return text, err
}

// encode fills the buffer with the records and returns where each starts in it.
func (j *journal) encode(events []state.Event) (starts []int64, err error) {
	j.buf = j.buf[:0]
	for i, e := range events {
		if want := j.last.Load() + uint64(i) + 1; e.Seq != want {
			return nil, fmt.Errorf("append number %d; the next is %d", e.Seq, want)
		}
		if e.Durable >= e.Seq {
			return nil, fmt.Errorf("append number %d, which says that %d is on disk already", e.Seq, e.Durable)
		}
		starts = append(starts, int64(len(j.buf)))
		if j.buf, err = state.AppendRecord(j.buf, j.runID, e); err != nil {
			return nil, err
		}
	}
	return starts, nil
}

func (j *journal) write(events []state.Event) error {
	starts, err := j.encode(events)
	if err != nil {
		return err
	}
	if err := j.cutTail(); err != nil {
		return err
	}
	j.dirty = true
	before := j.end
	if err := j.writeOut(); err != nil {
		return err
	}
	proof := uint64(0)
	for i, e := range events {
		starts[i] += before
		proof = max(proof, e.Durable)
	}
	last := j.last.Load()
	j.last.Store(last + uint64(len(events)))
	j.entry.grow(j.store.fs, j.info, j.runID, proof, last, starts, j.end)
	if cap(j.buf) > keepBuffer {
		j.buf = nil
	}
	return nil
}

// cutTail removes, before the first append, the tail that recovery dropped, and the padding that a killed process left.
// They must be off the disk before anything is written in their place: else a power cut could leave new records followed
// by old ones whose numbers fit. Of the padding only the system's memory is known, which is not the disk after a sync
// that failed, so it is made anew.
func (j *journal) cutTail() error {
	if j.clean {
		return nil
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != j.end {
		if err := j.file.Truncate(j.end); err != nil {
			return err
		}
		if err := j.file.Sync(); err != nil {
			return err
		}
	}
	j.size, j.clean = j.end, true
	return nil
}

// create writes the first record. It stands alone in its sync, without padding, so that a broken first line with nothing
// after it is known to be the rest of a creation that was never acknowledged.
func (j *journal) create(events []state.Event, sync bool) error {
	created, ok := events[0].Data.(state.RunCreated)
	if !ok || len(events) != 1 || !sync {
		return fmt.Errorf("the first append of a run must be its %s, alone and synced", state.TypeRunCreated)
	}
	j.runID = created.RunID
	if _, err := j.encode(events); err != nil {
		return err
	}
	if created.RunID == "" || state.ReadRunID(j.buf) != created.RunID {
		return fmt.Errorf("the run id %q can't be read back", created.RunID)
	}
	f, err := j.store.fs.OpenFile(j.store.path(j.run, journalFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	j.file = f
	if _, err := f.WriteAt(j.buf, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// The folder itself was synced into its parent when it was made.
	if err := j.store.fs.SyncDir(j.store.RunDir(j.run)); err != nil {
		return err
	}
	scan, err := scanFirst(f)
	if err != nil {
		return err
	}
	if j.info, err = f.Stat(); err != nil {
		return err
	}
	j.end, j.size, j.clean = scan.end, scan.end, true
	j.last.Store(1)
	j.entry.replace(j.info, scan)
	return nil
}

// syncNow puts what was written on the disk, for a snapshot that is about to claim that it is there.
func (j *journal) syncNow() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil || !j.dirty {
		return j.failed
	}
	if err := j.file.SyncData(); err != nil {
		j.failed = err
		return err
	}
	j.dirty = false
	return nil
}

// Last is the number of the last event.
func (j *journal) Last() uint64 { return j.last.Load() }

// Epoch is zero: a lock of this system can't be lost, so nothing needs to be fenced off.
func (j *journal) Epoch() uint64 { return 0 }

// Recovery tells what opening dropped.
func (j *journal) Recovery() *state.Recovery { return j.recovery }

// Lost is never closed.
func (j *journal) Lost() <-chan struct{} { return j.lost }

// Close waits for an append that is going on, cuts the padding, and gives up the lock. Closing again does nothing.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	j.cutPadding() // while the lock is held
	if j.failed == nil {
		j.failed = errClosed
	}
	j.entry.mu.Lock()
	if j.entry.writer == j {
		j.entry.writer = nil
	}
	j.entry.mu.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}
