package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/dogear-go/dogear/state"
)

// Store keeps runs in the tables of one schema. It implements [state.Store], [state.Snapshots], [state.Inbox] and
// [state.Repairer], is safe for concurrent use, and needs no closing: it owns no goroutine and no connection. An open
// journal owns one goroutine, which renews its lease.
type Store struct {
	pool  *pgxpool.Pool
	o     Options
	sql   *statements
	ready atomic.Bool // the version of the schema was found to be right
}

var (
	_ state.Store     = (*Store)(nil)
	_ state.Snapshots = (*Store)(nil)
	_ state.Inbox     = (*Store)(nil)
	_ state.Repairer  = (*Store)(nil)
)

// Options of [New]. The zero value is what most want.
type Options struct {
	// Schema holds the tables. Defaults to "dogear".
	Schema string

	// Lease is how long a run stays held after its writer was last heard of, by the clock of the database. It is renewed
	// after a third. Shorter: the run of a dead writer is free sooner; but a writer that can't reach the database for
	// as long has lost its run. All writers of a run may differ in it. Defaults to 15 seconds; at least 30 milliseconds.
	Lease time.Duration

	// Retry is how long an operation is tried again after a lost connection, a restart of the server or a conflict of
	// transactions, from the first failure on. Defaults to two thirds of Lease: an append that can't be written should
	// say so before the lease is lost. Negative: never again.
	Retry time.Duration

	// Sync says whether appends with sync survive a power cut. Defaults to state.SyncAlways.
	Sync state.Sync
}

const (
	defaultSchema = "dogear"
	defaultLease  = 15 * time.Second
	minLease      = 30 * time.Millisecond // ten times what a renewal takes at most on a network nearby
	maxSchema     = 63                    // bytes of a name in PostgreSQL (NAMEDATALEN - 1); it cuts longer ones
)

// New returns a store that works through the pool, which remains the caller's: it is never closed, and must be closed
// only after the journals. A journal needs a connection for moments; a pool of four serves hundreds of runs, but one that
// others keep busy for as long as a lease loses it. New does not talk to the database.
func New(pool *pgxpool.Pool, o Options) (*Store, error) {
	if pool == nil {
		return nil, errors.New("pgstore: the pool is nil; make one with pgxpool.New")
	}
	if o.Schema == "" {
		o.Schema = defaultSchema
	}
	if len(o.Schema) > maxSchema {
		return nil, fmt.Errorf("pgstore: the schema's name has %d bytes; PostgreSQL knows %d", len(o.Schema), maxSchema)
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Lease < minLease {
		return nil, fmt.Errorf("pgstore: a lease of %s can't be kept; the shortest is %s", o.Lease, minLease)
	}
	if o.Retry == 0 {
		o.Retry = o.Lease * 2 / 3
	}
	if o.Sync != state.SyncAlways && o.Sync != state.SyncNone {
		return nil, fmt.Errorf("pgstore: there is no sync setting %d", o.Sync)
	}
	return &Store{pool: pool, o: o, sql: newStatements(o.Schema, o.Sync)}, nil
}

// begin stands before everything that is done with a run.
func (s *Store) begin(ctx context.Context, run string) error {
	if err := state.ValidName(run); err != nil {
		return err
	}
	return s.beginAny(ctx)
}

func (s *Store) beginAny(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ready.Load() {
		return nil
	}
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

func notFound(run string) error { return fmt.Errorf("run %q: %w", run, state.ErrNotFound) }

func exists(run string) error { return fmt.Errorf("run %q: %w", run, state.ErrExists) }
