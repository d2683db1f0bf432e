package pgstore

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

const (
	pageRows  = 512
	pageBytes = 4 << 20 // unless one record alone has more
)

// Events yields the run's events in order, a page at a time; between pages it holds no connection, so that the caller may
// use the store as it likes. One event by its number costs one lookup by key.
func (s *Store) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		r := reader{store: s, run: run, query: q, next: max(q.From, 1)}
		if err := r.read(ctx, yield); err != nil {
			yield(state.Event{}, err)
		}
	}
}

// reader is one call of Events.
type reader struct {
	store *Store
	run   string
	query state.Query
	id    int64  // zero before the first page
	runID string // as the run's row has it
	next  uint64 // number of the event to read next
	count int    // events yielded
}

func (r *reader) read(ctx context.Context, yield func(state.Event, error) bool) error {
	if err := r.store.begin(ctx, r.run); err != nil {
		return err
	}
	for {
		page, last, err := r.page(ctx)
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := r.decode(row)
			if err != nil {
				return err
			}
			r.next++
			if !wants(r.query.Scope, e) {
				continue
			}
			r.count++
			if !yield(e, nil) || r.count == r.query.Limit {
				return nil
			}
		}
		if len(page) == 0 || r.next > last {
			return nil
		}
	}
}

func wants(s *state.Scope, e state.Event) bool {
	return s == nil || e.Step == s.Step && (s.Item == "" || e.Item == s.Item)
}

func (r *reader) decode(row row) (state.Event, error) {
	if seq := uint64(row.seq); seq != r.next {
		return state.Event{}, &state.DamagedError{Run: r.run, File: r.store.place(), Seq: r.next, Hint: repairHint,
			Why: fmt.Sprintf("record %d is missing; the next one is %d", r.next, seq)}
	}
	if row.seq == 1 {
		return r.store.decodeFirst(r.run, r.runID, row.seq, row.record)
	}
	return r.store.decode(r.run, r.runID, row.seq, row.record)
}

// page reads the next rows, and the run's last number as it is now.
func (r *reader) page(ctx context.Context) (page []row, last uint64, err error) {
	if r.next > math.MaxInt64 {
		r.next = math.MaxInt64 // there is none, but it is to be known whether there is the run
	}
	limit := pageRows
	if r.query.Limit > 0 && r.query.Scope == nil {
		limit = min(limit, r.query.Limit-r.count)
	}
	s, found := r.store, false
	err = s.retry(ctx, func(ctx context.Context) error {
		page, last, found = nil, 0, false
		sql, args := s.sql.events, []any{r.run, int64(r.next), limit, pageBytes}
		if r.id != 0 {
			sql, args[0] = s.sql.more, r.id
		}
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var seq, end *int64
			var e row
			if err := rows.Scan(&r.id, &r.runID, &seq, &e.record, &end); err != nil {
				return err
			}
			if found = true; seq != nil {
				e.seq, last = *seq, uint64(*end)
				page = append(page, e)
			}
		}
		return rows.Err()
	})
	if err == nil && !found {
		err = notFound(r.run) // or removed meanwhile
	}
	return page, last, err
}

// repairHint is the way out of damage.
const repairHint = "verify says what else is, repair puts marks in the place of what is lost"

// place is where damage is, for messages.
func (s *Store) place() string { return "table " + s.sql.schema + ".events" }

// decode reads a record; what is no sound record of the run is damage.
func (s *Store) decode(run, runID string, seq int64, text []byte) (state.Event, error) {
	e, err := decodeRecord(runID, seq, text)
	return e, s.wrap(run, seq, err)
}

// decodeFirst also checks that the first record begins this run, in a format that is known.
func (s *Store) decodeFirst(run, runID string, seq int64, text []byte) (state.Event, error) {
	e, err := decodeRecord(runID, seq, text)
	if err == nil {
		created, ok := e.Data.(state.RunCreated)
		switch {
		case !ok || e.Seq != 1 || created.RunID != runID:
			err = fmt.Errorf("%w: it does not begin a run", state.ErrRecord)
		case created.Format > state.Format:
			err = fmt.Errorf("%w: format %d; update dogear", state.ErrNewerFormat, created.Format)
		}
	}
	return e, s.wrap(run, seq, err)
}

func (s *Store) wrap(run string, seq int64, err error) error {
	switch {
	case err == nil:
		return nil
	case isNewer(err):
		return fmt.Errorf("run %q, record %d: %w", run, seq, err)
	}
	return &state.DamagedError{Run: run, File: s.place(), Seq: uint64(seq), Why: err.Error(), Hint: repairHint}
}

func decodeRecord(runID string, seq int64, text []byte) (state.Event, error) {
	e, err := state.DecodeRecord(text, runID)
	if err == nil && e.Seq != uint64(seq) {
		err = fmt.Errorf("%w: it has number %d", state.ErrRecord, e.Seq)
	}
	return e, err
}

// rowsOf collects numbers and records.
func rowsOf(rows pgx.Rows) ([]row, error) {
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (e row, err error) {
		err = r.Scan(&e.seq, &e.record)
		return e, err
	})
}
