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
	// As readPage, but of what is there, whatever it is.
	readRaw = `
SELECT seq, record FROM {schema}.events
WHERE run = $1 AND seq >= $2
	AND total <= $4 + (SELECT total FROM {schema}.events WHERE run = $1 AND seq >= $2 ORDER BY seq LIMIT 1)
ORDER BY seq LIMIT $3`

	keepDamaged = `
INSERT INTO {schema}.damaged (run, seq, repair, record)
VALUES ($1, $2, $3, (SELECT record FROM {schema}.events WHERE run = $1 AND seq = $2))`

	// The sums of what stands behind it stay as they are: they only bound what is read at once.
	putMark = `
INSERT INTO {schema}.events (run, seq, total, record)
SELECT $1, $2, coalesce((SELECT total FROM {schema}.events WHERE run = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1), 0), $3
ON CONFLICT (run, seq) DO UPDATE SET record = excluded.record`

	dropSnapshot = `DELETE FROM {schema}.snapshots WHERE run = $1`
)

// Verify reads all records of a run and says which are missing or not sound. A run that is removed meanwhile is not
// damaged: the one that has taken its name is looked at instead, or there is none.
func (s *Store) Verify(ctx context.Context, run string) (state.Report, error) {
	if err := s.begin(ctx, run); err != nil {
		return state.Report{}, err
	}
	for {
		f, err := s.lookFor(ctx, run)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && f.runID == "" {
			err = notFound(run)
		}
		if err != nil {
			return state.Report{}, err
		}
		v, err := s.survey(ctx, f.id, f.runID)
		if !errors.Is(err, errGone) {
			return v.report, err
		}
	}
}

// errGone says that a run was removed while it was looked at.
var errGone = errors.New("the run was removed or archived meanwhile")

// survey is what a look at all records found.
type survey struct {
	runID  string
	report state.Report
	marks  []state.Event // for the damaged ones, in the order of the report
	before state.Event   // the sound record before
	next   int64
}

// survey looks at all records of a run. errGone: there may have been more of them, or all were sound.
func (s *Store) survey(ctx context.Context, id int64, runID string) (*survey, error) {
	v := &survey{runID: runID, next: 1}
	for {
		var page []row
		err := s.retry(ctx, func(ctx context.Context) error {
			rows, err := s.pool.Query(ctx, s.sql.raw, id, v.next, pageRows, pageBytes)
			if err != nil {
				return err
			}
			page, err = rowsOf(rows)
			return err
		})
		if err != nil {
			return v, err
		}
		if len(page) == 0 {
			if v.next == 1 {
				v.lost(1, 0, "it is missing, and so is everything after it")
			}
			return v, s.still(ctx, id)
		}
		for _, row := range page {
			if err := v.look(row); err != nil {
				return v, err
			}
		}
	}
}

// still returns errGone when a run is not there any more, of which a page without records tells nothing.
func (s *Store) still(ctx context.Context, id int64) error {
	var there bool
	err := s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, s.sql.isThere, id).Scan(&there)
	})
	if err == nil && !there {
		err = errGone
	}
	return err
}

// look takes the next record that is there. The error is that a newer version wrote it.
func (v *survey) look(row row) error {
	for ; v.next < row.seq; v.next++ {
		v.lost(v.next, 0, "it is missing")
	}
	v.next = row.seq + 1
	e, err := decodeRecord(v.runID, row.seq, row.record)
	switch {
	case isNewer(err):
		return fmt.Errorf("record %d: %w", row.seq, err)
	case err != nil:
		v.lost(row.seq, int64(len(row.record)), err.Error())
		return nil
	}
	v.report.Records++
	v.before = e
	return nil
}

func (v *survey) lost(seq, bytes int64, why string) {
	v.report.Damaged = append(v.report.Damaged, state.Damage{Seq: uint64(seq), Bytes: bytes, Why: why})
	e := state.New(state.Scope{}, state.JournalMark{
		Kind: state.MarkRepaired, From: uint64(seq), To: uint64(seq), BytesLost: bytes,
	})
	// With the d of the record before, the mark proves nothing that was not proven there.
	e.Seq, e.Durable, e.Epoch = uint64(seq), v.before.Durable, max(v.before.Epoch, 1)
	v.marks = append(v.marks, e)
}

// Repair keeps each damaged record in the table "damaged", and puts a mark in its place, in one transaction and under the
// lease. A journal that is not damaged is left alone. A first record that is lost can't be made again.
func (s *Store) Repair(ctx context.Context, run string) (report state.Report, err error) {
	if err := s.begin(ctx, run); err != nil {
		return report, err
	}
	j, err := s.acquire(ctx, run, state.OpenExisting)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	v, err := s.survey(ctx, j.id, j.runID)
	if errors.Is(err, errGone) {
		return state.Report{}, fmt.Errorf("run %q: %w: %w", run, state.ErrFenced, err)
	}
	if err != nil || len(v.marks) == 0 {
		return v.report, err
	}
	if v.marks[0].Seq == 1 {
		return v.report, fmt.Errorf("run %q can't be repaired: its first record is lost; nothing was changed", run)
	}
	name := stamp()
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return s.mark(ctx, tx, j, v, name) }); err != nil {
		return v.report, fmt.Errorf("repair run %q: %w", run, err)
	}
	v.report.Copy = fmt.Sprintf("table %s.damaged, repair %s", s.sql.schema, name)
	return v.report, nil
}

func (s *Store) mark(ctx context.Context, tx pgx.Tx, j *journal, v *survey, name string) error {
	// As with an append: nobody opens the run before this ends, and nobody has.
	tag, err := tx.Exec(ctx, s.sql.flush, j.id, j.epoch, 1)
	if err == nil && tag.RowsAffected() != 1 {
		err = state.ErrFenced
	}
	if err != nil {
		return err
	}
	for _, e := range v.marks {
		mark := e.Data.(state.JournalMark) // lost made it
		mark.Copy = name
		e.Data, e.Time = mark, time.Now().UTC()
		line, err := state.AppendRecord(nil, j.runID, e)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql.keepDamaged, j.id, e.Seq, name); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql.putMark, j.id, e.Seq, line[:len(line)-1]); err != nil {
			return err
		}
	}
	// Whatever it says of the records that are lost, the journal no longer bears it out.
	_, err = tx.Exec(ctx, s.sql.dropSnapshot, j.id)
	return err
}
