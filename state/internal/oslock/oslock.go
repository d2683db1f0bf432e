// Package oslock locks files in the way of the operating system: a lock is gone the moment its process is.
package oslock

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

// ErrBusy is the error of [Try] while another holds the lock.
var ErrBusy = errors.New("locked by another")

// Lock is a lock that is held. The end of the process releases it as well.
type Lock struct{ l *flock.Flock }

// Try takes the exclusive lock of a file, creating the file, or fails with [ErrBusy]; it never waits. It locks with flock
// (LockFileEx on Windows), which excludes other openings in the same process, too.
func Try(name string) (*Lock, error) {
	l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrBusy
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Lock{l}, nil
}

// Probe tells whether the file is locked, and its text, by taking the shared lock for an instant. It creates nothing; no
// file: not locked.
func Probe(name string) (held bool, text []byte, err error) {
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

// Info is of the file that is locked, which may no longer be the one with that name.
func (l *Lock) Info() (fs.FileInfo, error) { return l.l.Stat() }

// SetText is what Probe shows to others.
func (l *Lock) SetText(text []byte) error {
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

// Close releases the lock and leaves the file.
func (l *Lock) Close() error { return l.l.Close() }
