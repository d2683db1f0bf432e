// Package simvfs is a disk in memory below SQLite, for tests. It models what a power cut may leave of it: what was not
// synced is there or not, in any order, torn at any byte; a new file may lack its name, and a deleted one may have it
// still. And it fails any operation.
package simvfs

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// ErrPowerOff is the error of every operation from the power cut on.
var ErrPowerOff = errors.New("simvfs: the power is off")

// Fault is what goes wrong.
type Fault struct {
	At     int   // the operation, from 1; zero: none
	Err    error // ErrPowerOff: and every operation after it
	Sticky bool  // every operation after it fails as well
	Syncs  bool  // At counts nothing but syncs
	Seed   uint64
}

// FS is one life of a disk: from the start of the machine to a power cut. It implements [vfs.VFS] and is safe for
// concurrent use.
type FS struct {
	shm string // a folder of the real disk, for the shared memory of this life

	mu      sync.Mutex // guards what follows, the inodes included
	names   map[string]*inode
	durable map[string]*inode // names that are on the disk
	ops     int
	syncs   int
	fault   Fault
}

// inode is a file. It has two contents: what is read, and what is on the disk; writes lead from the second to the first,
// except for those that a failed sync has lost.
type inode struct {
	cache, disk []byte
	writes      []write
	locks       map[*file]vfs.LockLevel
}

// write is an unsynced write, or with cut a truncation to off.
type write struct {
	off  int64
	data []byte
	cut  bool
}

// New returns an empty disk. Its shared memory lies in a folder of the real disk.
func New(shm string) *FS {
	return &FS{shm: shm, names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Inject sets what goes wrong from now on; operations are counted anew.
func (fs *FS) Inject(f Fault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.fault, fs.ops = f, 0
}

// Ops is the number of operations since Inject: opening, writing, truncating, syncing and deleting.
func (fs *FS) Ops() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.ops
}

// Syncs is the number of files that were synced.
func (fs *FS) Syncs() int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.syncs
}

// Create makes an empty file, on the disk.
func (fs *FS) Create(name string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.names[name] = newInode(nil)
	fs.durable[name] = fs.names[name]
}

func newInode(data []byte) *inode {
	return &inode{cache: slices.Clone(data), disk: slices.Clone(data), locks: map[*file]vfs.LockLevel{}}
}

// Clone returns a disk with what is read from this one now, all of it on the disk: what the death of a process leaves.
func (fs *FS) Clone(shm string) *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	next := New(shm)
	for name, n := range fs.names {
		next.names[name] = newInode(n.cache)
		next.durable[name] = next.names[name]
	}
	return next
}

// Kill returns a disk as the death of the process leaves it: everything is read as before, and what was not synced still
// is not on the disk.
func (fs *FS) Kill(shm string) *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	next := New(shm)
	seen := map[*inode]*inode{}
	take := func(n *inode) *inode {
		if seen[n] == nil {
			seen[n] = newInode(nil)
			seen[n].cache, seen[n].disk, seen[n].writes = slices.Clone(n.cache), slices.Clone(n.disk), slices.Clone(n.writes)
		}
		return seen[n]
	}
	for name, n := range fs.names {
		next.names[name] = take(n)
	}
	for name, n := range fs.durable {
		next.durable[name] = take(n)
	}
	return next
}

// Crash returns one of the disks that a power cut may leave.
func (fs *FS) Crash(shm string, seed uint64) *FS {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	rng := rand.New(rand.NewPCG(seed, 7))
	next := New(shm)
	names := maps.Clone(fs.durable)
	for name, n := range fs.names {
		if names[name] != n && rng.IntN(2) == 0 {
			names[name] = n
		}
	}
	for name := range fs.durable {
		if fs.names[name] == nil && rng.IntN(2) == 0 {
			delete(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) { // in an order that the seed gives again
		next.names[name] = newInode(names[name].torn(rng))
		next.durable[name] = next.names[name]
	}
	return next
}

// torn is a content that the disk may have: each unsynced write is there, in part, or not.
func (n *inode) torn(rng *rand.Rand) []byte {
	data := slices.Clone(n.disk)
	mode := rng.IntN(4) // often all is there but the last, or nothing is
	for i, w := range n.writes {
		switch {
		case mode == 0, mode == 1 && i == len(n.writes)-1, mode > 1 && rng.IntN(3) == 0:
			if part := rng.IntN(len(w.data) + 1); mode > 0 && !w.cut && rng.IntN(2) == 0 {
				from := rng.IntN(part + 1)
				data = write{off: w.off + int64(from), data: w.data[from:part]}.apply(data)
			}
		default:
			data = w.apply(data)
		}
	}
	return data
}

func (w write) apply(data []byte) []byte {
	if w.cut {
		return resize(data, w.off)
	}
	if len(w.data) == 0 {
		return data
	}
	if end := w.off + int64(len(w.data)); end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[w.off:], w.data)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// step counts an operation and says whether it fails. The caller holds mu.
func (fs *FS) step(sync bool) error {
	if fs.fault.Syncs && !sync {
		return nil
	}
	fs.ops++
	f := fs.fault
	switch {
	case f.At == 0 || fs.ops < f.At:
		return nil
	case fs.ops == f.At || f.Sticky || errors.Is(f.Err, ErrPowerOff):
		return f.Err
	}
	return nil
}

// Off tells whether the power has been cut.
func (fs *FS) Off() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.off()
}

func (fs *FS) off() bool {
	return fs.fault.At != 0 && fs.ops >= fs.fault.At && errors.Is(fs.fault.Err, ErrPowerOff)
}

func (fs *FS) rng() *rand.Rand { return rand.New(rand.NewPCG(fs.fault.Seed, uint64(fs.ops))) }

// Open opens a file. See [vfs.VFS].
func (fs *FS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step(false); err != nil {
		return nil, flags, err
	}
	n := fs.names[name]
	if n == nil {
		if flags&vfs.OPEN_CREATE == 0 {
			return nil, flags, os.ErrNotExist
		}
		n = newInode(nil)
		fs.names[name] = n
	}
	f := &file{fs: fs, inode: n, shm: vfs.NewSharedMemory(filepath.Join(fs.shm, filepath.Base(name)+"-shm"), flags)}
	// As the driver does it: the first sync of a log or journal that may be new syncs its folder.
	f.dir = flags&vfs.OPEN_CREATE != 0 && flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) != 0
	return f, flags, nil
}

