package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// A record that is larger than a piece is read apart; asking for its length does not read it.
const (
	selectRecords = "SELECT k, upto, length(record), CASE WHEN length(record) <= 1048576 THEN record END" +
		" FROM events WHERE k BETWEEN ? AND ? ORDER BY k"
	forward  = selectRecords
	backward = selectRecords + " DESC"
)

// stored is a row of events.
type stored struct {
	seq  uint64
	upto int64
	text []byte // valid until the function that was given it returns
}

var errEnough = errors.New("enough") // ends records without being its error

// records calls fn for each row between two keys.
func (c *conn) records(sql string, from, to int64, fn func(stored) error) error {
	err := c.query(func(st *sqlite3.Stmt) (err error) {
		k := st.ColumnInt64(0)
		r := stored{seq: uint64(k & maxSeq), upto: st.ColumnInt64(1)}
		if size := st.ColumnInt64(2); size > pieceSize {
			r.text, err = c.fetch("events", "record", k, size)
		} else {
			r.text = st.ColumnRawBlob(3)
		}
		if err != nil {
			return err
		}
		return fn(r)
	}, sql, from, to)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// readRecord reads one record by its key.
func (s *Store) readRecord(ctx context.Context, k int64) (text []byte, err error) {
	err = s.read(ctx, func(c *conn) error {
		return c.records(forward, k, k, func(r stored) error {
			text = append([]byte(nil), r.text...)
			return nil
		})
	})
	return text, err
}

// decode decodes a record and says where it stands if that fails.
func (s *Store) decode(r runRow, rec stored) (state.Event, error) {
	e, err := state.DecodeRecord(rec.text, r.id)
	switch {
	case errors.Is(err, state.ErrNewerFormat):
		return e, fmt.Errorf("run %q, record %d: %w", r.name, rec.seq, err)
	case err != nil:
		return e, s.damaged(r.name, rec.seq, fmt.Sprintf("record %d: %s", rec.seq, err))
	case e.Seq != rec.seq:
		return e, s.damaged(r.name, rec.seq, fmt.Sprintf("record %d stands in its place", e.Seq))
	}
	return e, nil
}

// Events yields the run's events in order. One event by its number costs one look into the table. What is read at a time
// is of one moment, and is given to the caller after that: however long he takes, he holds up nobody.
func (s *Store) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		r := reader{store: s, run: run, query: q, next: max(q.From, 1), chunk: firstChunk}
		for more := true; more; {
			var err error
			more, err = r.read(ctx)
			for _, e := range r.events {
				if ctx.Err() != nil || !yield(e, nil) {
					break
				}
				r.given++
			}
			if r.given < r.count && ctx.Err() == nil {
				return // the caller wants no more
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				yield(state.Event{}, err)
				return
			}
		}
	}
}

const (
	firstChunk = 32      // events of the first chunk; each further one is twice as large
	lastChunk  = 1 << 10 // up to this
	chunkBytes = 1 << 20 // a chunk ends with the event that makes it longer than this
)

// reader is one call of Events.
type reader struct {
	store *Store
	run   string
	query state.Query
	n     int64  // the run's number, once it is known
	next  uint64 // number of the event to read next
	count int    // events read that the query wants
	given int    // of these, given to the caller
	chunk int

	events []state.Event
}

// read reads the next chunk, and tells whether there may be more.
func (r *reader) read(ctx context.Context) (more bool, err error) {
	r.events = r.events[:0]
	if err := begin(ctx, r.run); err != nil {
		return false, err
	}
	if r.next > maxSeq {
		r.next = maxSeq
	}
	err = r.store.read(ctx, func(c *conn) (err error) {
		row, err := c.findRun(r.run)
		if err == nil && r.n != 0 && r.n != row.n { // removed meanwhile, and begun anew
			err = notFound(r.run)
		}
		if err != nil {
			return err
		}
		r.n = row.n
		more, err = r.readChunk(c, row)
		return err
	})
	r.chunk = min(2*r.chunk, lastChunk)
	return more && err == nil, r.store.explain(r.run, err)
}

func (r *reader) readChunk(c *conn, row runRow) (more bool, err error) {
	upto := uint64(maxSeq)
	if left := r.query.Limit - r.count; r.query.Limit > 0 && r.query.Scope == nil && uint64(left) <= maxSeq-r.next {
		upto = r.next + uint64(left) - 1
	}
	size, rows := 0, 0
	err = c.records(forward, key(row.n, r.next), key(row.n, upto), func(rec stored) error {
		if rec.seq != r.next {
			return r.store.damaged(r.run, r.next, fmt.Sprintf("record %d is missing", r.next))
		}
		e, err := r.store.decode(row, rec)
		if err != nil {
			return err
		}
		r.next++
		size += len(rec.text)
		if r.wants(e) {
			r.count++
			r.events = append(r.events, e)
		}
		if rows++; r.query.Limit > 0 && r.count == r.query.Limit {
			return errEnough
		}
		if rows == r.chunk || size >= chunkBytes {
			more = true
			return errEnough
		}
		return nil
	})
	if err != nil || more || r.next > upto || r.query.Limit > 0 && r.count == r.query.Limit {
		return more, err
	}
	return false, r.atEnd(c, row)
}

// atEnd looks whether the journal really ends here.
func (r *reader) atEnd(c *conn, row runRow) error {
	last, err := c.lastSeq(row.n)
	switch {
	case err != nil:
		return err
	case last == 0:
		return r.store.damaged(r.run, 1, "its records are missing")
	case last >= r.next:
		return r.store.damaged(r.run, r.next, fmt.Sprintf("record %d is missing", r.next))
	}
	return r.store.witness(c, row, last)
}

func (r *reader) wants(e state.Event) bool {
	s := r.query.Scope
	return s == nil || e.Step == s.Step && (s.Item == "" || e.Item == s.Item)
}

// lastSeq is the number of the run's last record; zero: it has none.
func (c *conn) lastSeq(n int64) (last uint64, err error) {
	err = c.query(func(st *sqlite3.Stmt) error { last = uint64(st.ColumnInt64(0) & maxSeq); return nil },
		"SELECT k FROM events WHERE k BETWEEN ? AND ? ORDER BY k DESC LIMIT 1", key(n, 0), key(n, maxSeq))
	return last, err
}
