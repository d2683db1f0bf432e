package pgstore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// short is a lease that is kept, and runs out, within the patience of a test.
const short = 300 * time.Millisecond

// wait until something is so. Leases are kept by the database's clock, which no test can turn.
func wait(t *testing.T, most time.Duration, so func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		require.Less(t, time.Since(begun), most)
		<-tick.C
	}
	return time.Since(begun)
}

func TestALeaseIsRenewed(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{Lease: short})
	w := start(t, s, run)
	begun := time.Now()
	var before time.Time
	renewals := 0
	wait(t, 10*short, func() bool {
		_, err := s.Open(t.Context(), run, state.OpenOptions{})
		var held *state.HeldError
		require.ErrorAs(t, err, &held)
		require.Positive(t, held.PID)
		require.NotEmpty(t, held.Host)
		require.WithinDuration(t, begun, held.Since, 5*time.Second)
		require.True(t, held.Until.After(held.Since))
		if held.Until.After(before) {
			before = held.Until
			renewals++
		}
		return time.Since(begun) > 4*short
	})
	require.GreaterOrEqual(t, renewals, 8)
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, before.Sub(h.Holder.Until) <= 0, true)
	require.Equal(t, state.StatusRunning, h.Status)
	w.append(true, note("still here"))
}

func TestALeaseThatNobodyRenewsRunsOut(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{Lease: short})
	w := start(t, s, run)
	w.append(true, note("a"))
	w.abandon()
	_, err := s.Open(t.Context(), run, state.OpenOptions{})
	var held *state.HeldError
	require.ErrorAs(t, err, &held)
	require.ErrorIs(t, s.Remove(t.Context(), run, state.RemoveOptions{}), state.ErrLocked)
	wait(t, 10*short, func() bool {
		j, err := s.Open(t.Context(), run, state.OpenOptions{})
		if errors.Is(err, state.ErrLocked) {
			return false
		}
		require.NoError(t, err)
		require.NoError(t, j.Close())
		return true
	})
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Nil(t, h.Holder)
	require.Equal(t, state.StatusInterrupted, h.Status)
	require.EqualValues(t, 2, h.Last)
}

func TestALeaseIsGivenBackOnClose(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	w := start(t, s, run)
	require.NoError(t, w.j.Close())
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Nil(t, h.Holder)
	resume(t, s, run) // at once
}

