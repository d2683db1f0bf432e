package sqlitestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/internal/oslock"
)

const (
	applicationID = 0x446f4561 // "DoEa", in the file's header; see the comment of prepare
	schemaVersion = 1          // user_version, in the header as well
)

// schema is a new database. Of a run's number and an event's number its key is made: see [key]. "upto" is the size in
// bytes of the run's records up to and with this one. "created" is a copy of the first record, which begins everything. A
// snapshot that is being written is not whole; "seq" and "crc" are what it proves.
const schema = `
CREATE TABLE runs (n INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL, created BLOB NOT NULL);
CREATE TABLE events (k INTEGER PRIMARY KEY, upto INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, whole INTEGER NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE INDEX snapshots_run ON snapshots (run);
CREATE TABLE parts (k INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE requests (n INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, kind TEXT NOT NULL, stale TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX requests_run ON requests (run);
CREATE TABLE archive (n INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL, created BLOB NOT NULL);
CREATE TABLE damaged (n INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, seq INTEGER NOT NULL, repair TEXT NOT NULL, record BLOB NOT NULL);
`

// prepare makes sure that the file is there and is one of ours, and returns its absolute path without symbolic links.
//
// A new database is made under another name and renamed when it is whole and on the disk, under a lock, so that nobody
// ever sees half of one. That is why the header of the file itself, which is read without the database's help and so
// without changing anything, always tells whose it is.
func prepare(ctx context.Context, file string) (string, error) {
	if file == "" {
		return "", errors.New("the file's name is empty")
	}
	path, err := filepath.Abs(file) // so that a later change of the working directory moves nothing
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	there, err := checkHeader(path)
	if err != nil || there {
		return path, err
	}
	if err := makeDirs(filepath.Dir(path)); err != nil {
		return "", err
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	return path, createLocked(ctx, path)
}

// checkHeader reads who made a file, for what. The places are from https://sqlite.org/fileformat.html, "The Database
// Header". An empty file is none.
func checkHeader(path string) (there bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, 100)
	n, err := f.ReadAt(head, 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return false, err
	case n == 0:
		return false, nil
	case n < len(head) || !bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return false, errors.New("it is no SQLite database; nothing was changed")
	case binary.BigEndian.Uint32(head[68:]) != applicationID:
		return false, errors.New("it is an SQLite database of another program; nothing was changed")
	}
	return true, checkVersion(int64(binary.BigEndian.Uint32(head[60:])))
}

func checkVersion(v int64) error {
	if v > schemaVersion {
		return fmt.Errorf("%w: its tables are of version %d, and this one knows %d; update dogear; nothing was changed",
			state.ErrNewerFormat, v, schemaVersion)
	}
	if v < 1 {
		return errors.New("its tables have no version; nothing was changed")
	}
	return nil
}

// makeDirs creates a directory and what leads to it, each synced into its parent.
func makeDirs(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// syncDir puts a directory's entries on the disk. Windows can't, and needs not; one that we may not read we did not write.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// createWait is how long one process waits for another that makes the same file.
const createWait = 10 * time.Second

func createLocked(ctx context.Context, path string) (err error) {
	l, err := oslock.Within(ctx, createWait, func() (*oslock.Lock, error) { return tryLock(path + ".new-lock") })
	if errors.Is(err, oslock.ErrBusy) {
		return fmt.Errorf("another process has been making it for %s", createWait)
	}
	if err != nil {
		return err
	}
	defer func() {
		if runtime.GOOS != "windows" { // there it can't be removed while it is open
			_ = os.Remove(path + ".new-lock") // an empty file that disturbs nobody
		}
		err = errors.Join(err, l.Close())
	}()
	if there, err := checkHeader(path); err != nil || there {
		return err
	}
	return create(ctx, path)
}

func create(ctx context.Context, path string) error {
	temp := path + ".new"
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} { // of somebody who died over it
		if err := os.Remove(temp + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, filePerm)
	if err != nil {
		return err
	}
	err = fillNew(ctx, temp, "")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// fillNew makes an empty file a database.
func fillNew(ctx context.Context, file, vfsName string) error {
	db, err := sqlite3.OpenFlags(dataSource(file, vfsName), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return err
	}
	db.SetInterrupt(ctx)
	err = db.Exec(fmt.Sprintf(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA application_id = %d;
		BEGIN IMMEDIATE; PRAGMA user_version = %d; %s COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`,
		applicationID, schemaVersion, schema))
	db.SetInterrupt(context.Background())
	return errors.Join(err, db.Close())
}
