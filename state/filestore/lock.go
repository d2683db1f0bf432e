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

// A reader that asks for the holder takes the lock for microseconds, and a process that was just killed may still be
// dying: a writer tries again for a while before it reports a holder.
const (
	lockWait  = 250 * time.Millisecond
	lockPoll  = 5 * time.Millisecond
	lockTries = 3 // waits, when nobody is found to hold it after one
)

// lock takes the run's lock. The error is a *state.HeldError while another has it, and fs.ErrNotExist without a folder.
func (s *Store) lock(ctx context.Context, run string) (vfs.Lock, error) {
	for tries := 1; ; tries++ {
		l, err := s.lockWithin(ctx, run, lockWait)
		if !errors.Is(err, vfs.ErrBusy) {
			return l, err
		}
		// A lock whose holder has just gone is free; one whose holder can't be named was taken just now.
		h, err := s.holder(run)
		if err != nil || h != nil && h.PID != 0 || tries == lockTries {
			return nil, heldError(run, h)
		}
	}
}

// lockWithin tries until the time is over, which gives vfs.ErrBusy.
func (s *Store) lockWithin(ctx context.Context, run string, wait time.Duration) (vfs.Lock, error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	for {
		l, err := s.tryLock(run)
		if !errors.Is(err, vfs.ErrBusy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			return nil, err
		case <-poll.C:
		}
	}
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

// heldError names the holder, if it is known.
func heldError(run string, h *state.Holder) error {
	e := &state.HeldError{Run: run}
	if h != nil {
		e.PID, e.Host, e.Since = h.PID, h.Host, h.Since
	}
	return e
}
