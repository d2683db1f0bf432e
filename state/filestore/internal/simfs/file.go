package simfs

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

type file struct {
	fs     *FS
	node   *node
	name   string
	closed bool
}

func (f *file) begin(op string) error {
	if f.closed {
		return fail(op, f.name, fs.ErrClosed)
	}
	return fail(op, f.name, f.fs.step())
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.begin("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes; a write that fails may have written a part before it did.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.begin("write")
	if f.closed || err != nil && !f.fs.fault.hits(f.fs.ops) {
		return 0, err
	}
	if err != nil {
		p = p[:len(p)*f.fs.fault.Part/100]
	}
	if len(p) > 0 {
		c := change{off: off, data: slices.Clone(p)}
		f.node.data = c.apply(f.node.data)
		f.node.dirty = append(f.node.dirty, c)
	}
	return len(p), err
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.begin("truncate"); err != nil {
		return err
	}
	f.node.truncate(size)
	return nil
}

func (n *node) truncate(size int64) {
	c := change{off: size, truncate: true}
	n.data = c.apply(n.data)
	n.dirty = append(n.dirty, c)
}

// apply returns the bytes after the change.
func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if c.truncate && end < int64(len(b)) {
		return slices.Clip(b[:end])
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[c.off:], c.data)
	return b
}

func (f *file) Sync() error { return f.sync("fsync") }

func (f *file) SyncData() error { return f.sync("fdatasync") }

func (f *file) sync(op string) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.begin(op); err != nil {
		if f.fs.fault.hits(f.fs.ops) && !f.fs.off {
			f.node.dirty = nil // counted as clean, and never on the disk
		}
		return err
	}
	for _, c := range f.node.dirty {
		f.node.disk = c.apply(f.node.disk)
	}
	f.node.dirty = nil
	return nil
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.begin("stat"); err != nil {
		return nil, err
	}
	return f.node.info(f.name), nil
}

// Close is no operation of its own: nothing depends on whether it succeeds.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}

// info describes a node as it was when asked.
type info struct {
	node *node
	name string
	size int64
}

func (n *node) info(name string) info { return info{n, name, int64(len(n.data))} }

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.node.isDir() }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

type lock struct {
	fs   *FS
	node *node
	open bool
}

// TryLock locks a file within this file system.
func (f *FS) TryLock(name string) (vfs.Lock, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return nil, fail("lock", name, err)
	}
	n, err := f.open(name, os.O_CREATE)
	if err != nil {
		return nil, fail("lock", name, err)
	}
	if n.locked {
		return nil, vfs.ErrBusy
	}
	n.locked = true
	return &lock{f, n, true}, nil
}

// ProbeLock tells whether a file is locked.
func (f *FS) ProbeLock(name string) (held bool, text []byte, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return false, nil, fail("lock", name, err)
	}
	n, err := f.lookup(name)
	if err != nil {
		return false, nil, nil
	}
	return n.locked, slices.Clone(n.data), nil
}

func (l *lock) Info() (fs.FileInfo, error) {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if err := l.fs.step(); err != nil {
		return nil, err
	}
	return l.node.info("lock"), nil
}

func (l *lock) SetText(text []byte) error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if err := l.fs.step(); err != nil {
		return err
	}
	l.node.truncate(0)
	c := change{data: slices.Clone(text)}
	l.node.data = c.apply(l.node.data)
	l.node.dirty = append(l.node.dirty, c)
	return nil
}

func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.open {
		l.node.locked, l.open = false, false
	}
	return nil
}
