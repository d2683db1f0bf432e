package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// entry is what a store knows of a run's files: eight bytes a record. It is a cache: whatever is read by it is checked
// again by its checksum, and forgotten when that fails.
type entry struct {
	mu      sync.Mutex
	info    fs.FileInfo // the journal that scan is about; nil: scan is empty
	scan    journalScan // base is zero; why and size mean nothing here
	told    told
	witness witness
	writer  *journal // the journal that is open in this store
}

// told is the stored status of the run as the records up to seq tell it.
type told struct {
	seq    uint64
	status state.Status
}

// status is what was told last of the run, zero when nothing was.
func (e *entry) status(runID string) told {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info == nil || e.scan.runID != runID {
		return told{}
	}
	return e.told
}

func (e *entry) tell(runID string, t told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info != nil && e.scan.runID == runID && t.seq <= e.scan.last() {
		e.told = t
	}
}

// known returns the scan, for reading on, if it is about this file, else an empty one.
func (e *entry) known(fsys vfs.FS, info fs.FileInfo) (journalScan, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info == nil || !fsys.SameFile(e.info, info) || info.Size() < e.scan.end {
		return journalScan{}, false
	}
	return e.scan, true
}

func (e *entry) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.info, e.scan, e.told = nil, journalScan{}, told{}
}

func (e *entry) replace(info fs.FileInfo, j journalScan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.info, e.scan, e.told = info, j, told{}
}

// merge adds what was found behind what is known; several may find the same. It returns where all records stand up to
// the last one that was found; not ok: what is known is no longer about this journal.
func (e *entry) merge(fsys vfs.FS, info fs.FileInfo, more journalScan) (offs offsets, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.about(fsys, info, more.runID) || e.scan.last() < more.base {
		return offsets{}, false
	}
	e.scan.proof = max(e.scan.proof, more.proof)
	if have := e.scan.last(); have < more.last() {
		for i := have - more.base; i < more.offs.n; i++ {
			e.scan.offs.add(more.offs.at(i))
		}
		e.scan.end = more.end
	}
	return e.scan.offs.first(more.last()), true
}

// grow adds records that were written: where each starts that follows the last one, and where they end.
func (e *entry) grow(fsys vfs.FS, info fs.FileInfo, runID string, proof, last uint64, starts []int64, end int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.about(fsys, info, runID) {
		return
	}
	e.scan.proof = max(e.scan.proof, proof)
	if have := e.scan.last(); have >= last && have < last+uint64(len(starts)) { // a reader may have been faster
		for _, off := range starts[have-last:] {
			e.scan.offs.add(off)
		}
		e.scan.end = end
	}
}

func (e *entry) about(fsys vfs.FS, info fs.FileInfo, runID string) bool {
	return e.info != nil && fsys.SameFile(e.info, info) && e.scan.runID == runID
}

// view is what a reader sees of a journal: its sound beginning at one moment.
type view struct {
	runID  string
	first  state.Event
	offs   offsets
	end    int64
	size   int64
	proven uint64
	damage error // proven damage behind the sound beginning
}

func (v view) last() uint64 { return v.offs.n }

// span is where the records from to upto stand.
func (v view) span(from, upto uint64) (off, end int64) {
	if upto == v.last() {
		return v.offs.at(from - 1), v.end
	}
	return v.offs.at(from - 1), v.offs.at(upto)
}

// view looks at the journal f. When need is not zero and that many records are known already, nothing is read. A writer
// at work can make a line look broken that is being replaced, and records look lost that it is writing over padding just
// now, so damage is believed only when it is seen twice in one place, and at last by reading everything anew.
func (s *Store) view(ctx context.Context, run string, f vfs.File, need uint64) (view, error) {
	last, seen, anew := uint64(0), false, false
	for {
		v, err := s.look(ctx, run, f, need)
		trouble := err != nil && !errors.Is(err, state.ErrNewerFormat) || v.damage != nil
		switch {
		case ctx.Err() != nil || !trouble:
			return v, err
		case !seen || v.last() > last: // what was known is sound: read on from there
			last, seen = v.last(), true
		case !anew:
			s.entry(run).forget()
			anew = true
		default:
			return v, err
		}
	}
}

func (s *Store) look(ctx context.Context, run string, f vfs.File, need uint64) (view, error) {
	w, err := s.witness(run)
	if err != nil {
		return view{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return view{}, err
	}
	e := s.entry(run)
	known, ok := e.known(s.fs, info)
	if ok && need > 0 && need <= known.last() {
		return view{runID: known.runID, first: known.first, offs: known.offs.first(known.last()), end: known.end}, nil
	}
	if !ok {
		return s.lookAnew(ctx, run, f, info, w)
	}
	more := known
	more.base, more.offs = known.last(), offsets{}
	if err := more.extend(ctx, f); err != nil {
		return view{}, err
	}
	v := view{runID: known.runID, first: known.first, end: more.end, size: more.size}
	if v.offs, ok = e.merge(s.fs, info, more); !ok { // forgotten meanwhile
		v.offs = known.offs.clone()
		for i := range more.offs.n {
			v.offs.add(more.offs.at(i))
		}
	}
	v.proven, v.damage = s.judge(run, more, w)
	return v, nil
}

// lookAnew reads a journal of which nothing is known.
func (s *Store) lookAnew(ctx context.Context, run string, f vfs.File, info fs.FileInfo, w witness) (view, error) {
	j, err := scanFirst(f)
	if err != nil {
		return view{}, s.noFirst(run, err, w)
	}
	if err := s.checkName(run, j.first); err != nil {
		return view{}, err
	}
	if err := j.extend(ctx, f); err != nil {
		return view{}, err
	}
	s.entry(run).replace(info, j)
	v := view{runID: j.runID, first: j.first, offs: j.offs.first(j.last()), end: j.end, size: j.size}
	v.proven, v.damage = s.judge(run, j, w)
	return v, nil
}

// checkName notices that a disk that folds case has given us another run's folder.
func (s *Store) checkName(run string, first state.Event) error {
	name := first.Data.(state.RunCreated).Name // decodeFirst has checked the type
	if name == run || !strings.EqualFold(name, run) {
		return nil // another name altogether: a person has renamed the folder
	}
	list, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Name() == run {
			return nil
		}
	}
	return fmt.Errorf("run %q: %w: this disk does not tell it from the run %q", run, state.ErrName, name)
}
