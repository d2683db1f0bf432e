package sqlitestore

import (
	"context"
	"errors"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// Head tells what can be known of a run without reading its events. See [state.Store].
func (s *Store) Head(ctx context.Context, run string) (state.Head, error) {
	h, err := s.readHead(ctx, run)
	if err != nil {
		return h, err
	}
	return s.observe(ctx, h)
}

// readHead is head in a transaction of its own.
func (s *Store) readHead(ctx context.Context, run string) (h state.Head, err error) {
	if err := begin(ctx, run); err != nil {
		return state.Head{Run: run}, err
	}
	err = s.read(ctx, func(c *conn) error {
		r, err := c.findRun(run)
		if err == nil {
			h, err = s.head(c, r)
		}
		return err
	})
	h.Run = run
	return h, s.explain(run, err)
}

// head reads what the database knows of a run.
func (s *Store) head(c *conn, r runRow) (state.Head, error) {
	h := state.Head{Run: r.name, RunID: r.id}
	first, err := s.firstEvent(c, r)
	if err != nil {
		return h, err
	}
	h.Pipeline, h.Created = first.Data.(state.RunCreated).Pipeline, first.Time // decodeFirst has checked the type
	last, err := s.lastEvent(c, r)
	if err != nil {
		return h, err
	}
	h.Updated, h.Last, h.Proven, h.Size = last.Time, last.Seq, last.Durable, last.upto
	if err := s.witness(c, r, last.Seq); err != nil {
		return h, err
	}
	h.Status = state.StatusOpen
	err = c.records(backward, key(r.n, 1), key(r.n, last.Seq), func(rec stored) error {
		e, err := s.decode(r, rec)
		if err != nil {
			return err
		}
		if status, ok := state.StatusOf(e); ok {
			h.Status = status
			return errEnough
		}
		return nil
	})
	return h, err
}

// observe adds who holds the run, which the database does not know.
func (s *Store) observe(ctx context.Context, h state.Head) (state.Head, error) {
	const looks = 3
	for look := 1; ; look++ {
		var err error
		if h.Holder, err = s.holder(h.Run); err != nil {
			return h, err
		}
		if h.Status != state.StatusOpen || h.Holder != nil || look == looks {
			break
		}
		// Nobody holds it. A session that ended after the database was read, and before the lock was, has written its end
		// by now; only a run that has not gone on since was left open.
		before := h
		if h, err = s.readHead(ctx, h.Run); err != nil {
			return h, err
		}
		if h.RunID == before.RunID && h.Last == before.Last {
			break
		}
	}
	h.Status = h.Status.Observed(h.Holder != nil)
	return h, nil
}

// firstEvent is the first record or, where that is damaged, its copy.
func (s *Store) firstEvent(c *conn, r runRow) (state.Event, error) {
	if first, err := r.first(); err == nil {
		return first, nil
	}
	var first state.Event
	found := false
	err := c.records(forward, key(r.n, 1), key(r.n, 1), func(rec stored) (err error) {
		found = true
		if first, err = s.decode(r, rec); err == nil {
			first, err = decodeFirst(rec.text, r.id)
		}
		return err
	})
	if err == nil && !found {
		err = s.damaged(r.name, 1, "its first record is missing")
	}
	return first, err
}

// lastRecord is the last event of a run, and the size of all.
type lastRecord struct {
	state.Event
	upto int64
}

func (s *Store) lastEvent(c *conn, r runRow) (last lastRecord, err error) {
	err = c.records(backward, key(r.n, 0), key(r.n, maxSeq), func(rec stored) (err error) {
		last.upto = rec.upto
		if last.Event, err = s.decode(r, rec); err == nil {
			err = errEnough
		}
		return err
	})
	if err == nil && last.Seq == 0 {
		err = s.damaged(r.name, 1, "its records are missing")
	}
	return last, err
}

// listChunk is how many runs List reads at a time.
const listChunk = 64

// List yields a Head for each run, by name. Each costs a few looks into the tables, and one at its lock; a run that was
// left open is looked at twice, since it may have ended after its page of the list was read.
func (s *Store) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	return func(yield func(state.Head, error) bool) {
		count := 0
		for after := q.After; ; {
			found, err := s.listAfter(ctx, after)
			if err != nil {
				yield(state.Head{}, s.explain("", err))
				return
			}
			for _, f := range found {
				after = f.head.Run
				h, err := f.head, f.err
				if err == nil {
					h, err = s.observe(ctx, h)
				}
				if f.err == nil && errors.Is(err, state.ErrNotFound) || err == nil && !q.Wants(h) {
					continue // not found: removed since the list was read
				}
				count++
				if !yield(h, err) || count == q.Limit || err != nil && ctx.Err() != nil {
					return
				}
			}
			if len(found) < listChunk {
				return
			}
		}
	}
}

type listed struct {
	head state.Head
	err  error
}

func (s *Store) listAfter(ctx context.Context, after string) (found []listed, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.read(ctx, func(c *conn) error {
		var rows []runRow
		err := c.query(func(st *sqlite3.Stmt) error { rows = append(rows, readRun(st)); return nil },
			selectRuns, after, int64(listChunk))
		for _, r := range rows {
			if err != nil || ctx.Err() != nil {
				break
			}
			h, err := s.head(c, r)
			found = append(found, listed{h, s.explain(r.name, err)})
		}
		return err
	})
	return found, err
}
