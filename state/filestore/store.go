package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// The names inside a run's folder, and beside the runs.
const (
	journalFile    = "journal.jsonl"
	checkpointFile = "checkpoint.json"
	staleFile      = "checkpoint.stale" // exists = the checkpoint is older than a repair, so no state to load
	lockFile       = "lock"
	pauseFile      = "pause"
	requestsDir    = "requests"
	archiveDir     = ".archive"
	trashPrefix    = ".deleted-"

	filePerm = 0o600
	dirPerm  = 0o700

	stampLayout = "20060102T150405.000000000Z" // sorts by time, and is a file name everywhere
)

// Store keeps runs in the folders of one directory. It is safe for concurrent use, and so are several stores and
// processes on one directory. It implements [state.Store], [state.Snapshots], [state.Inbox] and [state.Repairer].
type Store struct {
	fs      vfs.FS
	dir     string
	padding int64 // the least that a journal gets; zero: none
	now     func() time.Time
	random  func() uint64

	mu   sync.Mutex        // guards runs
	runs map[string]*entry // what is known of each run's files; made on first use, never removed

	snapshots sync.Mutex // held while a checkpoint is written, because its temporary file has a fixed name
}

var (
	_ state.Store     = (*Store)(nil)
	_ state.Snapshots = (*Store)(nil)
	_ state.Inbox     = (*Store)(nil)
	_ state.Repairer  = (*Store)(nil)
)

// Options of [OpenWith].
type Options struct {
	Sync state.Sync // whether an acknowledged append survives a power cut. Defaults to state.SyncAlways.
}

// Open is OpenWith with the default options.
func Open(dir string) (*Store, error) { return OpenWith(dir, Options{}) }

// OpenWith returns the store of the runs in dir, which need not exist: nothing is created before a run is. With
// [state.SyncNone] neither files nor directories are synced.
func OpenWith(dir string, o Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("filestore: the directory's name is empty")
	}
	abs, err := filepath.Abs(dir) // so that a later change of the working directory moves nothing
	if err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("filestore: %s is not a directory", abs)
	}
	if o.Sync == state.SyncNone {
		s := open(unsynced{vfs.OS{}}, abs)
		s.padding = 0 // it makes nothing but a sync cheaper
		return s, nil
	}
	return open(vfs.OS{}, abs), nil
}

func open(fsys vfs.FS, dir string) *Store {
	return &Store{
		fs: fsys, dir: dir, padding: minPadding, now: time.Now, random: rand.Uint64, runs: map[string]*entry{},
	}
}

// Dir is the absolute path of the store's directory.
func (s *Store) Dir() string { return s.dir }

// RunDir is the absolute path of a run's folder, which is the place for files made from its results. It does not check
// that the run exists.
func (s *Store) RunDir(run string) string { return filepath.Join(s.dir, run) }

func (s *Store) path(run, file string) string { return filepath.Join(s.dir, run, file) }

func (s *Store) entry(run string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.runs[run]
	if e == nil {
		e = &entry{}
		s.runs[run] = e
	}
	return e
}

// begin is what every method does first.
func begin(ctx context.Context, run string) error {
	if err := state.ValidName(run); err != nil {
		return err
	}
	return ctx.Err()
}

func notFound(run string) error { return fmt.Errorf("run %q: %w", run, state.ErrNotFound) }

func exists(run string) error { return fmt.Errorf("run %q: %w", run, state.ErrExists) }

// stamp is the time as a part of a file's name. Names order nothing: a clock may jump.
func (s *Store) stamp() string { return s.now().UTC().Format(stampLayout) }

// stamped is a path that nothing has, beginning with begin and ending with the time. Another one could only have come
// there at the same nanosecond, or by a clock that jumped back.
func (s *Store) stamped(begin string) (string, error) {
	path := begin + s.stamp()
	for n := 2; ; n++ {
		_, err := s.fs.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		path = fmt.Sprintf("%s%s-%d", begin, s.stamp(), n)
	}
}

func (s *Store) randomName() string { return strconv.FormatUint(s.random(), 36) }

// makeDirs creates a directory and what leads to it. Each one's entry is on the disk before anything is created in it,
// so that after a crash only the last that exists can be one that is not on the disk: that one is synced again.
func makeDirs(fsys vfs.FS, dir string) error {
	parent := filepath.Dir(dir)
	if parent == dir {
		return nil
	}
	info, err := fsys.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case err == nil:
		// The parent may be one that we are not allowed to read; then we did not create this entry.
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := makeDirs(fsys, parent); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

// removeAll removes a folder and everything in it.
func removeAll(fsys vfs.FS, path string) error {
	list, err := fsys.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		name := filepath.Join(path, e.Name())
		if e.IsDir() {
			err = removeAll(fsys, name)
		} else {
			err = fsys.Remove(name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fsys.Remove(path)
}