// Delete deletes a file. See [vfs.VFS].
func (fs *FS) Delete(name string, syncDir bool) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if err := fs.step(false); err != nil {
		return err
	}
	if fs.names[name] == nil {
		return sqlite3.IOERR_DELETE_NOENT
	}
	delete(fs.names, name)
	if syncDir {
		fs.durable = maps.Clone(fs.names)
	}
	return nil
}

// Access tells whether a file is there. See [vfs.VFS].
func (fs *FS) Access(name string, _ vfs.AccessFlag) (bool, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.off() {
		return false, ErrPowerOff
	}
	return fs.names[name] != nil, nil
}

// FullPathname leaves the name as it is. See [vfs.VFS].
func (fs *FS) FullPathname(name string) (string, error) { return name, nil }

// Bytes is what is read of a file now.
func (fs *FS) Bytes(name string) []byte {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if n := fs.names[name]; n != nil {
		return slices.Clone(n.cache)
	}
	return nil
}

// file is an open file. One goroutine uses it.
type file struct {
	fs    *FS
	inode *inode
	shm   vfs.SharedMemory
	dir   bool
}

// SharedMemory is of the real disk. See [vfs.FileSharedMemory].
func (f *file) SharedMemory() vfs.SharedMemory { return f.shm }

func (f *file) Close() error {
	f.fs.mu.Lock()
	delete(f.inode.locks, f)
	f.fs.mu.Unlock()
	if f.shm != nil {
		return f.shm.Close()
	}
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.off() {
		return 0, ErrPowerOff
	}
	if off >= int64(len(f.inode.cache)) {
		return 0, io.EOF
	}
	n := copy(p, f.inode.cache[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err, part := f.fs.step(false), len(p)
	if err != nil {
		if f.fs.ops > f.fs.fault.At {
			return 0, err
		}
		part = f.fs.rng().IntN(len(p) + 1)
	}
	f.inode.do(write{off: off, data: slices.Clone(p[:part])})
	return part, err
}

func (n *inode) do(w write) {
	n.cache = w.apply(n.cache)
	n.writes = append(n.writes, w)
}

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(false); err != nil {
		return err
	}
	f.inode.do(write{off: size, cut: true})
	return nil
}

// Sync puts the file on the disk. One that fails has done so in part, and the rest is never tried again: the system
// counts it as done.
func (f *file) Sync(vfs.SyncFlag) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(true); err != nil {
		if !errors.Is(err, ErrPowerOff) {
			f.inode.disk, f.inode.writes = f.inode.torn(f.fs.rng()), nil
		}
		if errors.Is(err, sqlite3.FULL) {
			err = syscall.ENOSPC // the driver makes a full disk its own error where it writes, not where it syncs
		}
		return err
	}
	f.fs.syncs++
	for _, w := range f.inode.writes {
		f.inode.disk = w.apply(f.inode.disk)
	}
	f.inode.writes = nil
	if f.dir {
		f.dir = false
		f.fs.durable = maps.Clone(f.fs.names)
	}
	return nil
}

func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.off() {
		return 0, ErrPowerOff
	}
	return int64(len(f.inode.cache)), nil
}

// Lock takes a lock of the main database. See [vfs.File].
func (f *file) Lock(level vfs.LockLevel) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	highest, others := vfs.LOCK_NONE, 0
	for g, l := range f.inode.locks {
		if g != f && l > vfs.LOCK_NONE {
			highest, others = max(highest, l), others+1
		}
	}
	switch {
	case level <= f.inode.locks[f]:
		return nil
	case level == vfs.LOCK_SHARED && highest >= vfs.LOCK_PENDING,
		level >= vfs.LOCK_RESERVED && highest >= vfs.LOCK_RESERVED,
		level == vfs.LOCK_EXCLUSIVE && others > 0:
		return sqlite3.BUSY
	}
	f.inode.locks[f] = level
	return nil
}

// Unlock lowers a lock. See [vfs.File].
func (f *file) Unlock(level vfs.LockLevel) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if level < f.inode.locks[f] {
		f.inode.locks[f] = level
	}
	return nil
}

// CheckReservedLock tells whether anybody is about to write. See [vfs.File].
func (f *file) CheckReservedLock() (bool, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	for _, l := range f.inode.locks {
		if l >= vfs.LOCK_RESERVED {
			return true, nil
		}
	}
	return false, nil
}

// LockState is the file's lock. See [vfs.FileLockState].
func (f *file) LockState() vfs.LockLevel {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.inode.locks[f]
}

func (f *file) SectorSize() int { return 4096 }

func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return vfs.IOCAP_POWERSAFE_OVERWRITE | vfs.IOCAP_SUBPAGE_READ
}
