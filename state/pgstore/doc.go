// Package pgstore keeps runs in PostgreSQL, from version 13 on: many runs in one database, worked on from many machines.
//
//	pool, err := pgxpool.New(ctx, "postgres://…")
//	store, err := pgstore.New(pool, pgstore.Options{})
//	err = store.Migrate(ctx) // once, and after an update of Dogear
//
// # Who writes
//
// A run is held by a lease that its writer renews, by the clock of the database. When a writer dies its run is free as
// soon as the lease has run out, after 15 seconds unless [Options.Lease] says otherwise; until then opening it gives a
// [*state.HeldError] that tells when. Each opening raises the run's epoch, and an append of an earlier one is refused by
// the database: whoever lost a run without noticing gets [state.ErrFenced], and changes nothing. A writer that dies between
// opening a new run and its first record leaves no run, but holds its name until the lease has run out.
//
// # What survives
//
// An append with sync is committed with synchronous_commit on, whatever the session says, unless it names a setting that
// also waits for the local disk (local, remote_write, remote_apply). Without sync it is committed with synchronous_commit
// off: it survives the death of the writer, but not that of the server within about half a second (three times
// wal_writer_delay). The writer keeps these records until the next sync, and sends them again if the server lost them;
// only when both die are they gone, and then a resumed run knows nothing of them, as with any store.
//
// A server with fsync or full_page_writes off, or with disks that lie, keeps no promise. Nor does a failover to a replica
// that lags: a writer that finds acknowledged records gone stops. With synchronous replication (synchronous_standby_names)
// acknowledged means on the standby, too.
//
// # Lost connections
//
// A statement whose answer was lost may have been carried out or not. Before anything is sent again the writer reads what
// is there; the number of each record is its key, so that none is written twice, and none without the one before it.
// This goes on for [Options.Retry]; then the journal fails for good.
//
// # Limits
//
// A record may have 256 MiB as everywhere; PostgreSQL takes it in one statement (of at most 1 GB), for which both sides
// need a few times its size in memory. A statement_timeout of the session ends large appends, and any error that is not
// about the connection is final. A pool through a proxy that shares sessions between transactions works, since every
// append is one statement; prepared statements must then be supported there, or be off
// (default_query_exec_mode=exec).
package pgstore
