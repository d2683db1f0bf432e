package filestore

import (
	"io/fs"
	"sync"
	"syscall"

	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// faultFS counts the operations on a file system, the real one, and lets one fail, as simfs does with its own. The
// operation that fails is not done; of a write that fails a part is.
type faultFS struct {
	fs    vfs.FS
	mu    sync.Mutex // guards what follows
	fault simfs.Fault
	ops   int
}

func (f *faultFS) inject(fault simfs.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.ops = fault, 0
}

// step counts an operation and says whether it fails, and how much of a write is done before.
func (f *faultFS) step() (part int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops++
	if f.fault.At > 0 && (f.ops == f.fault.At || f.fault.Sticky && f.ops > f.fault.At) {
		return f.fault.Part, f.fault.Err
	}
	return 0, nil
}

func (f *faultFS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	file, err := f.fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return faultFile{file, f}, nil
}

func (f *faultFS) Mkdir(name string, perm fs.FileMode) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.fs.Mkdir(name, perm)
}

func (f *faultFS) Rename(from, to string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.fs.Rename(from, to)
}

func (f *faultFS) Remove(name string) error {
	if _, err := f.step(); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

func (f *faultFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

func (f *faultFS) Stat(name string) (fs.FileInfo, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

func (f *faultFS) SameFile(a, b fs.FileInfo) bool { return f.fs.SameFile(a, b) }

func (f *faultFS) SyncDir(name string) error {
	_, err := f.step()
	return err // a kill needs no sync, and the disk is spared
}

func (f *faultFS) TryLock(name string) (vfs.Lock, error) {
	if _, err := f.step(); err != nil {
		return nil, err
	}
	return f.fs.TryLock(name)
}

func (f *faultFS) ProbeLock(name string) (bool, []byte, error) {
	if _, err := f.step(); err != nil {
		return false, nil, err
	}
	return f.fs.ProbeLock(name)
}

type faultFile struct {
	vfs.File
	f *faultFS
}

func (f faultFile) ReadAt(p []byte, off int64) (int, error) {
	if _, err := f.f.step(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f faultFile) WriteAt(p []byte, off int64) (int, error) {
	part, err := f.f.step()
	if err == nil {
		return f.File.WriteAt(p, off)
	}
	n, werr := f.File.WriteAt(p[:len(p)*part/100], off)
	if werr != nil {
		err = werr
	}
	return n, err
}

func (f faultFile) Stat() (fs.FileInfo, error) {
	if _, err := f.f.step(); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f faultFile) Truncate(size int64) error {
	if _, err := f.f.step(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f faultFile) Sync() error {
	_, err := f.f.step()
	return err
}

func (f faultFile) SyncData() error { return f.Sync() }

// faults are the errors that a disk or an administrator brings about. A short write is a write of which a part was done.
var faults = []error{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EROFS, syscall.EDQUOT}
