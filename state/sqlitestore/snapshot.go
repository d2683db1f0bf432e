package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// A snapshot is kept in parts, so that nobody needs to hold all of it, and no transaction is long.
const (
	partSize = 256 << 10
	partBits = 20 // of a part's key, behind the snapshot's number
)

const insertPart = "INSERT INTO parts (k, data) VALUES (?, ?)"

// SaveSnapshot replaces the run's snapshot, atomically. It syncs nothing: a snapshot lies in the log behind the records
// that it proves, and the log survives up to some point, so whoever finds the snapshot finds the records. While another
// process writes it waits, up to a minute, whatever ctx says.
func (s *Store) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	return s.WriteSnapshot(ctx, run, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteSnapshot is SaveSnapshot of what write writes. See [state.SnapshotStreams].
func (s *Store) WriteSnapshot(ctx context.Context, run string, write func(io.Writer) error) error {
	if err := begin(ctx, run); err != nil {
		return err
	}
	w := &partWriter{store: s, run: run}
	err := w.begin()
	if err != nil {
		return fmt.Errorf("save a snapshot of run %q: %w", run, s.explain(run, err))
	}
	if err = write(w); err == nil {
		err = w.finish(ctx)
	}
	if err != nil {
		_ = s.commits.commit(&op{do: func(c *conn) error { return c.dropSnapshot(w.id) }}) // the next one drops it as well
		return fmt.Errorf("save a snapshot of run %q: %w", run, s.explain(run, err))
	}
	return nil
}

// partWriter writes a snapshot that nobody sees before it is whole.
type partWriter struct {
	store *Store
	run   string
	n, id int64 // the run's number, and the snapshot's
	parts int64
	buf   []byte
}

func (w *partWriter) begin() error {
	return w.store.commits.commit(&op{do: func(c *conn) error {
		r, err := c.findRun(w.run)
		if err == nil {
			err = c.run("INSERT INTO snapshots (run, whole, seq, crc) VALUES (?, 0, 0, 0)", r.n)
		}
		w.n, w.id = r.n, c.db.LastInsertRowID()
		return err
	}})
}

func (w *partWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), partSize-len(w.buf))
		w.buf, rest = append(w.buf, rest[:n]...), rest[n:]
		if len(w.buf) == partSize {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

func (w *partWriter) flush() error {
	if w.parts == 1<<partBits {
		return fmt.Errorf("it is larger than %d bytes", int64(partSize)<<partBits)
	}
	err := w.store.commits.commit(&op{do: func(c *conn) error {
		return c.insertBlob(insertPart, "parts", "data", w.buf, w.id<<partBits|w.parts)
	}})
	w.parts, w.buf = w.parts+1, w.buf[:0]
	return err
}

// finish reads what was written, to see what it proves, and puts it in the place of the last one.
func (w *partWriter) finish(ctx context.Context) error {
	if err := w.flush(); err != nil {
		return err
	}
	proves, err := state.ReadWitnessFrom(w.store.partReader(ctx, w.run, w.id))
	if err != nil {
		if !errors.Is(err, state.ErrRecord) {
			return err
		}
		proves = state.Witness{} // it proves nothing
	}
	return w.store.commits.commit(&op{alone: true, do: func(c *conn) error {
		r, err := c.findRun(w.run)
		if err == nil && r.n != w.n {
			err = notFound(w.run)
		}
		if err != nil {
			return err
		}
		if proves.RunID != r.id {
			proves = state.Witness{}
		}
		last, err := c.lastSeq(r.n)
		if err == nil && proves.Seq > last {
			err = fmt.Errorf("it covers %d records, and there are %d", proves.Seq, last)
		}
		var before proof
		if err == nil {
			before, err = c.witness(r.n)
		}
		if err == nil {
			err = c.run("UPDATE snapshots SET whole = 1, seq = ?, crc = ? WHERE id = ?",
				int64(proves.Seq), int64(proves.Record), w.id)
		}
		if err == nil && c.db.Changes() == 0 {
			err = errors.New("another one was saved meanwhile")
		}
		if err == nil {
			err = c.dropSnapshots(r.n, w.id, before.id) // the one before may still be read
		}
		return err
	}})
}

// dropSnapshots removes the snapshots of a run but some, those that somebody died over included.
func (c *conn) dropSnapshots(run int64, but ...int64) error {
	var ids []int64
	err := c.query(func(st *sqlite3.Stmt) error { ids = append(ids, st.ColumnInt64(0)); return nil },
		"SELECT id FROM snapshots WHERE run = ?", run)
	ids = slices.DeleteFunc(ids, func(id int64) bool { return slices.Contains(but, id) })
	for _, id := range ids {
		if err == nil {
			err = c.dropSnapshot(id)
		}
	}
	return err
}

func (c *conn) dropSnapshot(id int64) error {
	if err := c.run("DELETE FROM snapshots WHERE id = ?", id); err != nil {
		return err
	}
	return c.run("DELETE FROM parts WHERE k BETWEEN ? AND ?", id<<partBits, (id+1)<<partBits-1)
}

// LoadSnapshot returns what was saved last, [state.ErrNotFound] when there is none.
func (s *Store) LoadSnapshot(ctx context.Context, run string) ([]byte, error) {
	r, err := s.OpenSnapshot(ctx, run)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

// OpenSnapshot is LoadSnapshot for reading it in pieces. One that is replaced meanwhile is read to its end, and one that is
// replaced twice ends with an error.
func (s *Store) OpenSnapshot(ctx context.Context, run string) (io.ReadCloser, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	var w proof
	err := s.read(ctx, func(c *conn) error {
		r, err := c.findRun(run)
		if err == nil {
			w, err = c.witness(r.n)
		}
		return err
	})
	if err == nil && w.id == 0 {
		err = fmt.Errorf("run %q has no snapshot: %w", run, state.ErrNotFound)
	}
	if err != nil {
		return nil, s.explain(run, err)
	}
	return s.partReader(ctx, run, w.id), nil
}

// partReader reads a snapshot part by part.
type partReader struct {
	read func(func(*conn) error) error
	id   int64
	part int64
	rest []byte
	end  bool
}

func (s *Store) partReader(ctx context.Context, run string, id int64) *partReader {
	return &partReader{id: id, read: func(fn func(*conn) error) error { return s.explain(run, s.read(ctx, fn)) }}
}

func (r *partReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.end {
			return 0, io.EOF
		}
		if err := r.read(r.next); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads the next part. The last one is shorter than the others.
func (r *partReader) next(c *conn) error {
	found := false
	err := c.query(func(st *sqlite3.Stmt) error { r.rest, found = st.ColumnBlob(0, nil), true; return nil },
		"SELECT data FROM parts WHERE k = ?", r.id<<partBits|r.part)
	if err == nil && !found {
		err = fmt.Errorf("a part of the snapshot is missing: %w", io.ErrUnexpectedEOF)
	}
	r.part++
	r.end = len(r.rest) < partSize
	return err
}

// Close does nothing: no connection is held between two parts.
func (r *partReader) Close() error { return nil }

// proof is what a run's snapshot proves; the zero value: there is none.
type proof struct {
	id  int64
	seq uint64
	crc uint32
}

func (c *conn) witness(n int64) (w proof, err error) {
	err = c.query(func(st *sqlite3.Stmt) error {
		w = proof{st.ColumnInt64(0), uint64(st.ColumnInt64(1)), uint32(st.ColumnInt64(2))}
		return nil
	}, "SELECT id, seq, crc FROM snapshots WHERE run = ? AND whole = 1 ORDER BY id", n)
	return w, err
}
