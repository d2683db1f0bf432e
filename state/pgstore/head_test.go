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
	"github.com/stretchr/testify/assert"
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

// A run that is removed while it is read is not there, or it is the one that has its name now; it is not damaged, and no
// error of the database's shows.
func TestReadingBesideARemoval(t *testing.T) {
	t.Parallel()
	deleting, archiving := state.RemoveOptions{}, state.RemoveOptions{Archive: true}
	for what, c := range map[string]struct {
		large, long, pages int // bytes of a last record, records behind it, pages of a survey before the removal
		sql                func(*statements) string
		how                state.RemoveOptions
		anew               bool
		read               func(ctx context.Context, s *Store) (runID string, err error)
	}{
		"verifying what is deleted":                      {sql: rawSQL, how: deleting, read: verified},
		"verifying what is archived":                     {sql: rawSQL, how: archiving, read: verified},
		"verifying what is deleted and made anew":        {sql: rawSQL, how: deleting, anew: true, read: verified},
		"verifying what is archived and made anew":       {sql: rawSQL, how: archiving, anew: true, read: verified},
		"verifying what is deleted between pages":        {sql: rawSQL, how: deleting, long: pageRows, pages: 1, read: verified},
		"a head whose last record is deleted":            {sql: recordSQL, how: deleting, large: 1 << 17, read: headID},
		"a head of what is deleted and made anew":        {sql: recordSQL, how: deleting, large: 1 << 17, anew: true, read: headID},
		"a head that is searched for in what is deleted": {sql: backSQL, how: deleting, long: 2 * backPage, read: headID},
		"a list of what is deleted":                      {sql: recordSQL, how: deleting, large: 1 << 17, read: listed},
		"a list that searches in what is deleted":        {sql: backSQL, how: deleting, long: 2 * backPage, read: listed},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p, _, h := hooked(t, "pool_max_conns", "2")
			s := open(t, p, Options{})
			w := start(t, s, run)
			w.append(true, note("a"))
			if c.large > 0 {
				w.append(false, note(strings.Repeat("x", c.large)))
			}
			for range c.long {
				w.append(false, note("a"))
			}
			require.NoError(t, w.j.Close())
			other := sibling(t, few(t), s)
			remove := func() {
				assert.NoError(t, other.Remove(t.Context(), run, c.how))
				if c.anew {
					j, err := other.Open(t.Context(), run, state.OpenOptions{})
					assert.NoError(t, err)
					first := state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "the new one", Name: run})
					first.Seq, first.Epoch = 1, 1
					assert.NoError(t, j.Append(t.Context(), []state.Event{first}, true))
					assert.NoError(t, j.Close())
				}
			}
			sql := c.sql(s.sql)
			for range c.pages {
				then := remove
				remove = func() { h.before(sql, then) }
			}
			h.before(sql, remove)
			id, err := c.read(t.Context(), s)
			if c.anew {
				require.NoError(t, err)
				require.Equal(t, "the new one", id)
				return
			}
			require.ErrorIs(t, err, state.ErrNotFound)
			require.NotErrorIs(t, err, pgx.ErrNoRows)
		})
	}
}

func rawSQL(st *statements) string    { return st.raw }
func recordSQL(st *statements) string { return st.record }
func backSQL(st *statements) string   { return st.back }

// verified, headID and listed read the run and tell its id.
func verified(ctx context.Context, s *Store) (string, error) {
	report, err := s.Verify(ctx, run)
	if err != nil {
		return "", err
	}
	if !report.Sound() {
		return "", fmt.Errorf("damaged: %+v", report)
	}
	h, _ := s.Head(ctx, run)
	if h.Last != uint64(report.Records) {
		return "", fmt.Errorf("another run was verified: %+v", report)
	}
	return h.RunID, nil
}

func headID(ctx context.Context, s *Store) (string, error) {
	h, err := s.Head(ctx, run)
	return h.RunID, err
}

func listed(ctx context.Context, s *Store) (string, error) {
	for h, err := range s.List(ctx, state.ListQuery{}) {
		return h.RunID, err
	}
	return "", notFound(run)
}

// Nor is the first record lost of a run that another removed from under a repair.
func TestARepairThatLosesItsRun(t *testing.T) {
	t.Parallel()
	p, _, h := hooked(t, "pool_max_conns", "2")
	s := open(t, p, Options{})
	w := start(t, s, run)
	require.NoError(t, w.j.Close())
	other := sibling(t, few(t), s)
	h.before(s.sql.raw, func() {
		expire(t, other, run)
		assert.NoError(t, other.Remove(t.Context(), run, state.RemoveOptions{}))
	})
	report, err := s.Repair(t.Context(), run)
	require.ErrorIs(t, err, state.ErrFenced)
	require.Empty(t, report.Damaged)
}
