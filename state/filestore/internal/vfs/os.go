package vfs

import (
	"io/fs"
	"os"

	"github.com/dogear-go/dogear/state/internal/oslock"
)

// OS is the real file system.
type OS struct{}

var _ FS = OS{}

// OpenFile is os.OpenFile.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Mkdir is os.Mkdir.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// Rename is os.Rename.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove is os.Remove.
func (OS) Remove(name string) error { return os.Remove(name) }

// ReadDir is os.ReadDir.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat is os.Stat.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SameFile is os.SameFile.
func (OS) SameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// SyncDir opens the directory and syncs it.
func (OS) SyncDir(name string) error { return syncDir(name) }

// TryLock is oslock.Try.
func (OS) TryLock(name string) (Lock, error) {
	l, err := oslock.Try(name)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ProbeLock is oslock.Probe.
func (OS) ProbeLock(name string) (held bool, text []byte, err error) { return oslock.Probe(name) }

type osFile struct{ *os.File }

func (f osFile) SyncData() error { return syncData(f.File) }
