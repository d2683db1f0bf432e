// Package sqlitestore keeps many runs in one SQLite database: one file to copy, and thousands of runs that are listed at
// once.
//
//	store, err := sqlitestore.Open(ctx, "runs.db", sqlitestore.Options{})
//	…
//	err = store.Close()
//
//	runs.db          the database
//	runs.db-wal      its log, runs.db-shm the log's index; both are gone when the last process closes in order
//	runs.db.locks/   a file for each run, locked by the process that writes it: pid, host, since
//
// Files are 0600 and folders 0700: prompts and answers are private.
//
// # What survives
//
// A synced append returns after SQLite has synced its log (synchronous=FULL; fullfsync on macOS). An append without a sync
// is committed as well, so that it survives the death of the process, and is synced with the next one that is. Appends of
// several runs that come at the same time share one transaction and one sync. A batch survives as a whole, and after a
// power cut the database is at the end of some transaction that is not before the last one acknowledged as synced.
//
// After an error of the disk nothing is appended any more by any run of this Store; opening a run again makes a new
// connection, writes the log once more, syncs it, and goes on.
//
// The lock of a run is one of the operating system: it is gone the moment its process is, and the next process goes on at
// once. Several processes may work on different runs of one file; they write one after another, and read at any time.
//
// # What does not
//
// SQLite keeps no checksums of its pages. Each record has its own, so that an event that is read is the one that was
// written; [Store.Verify] finds records that are broken or missing, and has SQLite check the structure of the file, and
// [Store.Repair] puts marks in their places. What breaks the structure itself is mended by the sqlite3 shell (.recover). A
// bit that flips in the log of a process that died looks like the log's end: the runs are then as they were before that
// place, and nothing tells it.
//
// Disks that acknowledge a sync and lose the data void every promise, and so do network file systems, whose locks and
// shared memory SQLite can't use. Don't open the file while a program writes to it with a copy of SQLite that locks in
// another way, and never delete or copy the log alone.
//
// # The tables
//
//	runs       n, name, id, created: a run's number, its name, its id, and a copy of its first record
//	events     k, upto, record: n·2^40 + the event's number; the bytes of the records so far; the record
//	snapshots  id, run, whole, seq, crc, and parts k, data: the folded state, and what it proves
//	requests   what was asked of runs (a pause, an approval), with a name in "stale" where it came too late
//	archive    runs that were archived; their events stay where they are
//	damaged    the bytes of records that a repair replaced
//
// A record has exactly the bytes that filestore has in a line of its journal, so "SELECT CAST(record AS TEXT) FROM events"
// is a journal.
//
// # The driver
//
// The driver is github.com/ncruces/go-sqlite3, used without database/sql. It is SQLite compiled to Go, as is the other
// one without cgo, modernc.org/sqlite; both build for Linux, macOS and Windows. An INSERT of 4 KB into a log took 18 µs
// with one and 20 µs with the other without a sync, and 0.12 ms and 0.14 ms with one; a program grew by 5.9 and 5.2 MB
// (Go 1.26, linux/amd64, stripped; v0.37.0 and v1.62.0). What decided: its files are a Go interface, so that the tests cut the
// power below the real database; its locks belong to an open file, not to the process; and it syncs with fdatasync.
package sqlitestore
