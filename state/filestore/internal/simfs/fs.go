// Package simfs is a simulated file system that loses power. It keeps what a program sees apart from what is on the
// disk, and [FS.Crash] gives one of the images that a disk may hold afterwards:
//
//   - Writes that were not synced survive in whole, in part, in any order of their sectors, or not at all.
//   - A file that is new, renamed or removed is so on the disk only after its directory was synced, or by luck.
//   - A sync that failed leaves its data off the disk for good, although the program can still read it: the system
//     counts those pages as clean. Only writing them again helps.
//
// [FS.Inject] makes the n-th operation fail. Everything is deterministic, given the seeds.
package simfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// FS is a simulated file system. Its root "/" exists. Permissions are ignored.
type FS struct {
	mu      sync.Mutex // guards everything below, the nodes included
	root    *node
	pending []dirOp // changes of directories that are not on the disk yet, oldest first
	ops     int
	fault   Fault
	off     bool // no power
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS { return &FS{root: newDir()} }

// node is a file or a directory.
type node struct {
	// of a directory: as the program sees it, and as it is on the disk
	entries, durable map[string]*node

	// of a file: what the program sees, what is on the disk, and the changes between the two that a sync would write
	data, disk []byte
	dirty      []change
	locked     bool
}

func newDir() *node { return &node{entries: map[string]*node{}, durable: map[string]*node{}} }

func (n *node) isDir() bool { return n.entries != nil }

// change is a write at an offset, or a truncation.
type change struct {
	off      int64
	data     []byte
	truncate bool
}

// dirOp is a change of one or two directories that is atomic by itself.
type dirOp struct {
	dir      *node // gets name → node; nil node: name is removed
	name     string
	node     *node
	from     *node // of a rename: loses fromName
	fromName string
}

func (o dirOp) touches(d *node) bool { return o.dir == d || o.from == d }

func (o dirOp) apply(of func(*node) map[string]*node) {
	if o.from != nil {
		delete(of(o.from), o.fromName)
	}
	if o.node == nil {
		delete(of(o.dir), o.name)
	} else {
		of(o.dir)[o.name] = o.node
	}
}

func seen(n *node) map[string]*node   { return n.entries }
func onDisk(n *node) map[string]*node { return n.durable }

// change performs a change of directories, which is not yet on the disk.
func (f *FS) change(o dirOp) {
	o.apply(seen)
	f.pending = append(f.pending, o)
}

func (f *FS) lookup(path string) (*node, error) {
	n := f.root
	for part := range strings.SplitSeq(strings.Trim(filepath.ToSlash(filepath.Clean(path)), "/"), "/") {
		if part == "" || part == "." {
			continue
		}
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		next, ok := n.entries[part]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

// parent finds the directory that holds, or could hold, the path.
func (f *FS) parent(path string) (*node, string, error) {
	dir, err := f.lookup(filepath.Dir(path))
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	return dir, filepath.Base(path), err
}

func fail(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}

// OpenFile opens a file for reading and writing, whatever the flag says; it knows O_CREATE, O_EXCL and O_TRUNC.
func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return nil, fail("open", name, err)
	}
	n, err := f.open(name, flag)
	if err != nil {
		return nil, fail("open", name, err)
	}
	return &file{fs: f, node: n, name: name}, nil
}

func (f *FS) open(name string, flag int) (*node, error) {
	dir, base, err := f.parent(name)
	if err != nil {
		return nil, err
	}
	n, ok := dir.entries[base]
	switch {
	case ok && flag&os.O_EXCL != 0:
		return nil, fs.ErrExist
	case ok && n.isDir() && flag != os.O_RDONLY:
		return nil, syscall.EISDIR
	case !ok && flag&os.O_CREATE == 0:
		return nil, fs.ErrNotExist
	case !ok:
		n = &node{}
		f.change(dirOp{dir: dir, name: base, node: n})
	case flag&os.O_TRUNC != 0 && len(n.data) > 0:
		n.truncate(0)
	}
	return n, nil
}

// Mkdir makes a directory.
func (f *FS) Mkdir(name string, _ fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return fail("mkdir", name, err)
	}
	dir, base, err := f.parent(name)
	if err != nil {
		return fail("mkdir", name, err)
	}
	if dir.entries[base] != nil {
		return fail("mkdir", name, fs.ErrExist)
	}
	f.change(dirOp{dir: dir, name: base, node: newDir()})
	return nil
}

// Rename moves a file or directory, replacing a file that has the new name.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return fail("rename", from, err)
	}
	fromDir, fromBase, err := f.parent(from)
	if err != nil {
		return fail("rename", from, err)
	}
	toDir, toBase, err := f.parent(to)
	if err != nil {
		return fail("rename", to, err)
	}
	n := fromDir.entries[fromBase]
	if n == nil {
		return fail("rename", from, fs.ErrNotExist)
	}
	if old := toDir.entries[toBase]; old != nil && old.isDir() {
		return fail("rename", to, fs.ErrExist)
	}
	f.change(dirOp{dir: toDir, name: toBase, node: n, from: fromDir, fromName: fromBase})
	return nil
}

// Remove removes a file or an empty directory.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return fail("remove", name, err)
	}
	dir, base, err := f.parent(name)
	if err != nil {
		return fail("remove", name, err)
	}
	n := dir.entries[base]
	if n == nil {
		return fail("remove", name, fs.ErrNotExist)
	}
	if len(n.entries) > 0 {
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	f.change(dirOp{dir: dir, name: base})
	return nil
}

// SyncDir puts the entries of a directory on the disk; the other directory of a rename comes along.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return fail("sync", name, err)
	}
	d, err := f.lookup(name)
	if err != nil {
		return fail("sync", name, err)
	}
	f.syncDir(d)
	return nil
}

func (f *FS) syncDir(d *node) {
	want := map[*node]bool{d: true}
	last := -1
	for i, o := range f.pending {
		if o.touches(d) {
			last = i
		}
	}
	// An operation drags those before it along that touch the same directories: their order is kept.
	take := make([]bool, len(f.pending))
	for i := last; i >= 0; i-- {
		if o := f.pending[i]; want[o.dir] || o.from != nil && want[o.from] {
			take[i] = true
			want[o.dir] = true
			if o.from != nil {
				want[o.from] = true
			}
		}
	}
	var rest []dirOp
	for i, o := range f.pending {
		if take[i] {
			o.apply(onDisk)
		} else {
			rest = append(rest, o)
		}
	}
	f.pending = rest
}

// ReadDir lists a directory.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return nil, fail("readdir", name, err)
	}
	d, err := f.lookup(name)
	if err == nil && !d.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, fail("readdir", name, err)
	}
	var list []fs.DirEntry
	for base, n := range d.entries {
		list = append(list, fs.FileInfoToDirEntry(n.info(base)))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Stat describes a file or directory.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return nil, fail("stat", name, err)
	}
	n, err := f.lookup(name)
	if err != nil {
		return nil, fail("stat", name, err)
	}
	return n.info(filepath.Base(name)), nil
}

// SameFile tells whether two descriptions are of one file.
func (f *FS) SameFile(a, b fs.FileInfo) bool {
	x, ok := a.(info)
	y, ok2 := b.(info)
	return ok && ok2 && x.node == y.node
}
