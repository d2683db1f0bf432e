package pgstore

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

// For lists the database sends a run's last records along, of which one or two nearly always tell its status, unless
// they are large.
const (
	tailRecords = "4"
	largeRecord = "65536"
	listPage    = 256
	backPage    = 16
)

// summary is what the database tells of a run.
type summary struct {
	found
	run     string
	first   []byte
	seqs    []int64  // of the last records, the last first
	records [][]byte // nil: large
	total   *int64
}

func scanSummary(row pgx.CollectableRow) (m summary, err error) {
	err = row.Scan(&m.id, &m.run, &m.runID, &m.PID, &m.Host, &m.Since, &m.Until, &m.held, &m.first, &m.seqs, &m.records, &m.total)
	return m, err
}

func isNewer(err error) bool { return errors.Is(err, state.ErrNewerFormat) }

// Head tells what can be known of a run without reading all of it. See [state.Store].
func (s *Store) Head(ctx context.Context, run string) (state.Head, error) {
	if err := s.begin(ctx, run); err != nil {
		return state.Head{Run: run}, err
	}
	for {
		list, err := s.summaries(ctx, s.sql.head, run)
		if err == nil && len(list) == 0 {
			err = notFound(run)
		}
		if err != nil {
			return state.Head{Run: run}, err
		}
		h, err := s.headOf(ctx, list[0])
		if !errors.Is(err, pgx.ErrNoRows) { // else it was removed just now; another may have its name
			return h, err
		}
	}
}

func (s *Store) summaries(ctx context.Context, sql string, args ...any) (list []summary, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanSummary)
		return err
	})
	return list, err
}

// headOf makes the head, for which it may have to read more of the run. pgx.ErrNoRows: it was deleted meanwhile.
func (s *Store) headOf(ctx context.Context, m summary) (state.Head, error) {
	h := state.Head{Run: m.run, RunID: m.runID}
	if len(m.seqs) == 0 || m.first == nil {
		return h, &state.DamagedError{Run: m.run, File: s.place(), Seq: 1, Why: "record 1 is missing"}
	}
	first, err := s.decodeFirst(m.run, m.runID, 1, m.first)
	if err != nil {
		return h, err
	}
	h.Pipeline, h.Created = first.Data.(state.RunCreated).Pipeline, first.Time // decodeFirst has checked the type
	h.Last, h.Size = uint64(m.seqs[0]), *m.total
	if m.held {
		h.Holder = &state.Holder{PID: m.PID, Host: m.Host, Since: m.Since.UTC(), Until: m.Until.UTC()}
	}
	stored := state.StatusOpen
	err = s.backwards(ctx, m, func(e state.Event) bool {
		if e.Seq == h.Last {
			h.Updated, h.Proven = e.Time, e.Durable
		}
		status, ok := state.StatusOf(e)
		if ok {
			stored = status
		}
		return !ok
	})
	h.Status = stored.Observed(m.held)
	return h, err
}

// backwards gives the run's events to more, from the last one on, until it wants no more. pgx.ErrNoRows: they were deleted.
func (s *Store) backwards(ctx context.Context, m summary, more func(state.Event) bool) error {
	next := m.seqs[0] + 1
	for i, seq := range m.seqs {
		text := m.records[i]
		if text == nil {
			err := s.retry(ctx, func(ctx context.Context) error {
				return s.pool.QueryRow(ctx, s.sql.record, m.id, seq).Scan(&text)
			})
			if err != nil {
				return err
			}
		}
		e, err := s.decode(m.run, m.runID, seq, text)
		if err != nil || !more(e) {
			return err
		}
		next = seq
	}
	for next > 1 {
		var page []row
		err := s.retry(ctx, func(ctx context.Context) error {
			rows, err := s.pool.Query(ctx, s.sql.back, m.id, next, backPage)
			if err != nil {
				return err
			}
			page, err = rowsOf(rows)
			return err
		})
		if err == nil && len(page) == 0 {
			err = pgx.ErrNoRows // the first record was there a moment ago
		}
		if err != nil {
			return err
		}
		for _, row := range page {
			e, err := s.decode(m.run, m.runID, row.seq, row.record)
			if err != nil || !more(e) {
				return err
			}
			next = row.seq
		}
	}
	return nil
}

// List yields a Head for each run that the query wants, by name; a page of runs costs one statement. Between pages it
// holds no connection.
func (s *Store) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	return func(yield func(state.Head, error) bool) {
		if err := s.list(ctx, q, yield); err != nil {
			yield(state.Head{}, err)
		}
	}
}

func (s *Store) list(ctx context.Context, q state.ListQuery, yield func(state.Head, error) bool) error {
	if err := s.beginAny(ctx); err != nil {
		return err
	}
	limit := listPage
	if q.Limit > 0 && len(q.Status) == 0 && q.UpdatedBefore.IsZero() {
		limit = min(limit, q.Limit)
	}
	for after, count := q.After, 0; ; {
		page, err := s.summaries(ctx, s.sql.list, after, limit)
		if err != nil {
			return err
		}
		for _, m := range page {
			after = m.run
			h, err := s.headOf(ctx, m)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, pgx.ErrNoRows) { // removed just now
				continue
			}
			if err == nil && !q.Wants(h) {
				continue
			}
			count++
			if !yield(h, err) || count == q.Limit {
				return nil
			}
		}
		if len(page) < limit {
			return nil
		}
	}
}
