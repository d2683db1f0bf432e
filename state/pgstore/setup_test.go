package pgstore

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state/pgstore/pgtest"
)

// shared is the server of all tests that don't stop it.
var shared = sync.OnceValues(func() (*pgtest.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return pgtest.New(ctx)
})

// schemas counts the schemas made on it.
var schemas atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	if schemas.Load() > 0 {
		if s, err := shared(); err == nil {
			if err := s.Remove(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// server returns the shared server.
func server(t testing.TB) *pgtest.Server {
	t.Helper()
	schemas.Add(1)
	s, err := shared()
	pgtest.Check(t, err)
	return s
}

// pool opens a pool that ends with the test.
func pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// few is a pool of few connections.
func few(t testing.TB) *pgxpool.Pool {
	return pool(t, server(t).URL("pool_max_conns", "3"))
}

// schema returns the name of a schema that nobody else uses.
func schema() string { return fmt.Sprintf("test %d", schemas.Add(1)) }

// open returns a migrated store, in a schema of its own unless the options name one.
func open(t *testing.T, p *pgxpool.Pool, o Options) *Store {
	t.Helper()
	if o.Schema == "" {
		o.Schema = schema()
	}
	s, err := New(p, o)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(t.Context()))
	return s
}
