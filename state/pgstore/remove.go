package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dogear-go/dogear/state"
)

// The statements that remove a run do so for whoever has its lease, by the epoch of that.
const (
	archiveRun = `UPDATE {schema}.runs SET archived = $3 WHERE id = $1 AND epoch = $2 AND archived IS NULL`

	isThere = `SELECT EXISTS (SELECT FROM {schema}.runs WHERE id = $1 AND archived IS NULL)`

	deleteRun    = `DELETE FROM {schema}.runs WHERE id = $1 AND epoch = $2 AND archived IS NULL` // and with it what refers to it
	deleteEvents = `DELETE FROM {schema}.events WHERE run = $1`
)

// Remove archives a run under another name, or deletes it, in one transaction; *state.HeldError while its lease lives. It takes
// the lease itself, so that of several at once one removes the run, and a writer that lost it finds that out. An archived run
// can be read by SQL only.
func (s *Store) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if err := s.begin(ctx, run); err != nil {
		return err
	}
	target := ""
	if o.Archive {
		suffix := o.Suffix
		if suffix == "" {
			suffix = stamp()
		}
		if err := state.ValidName("a" + suffix); err != nil {
			return fmt.Errorf("archive run %q with suffix %q: %w", run, suffix, state.ErrName)
		}
		target = run + "-" + suffix
	}
	j, err := s.acquire(ctx, run, state.OpenExisting)
	if err != nil {
		return err
	}
	if o.Check != nil {
		err = o.Check(ctx)
	}
	if err == nil {
		err = s.removeHeld(ctx, j, target)
	}
	j.lease.stop()
	if err != nil {
		return errors.Join(err, s.keep(ctx, j))
	}
	return nil
}

// keep gives the lease of a run back that was not removed.
func (s *Store) keep(ctx context.Context, j *journal) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), max(s.o.Retry, time.Second), errSlow)
	defer cancel()
	return j.lease.giveBack(ctx)
}

// removeHeld removes the run that j has the lease of.
func (s *Store) removeHeld(ctx context.Context, j *journal, target string) error {
	first := true
	err := s.retry(ctx, func(ctx context.Context) error {
		if !first { // the answer may have been lost
			var there bool
			if err := s.pool.QueryRow(ctx, s.sql.isThere, j.id).Scan(&there); err != nil || !there {
				return err
			}
		}
		first = false
		return s.inTx(ctx, func(tx pgx.Tx) error { return s.removeRows(ctx, tx, j, target) })
	})
	if codeOf(err) == codeUnique {
		return fmt.Errorf("archive run %q as %s: %w", j.run, target, state.ErrExists)
	}
	return err
}

// removeRows does it; an empty target: all rows of the run are deleted.
func (s *Store) removeRows(ctx context.Context, tx pgx.Tx, j *journal, target string) error {
	var tag pgconn.CommandTag
	var err error
	if target != "" {
		tag, err = tx.Exec(ctx, s.sql.archive, j.id, j.epoch, target)
	} else { // the run first: its row is what a late append waits for, and then finds gone
		tag, err = tx.Exec(ctx, s.sql.deleteRun, j.id, j.epoch)
	}
	switch {
	case err != nil:
		return err
	case tag.RowsAffected() != 1:
		return fmt.Errorf("run %q: %w", j.run, state.ErrFenced)
	case target != "":
		return nil
	}
	_, err = tx.Exec(ctx, s.sql.deleteEvents, j.id)
	return err
}

// inTx does something in one transaction, in which each statement sees what others committed before it.
func (s *Store) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, do)
}

// stamp tells removals and repairs apart, to the microsecond.
func stamp() string { return time.Now().UTC().Format("20060102T150405.000000Z") }
