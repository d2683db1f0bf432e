package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// Open takes the run's lock and recovers its journal. See [state.Store].
func (s *Store) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	if o.Scope != (state.Scope{}) || o.Epoch != 0 {
		return nil, fmt.Errorf("filestore: open a part of a run: %w", state.ErrUnsupported)
	}
	there, err := s.exists(run)
	switch {
	case err != nil:
		return nil, err
	case there && o.Mode == state.Create:
		return nil, exists(run)
	case !there && o.Mode == state.OpenExisting:
		return nil, notFound(run)
	}
	lock, err := s.lockRun(ctx, run, !there)
	if err != nil {
		return nil, err
	}
	held, err := lock.Info()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	j, err := s.recover(ctx, run, o.Mode)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	j.lock, j.held = lock, held
	j.entry.mu.Lock()
	j.entry.writer = j
	j.entry.mu.Unlock()
	return j, nil
}

// exists tells, without the lock, whether there is a run, damaged ones included.
func (s *Store) exists(run string) (bool, error) {
	f, err := s.openJournal(run)
	if err == nil {
		_, err = scanFirst(f)
		if w, werr := s.witness(run); err != nil {
			err = errors.Join(s.noFirst(run, err, w), werr)
		}
		err = errors.Join(err, f.Close())
	}
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	if errors.Is(err, state.ErrDamaged) || errors.Is(err, state.ErrNewerFormat) {
		return true, nil // said again, under the lock
	}
	return err == nil, err
}

// lockRun takes the lock, making the folder first for a run that is not there yet.
func (s *Store) lockRun(ctx context.Context, run string, create bool) (vfs.Lock, error) {
	for tries := 0; ; tries++ {
		if create {
			if err := makeDirs(s.fs, s.RunDir(run)); err != nil {
				return nil, fmt.Errorf("create run %q: %w", run, err)
			}
		}
		l, err := s.lock(ctx, run)
		if errors.Is(err, fs.ErrNotExist) {
			if create && tries < 3 { // removed by another, just now
				continue
			}
			return nil, notFound(run)
		}
		return l, err
	}
}

// recover reads the journal, under the lock, and makes it ready for appending.
func (s *Store) recover(ctx context.Context, run string, mode state.Mode) (*journal, error) {
	j := &journal{store: s, run: run, entry: s.entry(run), lost: make(chan struct{}), bare: s.padding == 0}
	w, err := s.witness(run)
	if err != nil {
		return nil, err
	}
	f, err := s.fs.OpenFile(s.path(run, journalFile), os.O_RDWR, filePerm)
	var scan journalScan
	if err == nil {
		scan, err = scanFirst(f)
	}
	if err != nil {
		if f != nil {
			_ = f.Close() // only read
		}
		if err = s.noFirst(run, err, w); errors.Is(err, state.ErrNotFound) && mode != state.OpenExisting {
			j.entry.forget()
			return j, nil
		}
		return nil, err
	}
	j.file = f
	if err := s.recoverFile(ctx, j, scan, w, mode); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (s *Store) recoverFile(ctx context.Context, j *journal, scan journalScan, w witness, mode state.Mode) error {
	if err := s.checkName(j.run, scan.first); err != nil {
		return err
	}
	if mode == state.Create {
		return exists(j.run)
	}
	if err := scan.extend(ctx, j.file); err != nil {
		return err
	}
	proven, err := s.judge(j.run, scan, w)
	if err != nil {
		return err
	}
	if err := s.makeDurable(j, scan, proven); err != nil {
		return fmt.Errorf("recover run %q: %w", j.run, err)
	}
	if j.info, err = j.file.Stat(); err != nil {
		return err
	}
	j.runID, j.end = scan.runID, scan.end
	j.last.Store(scan.last())
	j.entry.replace(j.info, scan)
	if lost := scan.size - scan.end; lost > 0 {
		j.recovery = &state.Recovery{
			From: scan.last() + 1, BytesLost: lost,
			Where: fmt.Sprintf("%s, line %d", s.path(j.run, journalFile), scan.last()+1),
		}
	}
	return nil
}

// makeDurable writes the records after the proven point again, the same bytes, and syncs them. That they can be read
// does not mean that they are on the disk: after a sync that failed the system holds them in memory and counts them as
// clean, and no later sync would write them. From here on, records name them as proven.
func (s *Store) makeDurable(j *journal, scan journalScan, proven uint64) error {
	if proven == scan.last() {
		return nil
	}
	buf := make([]byte, min(1<<20, scan.end-scan.offs.at(proven)))
	for off := scan.offs.at(proven); off < scan.end; {
		part := buf[:min(int64(len(buf)), scan.end-off)]
		if _, err := j.file.ReadAt(part, off); err != nil {
			return err
		}
		if _, err := j.file.WriteAt(part, off); err != nil {
			return err
		}
		off += int64(len(part))
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	if proven > 0 {
		return nil
	}
	// Not even the first record was acknowledged, so the folders may not be on the disk either.
	if err := s.fs.SyncDir(s.RunDir(j.run)); err != nil {
		return err
	}
	return makeDirs(s.fs, s.RunDir(j.run))
}
