package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/dogear-go/dogear/workflow"
)

func TestAWriterThatLostItsRunIsFenced(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	old := start(t, s, run)
	old.append(false, note("a"))
	expire(t, s, run)
	other := sibling(t, few(t), s)
	heir := resume(t, other, run)
	require.EqualValues(t, 2, heir.j.Last())
	require.Equal(t, old.j.Epoch()+1, heir.j.Epoch())

	err := old.try(true, note("too late"))
	require.ErrorIs(t, err, state.ErrFenced)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	<-old.j.Lost()
	err = old.try(true, note("too late"))
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.NoError(t, old.j.Close())

	heir.append(true, note("b"))
	require.Equal(t, []string{"run.created", "a", "b"}, texts(t, s, run))
	_, err = s.Open(t.Context(), run, state.OpenOptions{})
	require.ErrorIs(t, err, state.ErrLocked, "closing the old journal gave no lease of another back")
}

// A run that was removed, archived or made anew is not written any more by whoever had it before.
func TestAWriterOfARemovedRunIsFenced(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]state.RemoveOptions{"deleted": {}, "archived": {Archive: true}} {
		for _, again := range []bool{false, true} {
			name := fmt.Sprint(name, again)
			s := open(t, few(t), Options{})
			old := start(t, s, name)
			expire(t, s, name)
			require.NoError(t, s.Remove(t.Context(), name, o))
			if again {
				start(t, s, name)
			}
			require.ErrorIs(t, old.try(true, note("too late")), state.ErrFenced, name)
			var late int
			require.NoError(t, s.pool.QueryRow(t.Context(), s.sql.in(`SELECT count(*) FROM {schema}.events WHERE seq > 1`)).Scan(&late))
			require.Zero(t, late, name)
		}
	}
}

// A writer whose run another archived is told so by the next renewal of its lease, although it appends nothing.
func TestAWriterOfAnArchivedRunIsTold(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{Lease: short})
	old := start(t, s, run)
	wait(t, 10*time.Second, func() bool { // the writer lives, and renews its lease
		expire(t, s, run)
		err := s.Remove(t.Context(), run, state.RemoveOptions{Archive: true})
		if err != nil {
			require.ErrorIs(t, err, state.ErrLocked)
		}
		return err == nil
	})
	select {
	case <-old.j.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("it is not told")
	}
}

// What an opening finds is the end: whoever had the run before adds nothing behind it, at whatever moment it loses it.
func TestTakingOverWhileTheOtherAppends(t *testing.T) {
	t.Parallel()
	for name, params := range map[string][]string{
		"read-committed": {"pool_max_conns", "3"},
		"serializable":   {"pool_max_conns", "3", "default_transaction_isolation", "serializable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pool(t, server(t).URL(params...))
			s := open(t, p, Options{})
			other := sibling(t, pool(t, server(t).URL(params...)), s)
			w := start(t, s, run)
			for round := range sizes.Get().Steals {
				var acked atomic.Uint64
				acked.Store(w.j.Last())
				begun, ended := make(chan struct{}), make(chan error, 1)
				go func() {
					for i := 0; ; i++ {
						if err := w.try(i%3 == 0, note("x"), note("y")); err != nil {
							ended <- err
							return
						}
						if acked.Store(w.j.Last()); i == 2 {
							close(begun)
						}
					}
				}()
				<-begun
				expire(t, s, run)
				j, err := other.Open(t.Context(), run, state.OpenOptions{})
				if errors.Is(err, state.ErrLocked) { // renewed in between
					expire(t, s, run)
					j, err = other.Open(t.Context(), run, state.OpenOptions{})
				}
				require.NoError(t, err)
				heir := &writer{t: t, j: j.(*journal), durable: j.Last()}
				found := heir.j.Last()
				heir.append(true, note(numbered(round)))
				require.ErrorIs(t, <-ended, state.ErrFenced)
				require.LessOrEqual(t, acked.Load(), found, "what was acknowledged is there")
				h, err := s.Head(t.Context(), run)
				require.NoError(t, err)
				require.Equal(t, found+1, h.Last)
				w = heir
				s, other = other, s
			}
			texts(t, s, run)
		})
	}
}

func TestARunThatIsLostPaysNoMore(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	other := sibling(t, few(t), s)
	const items, lostAt = 50, 3
	var paid atomic.Int64
	list := workflow.NewTask("list", func(context.Context) ([]string, error) {
		names := make([]string, items)
		for i := range names {
			names[i] = fmt.Sprint(i)
		}
		return names, nil
	})
	prose := workflow.NewEach("prose", list.Result, func(s string) string { return s },
		func(context.Context, string) (string, error) {
			if paid.Add(1) == lostAt {
				expire(t, s, run)
				resume(t, other, run)
			}
			return "text", nil
		}, workflow.Concurrency(1))
	novel, err := workflow.New("novel", list, prose)
	require.NoError(t, err)
	_, err = novel.Run(t.Context(), run, workflow.Config{Store: s})
	require.ErrorIs(t, err, state.ErrFenced)
	require.EqualValues(t, lostAt, paid.Load())
	h, err := other.Head(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, state.StatusRunning, h.Status)
	done := 0
	for e, err := range other.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		if e.Type == state.TypeItemCompleted {
			done++
		}
	}
	require.Equal(t, lostAt-1, done)
}

// Somebody writes into the tables with SQL, under the epoch of the writer.
func TestWhatAnotherWroteIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]string{
		"another event with the next number": `INSERT INTO {schema}.events SELECT run, seq + 1, total, record FROM {schema}.events`,
		"far behind it":                      `INSERT INTO {schema}.events SELECT run, seq + 7, total, record FROM {schema}.events; DELETE FROM {schema}.events WHERE seq = 1`,
		"nothing is left":                    `DELETE FROM {schema}.events`,
	} {
		s := open(t, few(t), Options{})
		w := start(t, s, run)
		_, err := s.pool.Exec(t.Context(), s.sql.in(put), pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, name)
		require.ErrorIs(t, w.try(true, note("a")), state.ErrJournalFailed, name)
		var late int
		require.NoError(t, s.pool.QueryRow(t.Context(), s.sql.in(`SELECT count(*) FROM {schema}.events WHERE position('"a"' IN encode(record, 'escape')) > 0`)).Scan(&late))
		require.Zero(t, late, name)
	}
}