// An opening that fails after it took the lease does not keep it: whoever repairs the run, or tries again, can do so at once.
func TestAFailedOpeningGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode state.Mode
		new  bool                                                            // there is no such run before
		fail func(t *testing.T, s *Store, net *wire, h *hook, cancel func()) // brings it about
		want error
	}{
		"its last record is damaged": {want: state.ErrDamaged, fail: func(t *testing.T, s *Store, _ *wire, _ *hook, _ func()) {
			spoil(t, s, run, 2)
		}},
		"nothing is left of it": {want: state.ErrDamaged, fail: func(t *testing.T, s *Store, _ *wire, _ *hook, _ func()) {
			_, err := s.pool.Exec(t.Context(), s.sql.in(`DELETE FROM {schema}.events`))
			require.NoError(t, err)
		}},
		"a newer version wrote it": {want: state.ErrNewerFormat, fail: func(t *testing.T, s *Store, _ *wire, _ *hook, _ func()) {
			e := state.New(state.Scope{}, state.RunCreated{Format: state.Format + 1, RunID: "id-of-" + run, Name: run})
			e.Seq, e.Epoch = 1, 1
			line, err := state.AppendRecord(nil, "id-of-"+run, e)
			require.NoError(t, err)
			_, err = s.pool.Exec(t.Context(), s.sql.in(`UPDATE {schema}.events SET record = $1 WHERE seq = 1`), line[:len(line)-1])
			require.NoError(t, err)
		}},
		"another made it meanwhile": {want: state.ErrExists, new: true, mode: state.Create, fail: func(t *testing.T, s *Store, _ *wire, h *hook, _ func()) {
			other := sibling(t, few(t), s)
			h.before(s.sql.take, func() { assert.NoError(t, start(t, other, run).j.Close()) })
		}},
		"the caller gives up when it has the lease": {want: context.Canceled, fail: func(_ *testing.T, s *Store, _ *wire, h *hook, cancel func()) {
			h.before(s.sql.ends, cancel)
		}},
		"the caller gives up before it knows that it has the lease": {want: context.Canceled, fail: func(_ *testing.T, s *Store, net *wire, h *hook, cancel func()) {
			h.before(s.sql.take, func() { net.lose(cancel) })
		}},
		"the caller gives up a new run": {want: context.Canceled, new: true, fail: func(_ *testing.T, s *Store, net *wire, h *hook, cancel func()) {
			h.before(s.sql.take, func() { net.lose(cancel) })
		}},
		"the connection is lost": {want: errCut, fail: func(_ *testing.T, s *Store, net *wire, h *hook, _ func()) {
			h.before(s.sql.take, func() { net.lose(func() {}) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, net, h := hooked(t, "pool_max_conns", "3", "default_query_exec_mode", "exec")
			s := open(t, p, Options{Retry: -1})
			if !c.new {
				w := start(t, s, run)
				w.append(true, note("a"))
				require.NoError(t, w.j.Close())
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.fail(t, s, net, h, cancel)
			_, err := s.Open(ctx, run, state.OpenOptions{Mode: c.mode})
			require.ErrorIs(t, err, c.want)
			f, err := s.lookFor(t.Context(), run)
			if c.new && c.mode != state.Create {
				require.ErrorIs(t, err, pgx.ErrNoRows, "nothing is kept of a run that never began")
				return
			}
			require.NoError(t, err)
			require.False(t, f.held)
		})
	}
}

// Nor does a journal whose first append was carried out without its knowing.
func TestAFirstAppendWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	p, net, h := hooked(t, "pool_max_conns", "3", "default_query_exec_mode", "exec")
	s := open(t, p, Options{Retry: -1})
	w := resume(t, s, run)
	h.before(s.sql.create, func() { net.lose(func() {}) })
	err := w.try(true, state.New(state.Scope{}, state.RunCreated{Format: state.Format, RunID: "id", Name: run, Pipeline: "novel"}))
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.NoError(t, w.j.Close())
	head, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Nil(t, head.Holder)
}

// An opening is tried again when its connection was lost. What was sent before may be carried out later, and must neither
// fence this very opening off nor take the lease when it was given back.
func TestAnOpeningThatIsCarriedOutLate(t *testing.T) {
	t.Parallel()
	s := open(t, few(t), Options{})
	w := start(t, s, run)
	late := func() error {
		var epoch int64
		var id string
		return s.pool.QueryRow(t.Context(), s.sql.take, w.j.id, w.j.token, 1, "host", s.o.Lease.Microseconds(), w.j.seen).Scan(&epoch, &id)
	}
	require.NoError(t, late())
	w.append(true, note("a"))
	renewed, err := w.j.lease.ask(time.Minute)
	require.NoError(t, err)
	require.True(t, renewed)

	require.NoError(t, w.j.Close())
	require.ErrorIs(t, late(), pgx.ErrNoRows)
	h, err := s.Head(t.Context(), run)
	require.NoError(t, err)
	require.Nil(t, h.Holder)
}

func TestLosingTheDatabaseLosesTheRun(t *testing.T) {
	t.Parallel()
	p, net := cuttable(t, "pool_max_conns", "3")
	s := open(t, p, Options{Lease: short})
	w := start(t, s, run)
	idle := start(t, s, "idle")
	begun := time.Now()
	net.unplug()
	err := w.try(true, note("b")) // is tried again, and says so before the lease is lost
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.NotErrorIs(t, err, state.ErrFenced)
	<-idle.j.Lost()
	took := time.Since(begun)
	require.Greater(t, took, short*2/3-50*time.Millisecond)
	require.Less(t, took, 2*short)
	require.ErrorIs(t, idle.try(true, note("b")), state.ErrFenced)
	net.plug()
	require.Equal(t, []string{"run.created"}, texts(t, s, "idle"))
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	p := few(t) // not parallel: it counts goroutines
	s := open(t, p, Options{})
	require.NoError(t, p.Ping(t.Context()))
	var all []*writer
	for _, name := range []string{"a", "b", "c", "d"} {
		all = append(all, start(t, s, name))
	}
	require.Equal(t, 4, renewing())
	var wg sync.WaitGroup
	for _, w := range all {
		wg.Go(func() { _ = w.j.Close() })
	}
	wg.Wait()
	require.Zero(t, renewing())
	require.Zero(t, p.Stat().AcquiredConns())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Open(ctx, "a", state.OpenOptions{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Open(t.Context(), "a", state.OpenOptions{Mode: state.Create})
	require.ErrorIs(t, err, state.ErrExists)
	_, err = s.Open(t.Context(), "e", state.OpenOptions{Mode: state.OpenExisting})
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Zero(t, renewing(), "what was not opened renews nothing")
}

// renewing counts the goroutines that renew leases.
func renewing() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "(*lease).keep(")
}
