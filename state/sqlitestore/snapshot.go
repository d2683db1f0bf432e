package sqlitestore

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// SaveSnapshot replaces the run's snapshot, atomically. It syncs nothing: a snapshot lies in the log behind the records
// that it proves, and the log survives up to some point, so whoever finds the snapshot finds the records.
func (s *Store) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	w, err := state.ReadWitness(data)
	if err != nil {
		w = state.Witness{} // it proves nothing
	}
	err = s.commits.commit(&op{alone: true, do: func(c *conn) error {
		r, err := c.findRun(run)
		if err != nil {
			return err
		}
		if w.RunID != r.id {
			w = state.Witness{}
		}
		if last, err := c.lastSeq(r.n); err != nil || w.Seq > last {
			return errOr(err, fmt.Errorf("it covers %d records, and there are %d", w.Seq, last))
		}
		return c.insertBlob("INSERT OR REPLACE INTO snapshots (run, seq, crc, data) VALUES (?, ?, ?, ?)",
			"snapshots", "data", data, r.n, int64(w.Seq), int64(w.Record))
	}})
	if err != nil {
		return fmt.Errorf("save a snapshot of run %q: %w", run, s.explain(run, err))
	}
	return nil
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// LoadSnapshot returns what was saved last, [state.ErrNotFound] when there is none.
func (s *Store) LoadSnapshot(ctx context.Context, run string) (data []byte, err error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	err = s.read(ctx, func(c *conn) error {
		r, err := c.findRun(run)
		if err != nil {
			return err
		}
		size := int64(-1)
		err = c.query(func(st *sqlite3.Stmt) error { size = st.ColumnInt64(0); return nil },
			"SELECT length(data) FROM snapshots WHERE run = ?", r.n)
		if err == nil && size < 0 {
			err = fmt.Errorf("run %q has no snapshot: %w", run, state.ErrNotFound)
		}
		if err == nil {
			data, err = c.fetch("snapshots", "data", r.n, size)
		}
		return err
	})
	return data, s.explain(run, err)
}

// proof is what a snapshot proves.
type proof struct {
	seq uint64
	crc uint32
}

func (c *conn) witness(n int64) (w proof, err error) {
	err = c.query(func(st *sqlite3.Stmt) error {
		w = proof{uint64(st.ColumnInt64(0)), uint32(st.ColumnInt64(1))}
		return nil
	}, "SELECT seq, crc FROM snapshots WHERE run = ?", n)
	return w, err
}
