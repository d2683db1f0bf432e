// Package vfs is the narrow layer between filestore and the disk: exactly the operations that filestore uses, so that
// a simulated disk can lose power between any two of them.
package vfs

import (
	"io"
	"io/fs"

	"github.com/dogear-go/dogear/state/internal/oslock"
)

// ErrBusy is the error of [FS.TryLock] while another holds the lock.
var ErrBusy = oslock.ErrBusy

// FS is a file system. Paths are those of package os. Its methods are safe for concurrent use.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error // replaces to, atomically
	Remove(name string) error
	ReadDir(name string) ([]fs.DirEntry, error) // sorted by name
	Stat(name string) (fs.FileInfo, error)
	SameFile(a, b fs.FileInfo) bool

	// SyncDir makes the directory's entries survive a power cut. Creating, renaming and removing do not by themselves.
	SyncDir(name string) error

	// TryLock takes the exclusive lock of a file, creating the file, or fails with ErrBusy; it never waits.
	TryLock(name string) (Lock, error)

	// ProbeLock tells whether the file is locked, and its text. It creates nothing; no file: not locked.
	ProbeLock(name string) (held bool, text []byte, err error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error     // data and all metadata
	SyncData() error // data and the metadata that is needed to read it back
}

// Lock is a lock that is held. The end of the process releases it as well.
type Lock interface {
	Info() (fs.FileInfo, error) // of the file that is locked, which may no longer be the one with that name
	SetText(text []byte) error  // what ProbeLock shows to others
	Close() error               // releases the lock and leaves the file
}
