package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// patient are options under which nothing is given up in these tests.
var patient = Options{Lease: time.Minute, Retry: 50 * time.Second}

// randomly appends a batch of some size, with sync or without.
func (w *writer) randomly(rng *rand.Rand, i *int) error {
	batch := make([]state.Event, rng.IntN(4))
	for k := range batch {
		*i++
		batch[k] = note(numbered(*i) + strings.Repeat("x", rng.IntN(3000)))
	}
	return w.try(rng.IntN(3) == 0, batch...)
}

// Connections are cut before, within and behind statements: nothing is lost, nothing is there twice, nothing is out of
// order. Opening and closing is tried as well.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	p, net := cuttable(t, "pool_max_conns", "3")
	s := open(t, p, patient)
	w := start(t, s, run)
	rng := rand.New(rand.NewPCG(seed, 2))
	net.cutting(seed, 6)
	for i := 0; net.count() < sizes.Get().Cuts; {
		require.NoError(t, w.randomly(rng, &i), "%s=%d", sizes.SeedVariable, seed)
		if rng.IntN(20) == 0 {
			last := w.j.Last()
			require.NoError(t, w.j.Close(), "%s=%d", sizes.SeedVariable, seed)
			again := resume(t, s, run)
			require.Equal(t, last, again.j.Last(), "%s=%d", sizes.SeedVariable, seed)
			again.sent = w.sent
			w = again
		}
	}
	net.cutting(seed, 0)
	w.append(true)
	w.same(s, run)
}

// Whoever administers the server ends sessions at any moment.
func TestEndedSessions(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	name := fmt.Sprintf("ended %d", schemas.Add(1))
	s := open(t, pool(t, server(t).URL("pool_max_conns", "3", "application_name", name)), patient)
	admin := pool(t, server(t).URL("pool_max_conns", "1"))
	w := start(t, s, run)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	ended, progress := 0, make(chan struct{})
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 3))
		for ended < sizes.Get().Cuts {
			select { // on a busy machine nothing would ever succeed otherwise
			case <-progress:
			case <-ctx.Done():
				return
			}
			timer := time.NewTimer(time.Duration(rng.IntN(3000)) * time.Microsecond)
			<-timer.C
			tag, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 ORDER BY random() LIMIT 1`, name)
			if err != nil {
				t.Errorf("end a session: %v", err)
				return
			}
			ended += int(tag.RowsAffected())
		}
		stop()
	})
	rng := rand.New(rand.NewPCG(seed, 4))
	for i := 0; ctx.Err() == nil; {
		if err := w.randomly(rng, &i); err != nil {
			stop()
			wg.Wait()
			require.NoError(t, err, "%s=%d", sizes.SeedVariable, seed)
		}
		select {
		case progress <- struct{}{}:
		default:
		}
	}
	wg.Wait()
	require.GreaterOrEqual(t, ended, sizes.Get().Cuts)
	w.append(true)
	w.same(s, run)
}

// Reads are tried again, too, and so is what is asked of a run from outside, and its removal.
func TestEverythingElseOverCutConnections(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	p, net := cuttable(t, "pool_max_conns", "2")
	s := open(t, p, patient)
	net.cutting(seed, 8)
	ctx := t.Context()
	for round := range sizes.Get().Cuts / 30 {
		name := fmt.Sprint("run-", round)
		w := start(t, s, name)
		w.append(false, note("a"), note("b"))
		require.NoError(t, s.SaveSnapshot(ctx, name, []byte(name)))
		require.NoError(t, s.Ask(ctx, name, state.Request{Kind: state.AskApprove, Step: "review"}))
		list, err := s.Requests(ctx, name)
		require.NoError(t, err)
		require.Len(t, list, 1, "asked once")
		_, err = s.Done(ctx, name, list[0], round%2 == 0)
		require.NoError(t, err)
		list, err = s.Requests(ctx, name)
		require.NoError(t, err)
		require.Empty(t, list)
		data, err := s.LoadSnapshot(ctx, name)
		require.NoError(t, err)
		require.Equal(t, name, string(data))
		require.Len(t, texts(t, s, name), 3)
		require.NoError(t, w.j.Close())
		h, err := s.Head(ctx, name)
		require.NoError(t, err)
		require.Nil(t, h.Holder)
		require.NoError(t, s.Remove(ctx, name, state.RemoveOptions{Archive: round%3 == 0}))
		_, err = s.Head(ctx, name)
		require.ErrorIs(t, err, state.ErrNotFound)
		for h, err := range s.List(ctx, state.ListQuery{}) {
			t.Fatalf("%s is listed: %v", h.Run, err)
		}
	}
	require.Positive(t, net.count())
}

// What is not about the connection is not tried again, and neither is anything with Retry below zero.
func TestWhatIsFinal(t *testing.T) {
	t.Parallel()
	p, net := cuttable(t, "pool_max_conns", "1")
	s := open(t, p, Options{Retry: -1})
	w := start(t, s, run)
	net.unplug()
	require.ErrorIs(t, w.try(true, note("a")), state.ErrJournalFailed)
	net.plug()
	require.ErrorIs(t, w.try(true, note("a")), state.ErrJournalFailed)

	s = open(t, p, Options{})
	w = start(t, s, run)
	_, err := p.Exec(t.Context(), s.sql.in(`ALTER TABLE {schema}.events ADD CONSTRAINT full_disk CHECK (seq < 3)`))
	require.NoError(t, err)
	w.append(true, note("a"))
	begun := time.Now()
	err = w.try(true, note("b"))
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.Equal(t, "23514", codeOf(err))
	require.Less(t, time.Since(begun), s.o.Retry/2)

	p.Close()
	_, err = s.Head(t.Context(), run)
	require.Error(t, err)
	require.Less(t, time.Since(begun), s.o.Retry/2, "a pool that was closed is not waited for")
}

// The caller gives up while the database can't be reached.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	p, net := cuttable(t, "pool_max_conns", "2")
	s := open(t, p, patient)
	w := start(t, s, run)
	net.unplug()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.Head(ctx, run)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err = w.j.Append(ctx, w.number([]state.Event{note("a")}), true)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	net.plug()
	require.True(t, errors.Is(w.try(true, note("a")), state.ErrJournalFailed))
}
