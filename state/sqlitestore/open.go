package sqlitestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/dogear-go/dogear/state"
)

// Open takes the run's lock and returns its journal. See [state.Store].
func (s *Store) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	if err := begin(ctx, run); err != nil {
		return nil, err
	}
	if o.Scope != (state.Scope{}) || o.Epoch != 0 {
		return nil, fmt.Errorf("sqlitestore: open a part of a run: %w", state.ErrUnsupported)
	}
	if err := s.admit(ctx, run, o.Mode); err != nil {
		return nil, err
	}
	lock, err := s.lock(ctx, run)
	if err != nil {
		return nil, err
	}
	j := &journal{store: s, run: run, lock: lock, lost: make(chan struct{})}
	err = s.heal()
	if err == nil {
		err = j.load(ctx, o.Mode)
	}
	if err != nil {
		return nil, errors.Join(s.explain(run, err), j.giveUp(err))
	}
	return j, nil
}

// admit tells at once, without the lock, what the mode forbids.
func (s *Store) admit(ctx context.Context, run string, mode state.Mode) error {
	if mode == state.OpenOrCreate {
		return nil
	}
	err := s.read(ctx, func(c *conn) error {
		_, err := c.findRun(run)
		return err
	})
	if mode == state.Create {
		switch {
		case err == nil:
			return exists(run)
		case errors.Is(err, state.ErrNotFound):
			return nil
		}
	}
	return s.explain(run, err)
}

// load reads where the journal ends, under the lock. What it finds is on the disk when it returns.
func (j *journal) load(ctx context.Context, mode state.Mode) error {
	var r runRow
	err := j.store.read(ctx, func(c *conn) (err error) {
		if r, err = c.findRun(j.run); err != nil || mode == state.Create {
			return err
		}
		if _, err := r.first(); errors.Is(err, state.ErrNewerFormat) {
			return err
		}
		last, err := j.store.lastEvent(c, r)
		if err != nil {
			return err
		}
		j.size = last.upto
		j.last.Store(last.Seq)
		return j.store.witness(c, r, last.Seq)
	})
	switch {
	case errors.Is(err, state.ErrNotFound) && mode != state.OpenExisting:
		return nil
	case err != nil:
		return err
	case mode == state.Create:
		return exists(j.run)
	}
	j.n, j.runID = r.n, r.id
	return j.store.commits.commit(&op{sync: true})
}

// giveUp releases the lock after an opening that failed.
func (j *journal) giveUp(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return j.store.dropLock(j.run, j.lock)
	}
	return j.lock.Close()
}

// runRow is a row of runs.
type runRow struct {
	n       int64
	name    string
	id      string
	created []byte // a copy of the first record
}

const (
	selectRun  = "SELECT n, name, id, created FROM runs WHERE name = ?"
	selectRuns = "SELECT n, name, id, created FROM runs WHERE name > ? ORDER BY name LIMIT ?"
)

func readRun(st *sqlite3.Stmt) runRow {
	return runRow{st.ColumnInt64(0), st.ColumnText(1), st.ColumnText(2), st.ColumnBlob(3, nil)}
}

// findRun finds a run; ErrNotFound when there is none.
func (c *conn) findRun(name string) (r runRow, err error) {
	err = c.query(func(st *sqlite3.Stmt) error { r = readRun(st); return nil }, selectRun, name)
	switch {
	case err != nil:
	case r.n == 0:
		err = notFound(name)
	case !r.isNamed(name):
		err = fmt.Errorf("%w: run %q is found under the name %q", sqlite3.CORRUPT, r.begun().Name, name)
	}
	return r, err
}

// isNamed compares the name under which a run was found with the one that it was begun under: where the index of the names is
// damaged, it leads to another run.
func (r runRow) isNamed(name string) bool {
	if bytes.Contains(r.created, []byte(`"run_id":"`+r.id+`","name":"`+name+`"`)) { // the usual case, without decoding it
		return true
	}
	found := r.begun().Name
	return found == "" || found == name // empty: the copy is damaged, which others tell
}

// begun is what the run was begun with; zero when that can't be read.
func (r runRow) begun() (c state.RunCreated) {
	if e, err := r.first(); err == nil {
		c, _ = e.Data.(state.RunCreated)
	}
	return c
}

// first decodes the copy of the first record.
func (r runRow) first() (state.Event, error) { return decodeFirst(r.created, r.id) }

func decodeFirst(text []byte, id string) (state.Event, error) {
	e, err := state.DecodeRecord(text, id)
	if err != nil {
		return e, err
	}
	created, ok := e.Data.(state.RunCreated)
	switch {
	case !ok || e.Seq != 1 || created.RunID != id || id == "":
		return e, fmt.Errorf("%w: it does not begin a run", state.ErrRecord)
	case created.Format > state.Format:
		return e, fmt.Errorf("%w: format %d; update dogear", state.ErrNewerFormat, created.Format)
	}
	return e, nil
}

// witness compares the end of a journal with what the run's snapshot proves to have been there.
func (s *Store) witness(c *conn, r runRow, last uint64) error {
	w, err := c.witness(r.n)
	if err != nil || w.seq == 0 {
		return err
	}
	if w.seq > last {
		return s.damaged(r.name, last+1, fmt.Sprintf("it ends after record %d, and the snapshot proves %d", last, w.seq))
	}
	var sum uint32
	err = c.records(forward, key(r.n, w.seq), key(r.n, w.seq), func(rec stored) error {
		_, sum, err = state.Unseal(rec.text, r.id)
		return err
	})
	if errors.Is(err, state.ErrRecord) || err == nil && sum != w.crc {
		return s.damaged(r.name, w.seq, "it is not the record that the snapshot has seen")
	}
	return err
}
