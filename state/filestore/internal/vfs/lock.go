package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// lockTextSize is the size to which the text of a lock is padded, so that a shorter text covers a longer one: the file
// is not truncated, because on Windows a locked file can't be.
const lockTextSize = 256

// TryLock locks with flock (LockFileEx on Windows), which excludes other openings in the same process, too.
func (OS) TryLock(name string) (Lock, error) {
	l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return osLock{l}, nil
}

// ProbeLock takes the shared lock for an instant.
func (OS) ProbeLock(name string) (held bool, text []byte, err error) {
	l := flock.New(name, flock.SetFlag(os.O_RDONLY))
	ok, err := l.TryRLock()
	err = errors.Join(err, l.Close())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil, nil
	case err != nil:
		return false, nil, err
	case ok:
		return false, nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return true, nil, nil // the lock counts, not its text
	}
	defer func() { _ = f.Close() }() // only read
	text = make([]byte, lockTextSize)
	n, err := f.ReadAt(text, lockTextAt)
	if err != nil && !errors.Is(err, io.EOF) {
		n = 0
	}
	return true, bytes.TrimSpace(text[:n]), nil
}

type osLock struct{ l *flock.Flock }

func (l osLock) Info() (fs.FileInfo, error) { return l.l.Stat() }

func (l osLock) SetText(text []byte) error {
	padded := bytes.Repeat([]byte{' '}, lockTextSize)
	padded[lockTextSize-1] = '\n'
	copy(padded[:lockTextSize-1], text)
	f, err := os.OpenFile(l.l.Path(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(padded, lockTextAt)
	return errors.Join(err, f.Close())
}

func (l osLock) Close() error { return l.l.Close() }
