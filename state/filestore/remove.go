package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// Remove archives a run below .archive, or deletes it, under its lock. See [state.Store].
func (s *Store) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	target, err := s.removeTarget(run, o)
	if err != nil {
		return err
	}
	if there, err := s.exists(run); err != nil {
		return err
	} else if !there {
		return notFound(run)
	}
	lock, err := s.lockRun(ctx, run, false)
	if err != nil {
		return err
	}
	there, err := s.exists(run)
	if err == nil && !there {
		err = notFound(run)
	}
	if err == nil && o.Check != nil {
		err = o.Check(ctx)
	}
	if err == nil {
		target, err = s.removeTarget(run, o) // another may have taken the name while we waited
	}
	if err == nil && runtime.GOOS == "windows" {
		err = lock.Close() // a folder with an open file can't be renamed there
	}
	if err == nil {
		err = s.moveAway(run, target)
	}
	if err = errors.Join(err, lock.Close()); err != nil {
		return err
	}
	s.entry(run).forget()
	if o.Archive {
		return nil
	}
	return s.emptyTrash()
}

// removeTarget is where the run's folder goes, in one rename, so that the run is there or gone.
func (s *Store) removeTarget(run string, o state.RemoveOptions) (string, error) {
	if !o.Archive {
		return s.stamped(filepath.Join(s.dir, trashPrefix+run+"-"))
	}
	begin := filepath.Join(s.dir, archiveDir, run+"-")
	if o.Suffix == "" {
		return s.stamped(begin)
	}
	if err := state.ValidName("a" + o.Suffix); err != nil {
		return "", fmt.Errorf("archive run %q with suffix %q: %w", run, o.Suffix, state.ErrName)
	}
	target := begin + o.Suffix
	if _, err := s.fs.Stat(target); err == nil {
		return "", fmt.Errorf("archive run %q as %s: %w", run, filepath.Base(target), state.ErrExists)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return target, nil
}

func (s *Store) moveAway(run, target string) error {
	parent := filepath.Dir(target)
	if parent != s.dir {
		if err := makeDirs(s.fs, parent); err != nil {
			return err
		}
	}
	if err := s.fs.Rename(s.RunDir(run), target); err != nil {
		return err
	}
	// The new place first: a run that is on the disk twice is better than one that is there no more.
	if parent != s.dir {
		if err := s.fs.SyncDir(parent); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.dir)
}

// emptyTrash removes what was deleted, also by processes that died over it.
func (s *Store) emptyTrash() error {
	list, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), trashPrefix) {
			continue
		}
		err := removeAll(s.fs, filepath.Join(s.dir, e.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // another process may be at it
			return fmt.Errorf("deleted, but remains are left: %w", err)
		}
	}
	return nil
}
