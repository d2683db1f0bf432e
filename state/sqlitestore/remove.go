package sqlitestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// Remove archives or deletes a run, under its lock. See [state.Store]. An archived run keeps all its rows and goes from
// the table runs to the table archive; the space of a deleted one is used again by what comes. While another process writes
// it waits, up to a minute; when ctx ends before it could begin, the run stays.
func (s *Store) Remove(ctx context.Context, run string, o state.RemoveOptions) (err error) {
	if err := begin(ctx, run); err != nil {
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
	if err := s.admit(ctx, run, state.OpenExisting); err != nil {
		return err
	}
	lock, err := s.lock(ctx, run)
	if err != nil {
		return err
	}
	err = s.heal()
	if err == nil && o.Check != nil {
		err = o.Check(ctx)
	}
	if err == nil {
		err = s.commits.commitWithin(ctx, &op{alone: true, sync: true, do: func(c *conn) error { return c.remove(run, target) }})
	}
	if err != nil {
		return errors.Join(s.explain(run, err), lock.Close())
	}
	return s.dropLock(run, lock)
}

// remove takes a run out of the table runs; an empty target: and everything that belongs to it.
func (c *conn) remove(run, target string) error {
	r, err := c.findRun(run)
	if err != nil {
		return err
	}
	if target != "" {
		err = c.run("INSERT INTO archive (n, name, id, created) VALUES (?, ?, ?, ?)", r.n, target, r.id, r.created)
		if errors.Is(err, sqlite3.CONSTRAINT) {
			return fmt.Errorf("archive run %q as %s: %w", run, target, state.ErrExists)
		}
		if err == nil {
			err = c.run("DELETE FROM runs WHERE n = ?", r.n)
		}
		return err
	}
	if err := c.run("DELETE FROM events WHERE k BETWEEN ? AND ?", key(r.n, 0), key(r.n, maxSeq)); err != nil {
		return err
	}
	if err := c.dropSnapshots(r.n); err != nil {
		return err
	}
	for _, sql := range []string{
		"DELETE FROM requests WHERE run = ?", "DELETE FROM damaged WHERE run = ?",
		"DELETE FROM runs WHERE n = ?",
	} {
		if err := c.run(sql, r.n); err != nil {
			return err
		}
	}
	return nil
}
