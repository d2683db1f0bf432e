package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/dogear-go/dogear/state"
)

const (
	filePerm = 0o600
	dirPerm  = 0o700

	stampLayout = "20060102T150405.000000000Z" // sorts by time, and may be part of a run's name
)

// ErrClosed is what a store says after [Store.Close].
var ErrClosed = errors.New("the store was closed")

// Options of [Open].
type Options struct {
	// Sync says whether appends are synced. Whoever writes to one file should ask for the same: a checkpoint made by a
	// process that syncs nothing is not synced, whoever wrote what it moves. Defaults to state.SyncAlways.
	Sync state.Sync
}

// Store keeps runs in one SQLite database. It is safe for concurrent use, and so are several stores and processes on one
// file. It implements [state.Store], [state.Snapshots], [state.SnapshotStreams],
// [state.Inbox] and [state.Repairer].
type Store struct {
	file    string // absolute, without symbolic links: what stands beside it is found by its name
	vfs     string // of the driver; empty: the operating system's. Tests plug in their own
	sync    state.Sync
	commits committer
	readers pool
}

var (
	_ state.Store           = (*Store)(nil)
	_ state.Snapshots       = (*Store)(nil)
	_ state.SnapshotStreams = (*Store)(nil)
	_ state.Inbox           = (*Store)(nil)
	_ state.Repairer        = (*Store)(nil)
)

// Open opens a database file, making it, and the folders that lead to it, if it is not there. A file that is something
// else, or of a newer version, is an error, and is not changed.
func Open(ctx context.Context, file string, o Options) (*Store, error) {
	path, err := prepare(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: open %s: %w", file, err)
	}
	return open(ctx, path, "", o)
}

// open opens a database that is there.
func open(ctx context.Context, path, vfsName string, o Options) (*Store, error) {
	s := &Store{file: path, vfs: vfsName, sync: o.Sync}
	s.commits.store, s.readers.store = s, s
	s.commits.every = checkpointPages
	s.readers.init()
	if err := s.commits.open(ctx); err != nil {
		return nil, fmt.Errorf("sqlitestore: open %s: %w", path, err)
	}
	return s, nil
}

// File is the absolute path of the database.
func (s *Store) File() string { return s.file }

// Close waits for what is being appended and read, refuses everything that comes later with [ErrClosed], and closes the
// file. It gives up no run's lock: close the journals as well. Closing again does nothing.
func (s *Store) Close() error {
	err := s.commits.close()
	return errors.Join(err, s.readers.close())
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

func stamp() string { return time.Now().UTC().Format(stampLayout) }

const (
	repairHint  = "the command \"repair\" keeps every valid record (in a program: sqlitestore.Store.Repair)"
	recoverHint = "keep a copy of the file and the files beside it, and make a new one with the sqlite3 shell: " +
		"sqlite3 FILE .recover | sqlite3 NEWFILE"
)

// damaged makes the error about a record.
func (s *Store) damaged(run string, seq uint64, why string) error {
	return &state.DamagedError{Run: run, File: s.file, Seq: seq, Why: why, Hint: repairHint}
}

// explain makes an error of SQLite one that says where it happened and what to do. Others it leaves as they are.
func (s *Store) explain(run string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return errors.Join(&state.DamagedError{
			Run: run, File: s.file, Why: "a page of the database is broken, or a file beside it", Hint: recoverHint,
		}, err)
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR) && s.noRoom():
		return fmt.Errorf("%s: the disk is full; make room and go on: %w", s.file, err)
	case errors.Is(err, sqlite3.BUSY):
		return fmt.Errorf("%s: others have been writing it for %s without a pause: %w", s.file, busyTimeout, err)
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.PERM), errors.Is(err, sqlite3.CANTOPEN):
		return fmt.Errorf("%s: the file and its folder must be writable: %w", s.file, err)
	case isSQLite(err):
		return fmt.Errorf("%s: %w", s.file, err)
	}
	return err
}

// noRoom tells whether the disk is full, by trying to write. The driver knows a full disk from another error only where the
// system says so in one particular way, and keeps no cause.
func (s *Store) noRoom() bool {
	if s.vfs != "" {
		return false
	}
	f, err := os.CreateTemp(filepath.Dir(s.file), ".room-*")
	if err != nil {
		return errors.Is(err, syscall.ENOSPC)
	}
	_, err = f.Write(make([]byte, 64<<10))
	_, _ = f.Close(), os.Remove(f.Name()) // nothing depends on it
	return err != nil
}

// isSQLite tells errors of the database from our own.
func isSQLite(err error) bool {
	var code sqlite3.ExtendedErrorCode
	return errors.As(err, &code)
}

// walOf is the write-ahead log of a connection, nil while there is none.
func walOf(c *conn) (vfs.File, error) {
	f, err := c.db.FileControl("main", sqlite3.FCNTL_JOURNAL_POINTER)
	if err != nil {
		return nil, err
	}
	file, _ := f.(vfs.File)
	return file, nil
}
