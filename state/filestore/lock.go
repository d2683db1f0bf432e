package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
	"github.com/dogear-go/dogear/state/internal/oslock"
)

// lock takes the run's lock. The error is a *state.HeldError while another has it, and fs.ErrNotExist without a folder.
func (s *Store) lock(ctx context.Context, run string) (vfs.Lock, error) {
	return oslock.Acquire(ctx, run, func() (vfs.Lock, error) { return s.tryLock(run) },
		func() (*state.Holder, error) { return s.holder(run) })
}

func (s *Store) tryLock(run string) (vfs.Lock, error) {
	path := s.path(run, lockFile)
	l, err := s.fs.TryLock(path)
	if err != nil {
		return nil, err
	}
	// The folder may have been archived, or deleted, between the opening of the file and its locking; then we hold a
	// lock that no longer guards the run.
	mine, err := l.Info()
	if err == nil {
		var there fs.FileInfo
		there, err = s.fs.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !s.fs.SameFile(mine, there) {
			err = vfs.ErrBusy
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	host, _ := os.Hostname() // without a name the number must do
	text, err := json.Marshal(state.Holder{PID: os.Getpid(), Host: host, Since: s.now().UTC().Truncate(time.Second)})
	if err == nil {
		_ = l.SetText(text) // only the lock counts; a full disk must not keep a run from being repaired
	}
	return l, nil
}

// holder tells who has the run's lock; nil: nobody.
func (s *Store) holder(run string) (*state.Holder, error) {
	return oslock.Holder(func() (bool, []byte, error) { return s.fs.ProbeLock(s.path(run, lockFile)) })
}
