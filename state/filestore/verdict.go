package filestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

const repairHint = "the command \"repair\" keeps every valid record (in a program: filestore.Store.Repair)"

// witness is what checkpoint.json proves; the zero value proves nothing. A damaged checkpoint is like none.
type witness struct {
	state.Witness
	modified time.Time
	size     int64
	info     fs.FileInfo // which file it is from
}

// proves returns the number that the witness proves to have been on disk for the run.
func (w witness) proves(runID string) uint64 {
	if w.RunID != runID {
		return 0
	}
	return w.Seq
}

func (w witness) exists() bool { return w.RunID != "" && w.Seq > 0 }

// witness must be asked before the journal is read: what it proves then, the journal holds from then on.
func (s *Store) witness(run string) (witness, error) {
	path := s.path(run, checkpointFile)
	info, err := s.fs.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return witness{}, nil
	}
	if err != nil {
		return witness{}, err
	}
	e := s.entry(run)
	e.mu.Lock()
	w := e.witness
	e.mu.Unlock()
	if w.info != nil && s.fs.SameFile(w.info, info) && w.modified.Equal(info.ModTime()) && w.size == info.Size() {
		return w, nil
	}
	f, err := s.fs.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return witness{}, nil
	}
	if err != nil {
		return witness{}, err
	}
	defer func() { _ = f.Close() }() // only read
	w = witness{modified: info.ModTime(), size: info.Size(), info: info}
	if w.Witness, err = state.ReadWitnessFrom(&fileReader{File: f}); err != nil {
		if !errors.Is(err, state.ErrRecord) {
			return witness{}, err
		}
		w.Witness = state.Witness{}
	}
	e.mu.Lock()
	e.witness = w
	e.mu.Unlock()
	return w, nil
}

func readFile(fsys vfs.FS, path string) ([]byte, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// judge compares the sound beginning of a journal with what is proven to have been on disk.
func (s *Store) judge(run string, j journalScan, w witness) (proven uint64, err error) {
	proven = max(j.proof, w.proves(j.runID))
	if proven <= j.last() {
		return proven, nil
	}
	why := j.why
	if why == "" {
		why = fmt.Sprintf("it ends after record %d", j.last())
	}
	return proven, s.damaged(run, j.last()+1, fmt.Sprintf("%s, and record %d was on disk already", why, proven))
}

// damaged makes the error about a record. In a sound beginning each record is one line, so that its number is the
// number of the line where it should stand.
func (s *Store) damaged(run string, seq uint64, why string) error {
	return &state.DamagedError{
		Run: run, File: s.path(run, journalFile), Line: int(seq), Seq: seq, Why: why, Hint: repairHint,
	}
}

// noFirst says what a journal without a first record means: damage if there was one, else no run.
func (s *Store) noFirst(run string, err error, w witness) error {
	var first firstDamage
	switch {
	case errors.As(err, &first):
		return s.damaged(run, 1, first.Error())
	case !errors.Is(err, errNoRecord) && !errors.Is(err, fs.ErrNotExist):
		return err
	case w.exists():
		return s.damaged(run, 1, fmt.Sprintf("it is empty or gone, and %s proves %d records", checkpointFile, w.Seq))
	}
	return notFound(run)
}
