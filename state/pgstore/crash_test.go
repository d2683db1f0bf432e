package pgstore

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/pgstore/pgtest"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// lazily makes a server that writes what is not synced only after a long time, so that a shutdown loses it.
const lazily = "wal_writer_delay=10s"

// outage stops the server at once, as a crash does, and starts it again.
func outage(t *testing.T, srv *pgtest.Server, stop func() error) {
	t.Helper()
	require.NoError(t, stop())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, srv.Start(ctx))
}

func TestACrashOfTheServer(t *testing.T) {
	t.Parallel()
	srv := pgtest.Start(t, lazily)
	// The session's default must not matter to what is appended with sync.
	s := open(t, pool(t, srv.URL("pool_max_conns", "3", "synchronous_commit", "off")), patient)
	reader := sibling(t, pool(t, srv.URL()), s)
	last := func() uint64 {
		h, err := reader.Head(t.Context(), run)
		require.NoError(t, err)
		return h.Last
	}
	w := start(t, s, run)
	for _, stop := range []func() error{srv.Immediate, srv.Kill} {
		w.append(false, note("a"))
		w.append(true, note("b"), note("c"))
		outage(t, srv, stop)
		require.Equal(t, w.j.Last(), last(), "what was acknowledged with sync is there")

		// A server may write notes at any time, so this is done until it did not.
		lose := func() {
			for range 20 {
				before := last()
				w.append(false, note("d"))
				w.append(false, note("e"), note("f"))
				outage(t, srv, stop)
				if last() == before {
					s.pool.Reset() // the writer gets a new connection, and sees nothing of what happened
					return
				}
				w.append(true)
			}
			t.Fatal("this test needs a server that loses notes")
		}
		lose()
		w.append(false, note("g")) // and with it what was lost
		require.Len(t, texts(t, reader, run), len(w.sent))
		lose()
		w.append(true) // nothing new, but what was lost is there again, and on the disk
		outage(t, srv, stop)
		require.Equal(t, w.j.Last(), last())

		// An opening makes durable what it finds.
		w.append(false, note("h"))
		require.NoError(t, w.j.Close())
		again := resume(t, s, run)
		again.sent = w.sent
		outage(t, srv, stop)
		require.Equal(t, again.j.Last(), last())
		w = again

		// So does a snapshot, which proves what it covers.
		w.append(false, note("i"))
		require.NoError(t, s.SaveSnapshot(t.Context(), run, []byte("x")))
		outage(t, srv, stop)
		require.Equal(t, w.j.Last(), last())
	}
	w.same(s, run)

	// Without sync in the store nothing of this is promised, and what is lost is noticed.
	loose, err := New(s.pool, Options{Schema: s.o.Schema, Sync: state.SyncNone})
	require.NoError(t, err)
	l := start(t, loose, "loose")
	for range 20 {
		l.append(true, note("a"))
		outage(t, srv, srv.Immediate)
		if err = l.try(true, note("b")); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, state.ErrJournalFailed)
}

// The server goes away in the middle of appends, again and again.
func TestOutages(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	srv := pgtest.Start(t)
	s := open(t, pool(t, srv.URL("pool_max_conns", "4")), Options{Lease: 10 * time.Minute, Retry: 5 * time.Minute})
	reader := sibling(t, pool(t, srv.URL("pool_max_conns", "1")), s)
	w := start(t, s, run)
	var synced, appends atomic.Uint64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 5))
		for i := 0; ctx.Err() == nil; {
			if err := w.randomly(rng, &i); err != nil {
				t.Errorf("%s=%d: %v", sizes.SeedVariable, seed, err)
				return
			}
			synced.Store(w.durable)
			appends.Add(1)
		}
	})
	rng := rand.New(rand.NewPCG(seed, 6))
	stops := []func() error{srv.Immediate, srv.Kill, srv.Fast}
	for range sizes.Get().Outages {
		at := appends.Load() + rng.Uint64N(100) + 1
		wait(t, time.Minute, func() bool { return appends.Load() >= at || t.Failed() })
		if t.Failed() {
			break
		}
		acked := synced.Load()
		outage(t, srv, stops[rng.IntN(len(stops))])
		h, err := reader.Head(t.Context(), run)
		require.NoError(t, err)
		require.GreaterOrEqual(t, h.Last, acked, "%s=%d", sizes.SeedVariable, seed)
	}
	stop()
	wg.Wait()
	require.False(t, t.Failed())
	w.append(true)
	w.same(s, run)
}
