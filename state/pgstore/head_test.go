package pgstore

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// counter counts the statements that are sent.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func counted(t *testing.T) (*pgxpool.Pool, *counter) {
	t.Helper()
	c, err := pgxpool.ParseConfig(server(t).URL("pool_max_conns", "2"))
	require.NoError(t, err)
	n := &counter{}
	c.ConnConfig.Tracer = n
	p, err := pgxpool.NewWithConfig(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p, n
}

// How many statements each thing costs, however long the run, and however many runs.
func TestStatementsThatThingsCost(t *testing.T) {
	t.Parallel()
	p, n := counted(t)
	s := open(t, p, Options{Sync: state.SyncNone})
	cost := func(do func()) int64 {
		before := n.n.Load()
		do()
		return n.n.Load() - before
	}
	const runs = 2*listPage + 10
	for i := range runs {
		w := start(t, s, fmt.Sprintf("run-%04d", i))
		if i == 0 {
			require.EqualValues(t, 1, cost(func() { w.append(true, note("a")) }))
			require.EqualValues(t, 1, cost(func() { w.append(false, note("a"), note("b"), note("c")) }))
			for range 2 * pageRows {
				w.append(false, note("a"))
			}
			require.EqualValues(t, 1, cost(func() {
				for e, err := range s.Events(t.Context(), "run-0000", state.Query{From: 500, Limit: 1}) {
					require.NoError(t, err)
					require.EqualValues(t, 500, e.Seq)
				}
			}))
			require.EqualValues(t, 3, cost(func() { texts(t, s, "run-0000") }))
			w.append(true, state.New(state.Scope{}, state.RunStopped{Status: state.StatusPaused}))
			require.EqualValues(t, 1, cost(func() {
				h, err := s.Head(t.Context(), "run-0000")
				require.NoError(t, err)
				require.Equal(t, state.StatusPaused, h.Status)
			}))
			// A status far from the end costs more, but for this run only.
			for range 3 * backPage {
				w.append(false, state.New(state.Scope{}, state.RunWarning{Code: "c", Message: strings.Repeat("m", 100)}))
			}
			h, err := s.Head(t.Context(), "run-0000")
			require.NoError(t, err)
			require.Equal(t, state.StatusPaused, h.Status)
			w.append(true, state.New(state.Scope{}, state.RunStopped{Status: state.StatusCompleted}))
		}
		require.NoError(t, w.j.Close())
	}
	found := 0
	require.EqualValues(t, 3, cost(func() {
		for h, err := range s.List(t.Context(), state.ListQuery{}) {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("run-%04d", found), h.Run)
			found++
		}
	}))
	require.Equal(t, runs, found)
	require.EqualValues(t, 1, cost(func() {
		for _, err := range s.List(t.Context(), state.ListQuery{After: "run-0100", Limit: 5}) {
			require.NoError(t, err)
		}
	}))
}

// An event that is larger than what a list takes along still tells the status.
func TestALargeLastEvent(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	w := start(t, s, run)
	w.append(true, state.New(state.Scope{}, state.RunStopped{Status: state.StatusFailed}))
	large := note(strings.Repeat("x", 1<<20))
	large.Time = time.Unix(300, 0).UTC()
	w.append(true, large)
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.EqualValues(t, 3, h.Last)
	require.Equal(t, state.StatusFailed, h.Status)
	require.EqualValues(t, 2, h.Proven)
	require.Greater(t, h.Size, int64(1<<20))
	require.Equal(t, large.Time, h.Updated)
}

func TestListTellsOfDamage(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	for _, name := range []string{"a", "b", "c"} {
		start(t, s, name)
	}
	spoil(t, s, "b", 1)
	var names []string
	for h, err := range s.List(t.Context(), state.ListQuery{Status: []state.Status{state.StatusRunning}}) {
		if names = append(names, h.Run); h.Run == "b" {
			require.ErrorIs(t, err, state.ErrDamaged)
			continue
		}
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a", "b", "c"}, names)
}

// spoil changes a byte of a record, as nothing but a fault does.
func spoil(t *testing.T, s *Store, name string, seq int) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), s.sql.in(`UPDATE {schema}.events e SET record = set_byte(e.record, 20, 0)
		FROM {schema}.runs r WHERE r.id = e.run AND r.name = $1 AND e.seq = $2`), name, seq)
	require.NoError(t, err)
}

func TestRepair(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	w := start(t, s, run)
	for i := range 9 {
		w.append(true, note(numbered(i)))
	}
	require.NoError(t, s.SaveSnapshot(t.Context(), run, []byte("x")))
	report, err := s.Verify(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 10}, report)
	spoil(t, s, run, 4)
	_, err = s.pool.Exec(t.Context(), s.sql.in(`DELETE FROM {schema}.events WHERE seq IN (6, 7)`))
	require.NoError(t, err)
	_, err = s.Repair(t.Context(), run)
	require.ErrorIs(t, err, state.ErrLocked)
	require.NoError(t, w.j.Close())

	report, err = s.Verify(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, 7, report.Records)
	require.Len(t, report.Damaged, 3)
	var damaged *state.DamagedError
	for e, err := range s.Events(t.Context(), run, state.Query{}) {
		if err != nil {
			require.ErrorAs(t, err, &damaged)
			continue
		}
		require.Less(t, e.Seq, uint64(4))
	}
	require.EqualValues(t, 4, damaged.Seq)

	report, err = s.Repair(t.Context(), run)
	require.NoError(t, err)
	require.Len(t, report.Damaged, 3)
	require.NotEmpty(t, report.Copy)
	require.Equal(t, []string{"run.created", numbered(0), numbered(1), "journal.mark", numbered(3), "journal.mark", "journal.mark",
		numbered(6), numbered(7), numbered(8)}, texts(t, s, run))
	report, err = s.Verify(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: 10}, report)
	var kept int
	require.NoError(t, s.pool.QueryRow(t.Context(), s.sql.in(`SELECT count(record) FROM {schema}.damaged`)).Scan(&kept))
	require.Equal(t, 1, kept)
	_, err = s.LoadSnapshot(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNotFound)
	resume(t, s, run).append(true, note("on it goes"))

	spoil(t, s, run, 1)
	expire(t, s, run)
	_, err = s.Repair(t.Context(), run)
	require.ErrorContains(t, err, "first record")
	_, err = s.Open(t.Context(), run, state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrDamaged)
}
