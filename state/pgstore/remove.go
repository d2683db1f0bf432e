package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

const (
	lockLease = `
SELECT r.id, r.run_id, l.pid, l.host, l.since, l.until, l.until > clock_timestamp()
FROM {schema}.runs r JOIN {schema}.leases l ON l.run = r.id
WHERE r.name = $1 AND r.archived IS NULL
FOR UPDATE OF l`

	// The epoch ends whoever has lost the lease and not noticed yet.
	archiveRun = `UPDATE {schema}.runs SET archived = $2, epoch = epoch + 1 WHERE id = $1`

	isThere = `SELECT EXISTS (SELECT FROM {schema}.runs WHERE id = $1 AND archived IS NULL)`

	deleteEvents = `DELETE FROM {schema}.events WHERE run = $1`
	deleteRun    = `DELETE FROM {schema}.runs WHERE id = $1` // and with it what refers to it
)

// Remove archives a run under another name, or deletes it, in one transaction; *state.HeldError while its lease lives.
// An archived run can be read by SQL only.
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
	var id int64 // of the run that an earlier attempt was about to remove
	err := s.retry(ctx, func(ctx context.Context) error {
		if id != 0 { // whose answer was lost
			var there bool
			if err := s.pool.QueryRow(ctx, s.sql.isThere, id).Scan(&there); err != nil || !there {
				return err
			}
		}
		return s.removeOnce(ctx, run, target, &id)
	})
	if codeOf(err) == codeUnique {
		return fmt.Errorf("archive run %q as %s: %w", run, target, state.ErrExists)
	}
	return err
}

func (s *Store) removeOnce(ctx context.Context, run, target string, id *int64) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		f, err := s.lockRun(ctx, tx, run)
		if err != nil {
			return err
		}
		*id = f.id
		if target != "" {
			_, err := tx.Exec(ctx, s.sql.archive, f.id, target)
			return err
		}
		// The run first: its row is what an append of a writer that lost it waits for, and then finds gone.
		if _, err := tx.Exec(ctx, s.sql.deleteRun, f.id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, s.sql.deleteEvents, f.id)
		return err
	})
}

// lockRun keeps others from opening a run until the transaction ends.
func (s *Store) lockRun(ctx context.Context, tx pgx.Tx, run string) (f found, err error) {
	err = tx.QueryRow(ctx, s.sql.lock, run).Scan(&f.id, &f.runID, &f.PID, &f.Host, &f.Since, &f.Until, &f.held)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && f.runID == "":
		return f, notFound(run)
	case err == nil && f.held:
		return f, f.heldError(run)
	}
	return f, err
}

// inTx does something in one transaction, in which each statement sees what others committed before it.
func (s *Store) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, do)
}

// stamp tells removals and repairs apart, to the microsecond.
func stamp() string { return time.Now().UTC().Format("20060102T150405.000000Z") }
