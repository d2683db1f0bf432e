package sqlitestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/internal/oslock"
)

// lockPath is the file that is locked by who writes a run. Two names that differ in nothing but their case must not share
// one on a disk that folds case, so the name is folded here, and which of its letters were large is told behind it.
func (s *Store) lockPath(run string) string {
	large := make([]byte, 0, len(run)/4+1) // four letters to a hexadecimal digit
	for i := range len(run) {
		if i%4 == 0 {
			large = append(large, 0)
		}
		if c := run[i]; 'A' <= c && c <= 'Z' {
			large[i/4] |= 1 << (i % 4)
		}
	}
	name := strings.ToLower(run)
	for i, bits := range large {
		large[i] = "0123456789abcdef"[bits]
	}
	if mask := strings.TrimRight(string(large), "0"); mask != "" {
		name += "=" + mask
	}
	return filepath.Join(s.lockDir(), name+".lock")
}

func (s *Store) lockDir() string { return s.file + ".locks" }

// lock takes the run's lock. The error is a *state.HeldError while another has it.
func (s *Store) lock(ctx context.Context, run string) (*oslock.Lock, error) {
	if err := os.Mkdir(s.lockDir(), dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("lock run %q: %w", run, err)
	}
	l, err := oslock.Acquire(ctx, run, func() (*oslock.Lock, error) { return tryLock(s.lockPath(run)) },
		func() (*state.Holder, error) { return s.holder(run) })
	if err != nil {
		var held *state.HeldError
		if errors.As(err, &held) {
			return nil, err
		}
		return nil, fmt.Errorf("lock run %q: %w", run, err)
	}
	host, _ := os.Hostname() // without a name the number must do
	text, err := json.Marshal(state.Holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		_ = l.SetText(text) // only the lock counts; a full disk must not keep a run from being repaired
	}
	return l, nil
}

func tryLock(path string) (*oslock.Lock, error) {
	l, err := oslock.Try(path)
	if err != nil {
		return nil, err
	}
	// The file may have been removed between its opening and its locking; then we hold a lock that guards nothing.
	mine, err := l.Info()
	if err == nil {
		var there fs.FileInfo
		there, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, there) {
			err = oslock.ErrBusy
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// dropLock gives up the lock of a run that is no more, and removes its file.
func (s *Store) dropLock(run string, l *oslock.Lock) error {
	if runtime.GOOS == "windows" { // there a file that somebody has open can't be removed, and that is the protection
		err := l.Close()
		_ = os.Remove(s.lockPath(run))
		return err
	}
	_ = os.Remove(s.lockPath(run)) // one that is left disturbs nobody
	return l.Close()
}

// holder tells who has the run's lock; nil: nobody.
func (s *Store) holder(run string) (*state.Holder, error) {
	return oslock.Holder(func() (bool, []byte, error) { return oslock.Probe(s.lockPath(run)) })
}
