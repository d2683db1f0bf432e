package pgstore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	p := few(t)
	s, err := New(p, Options{})
	require.NoError(t, err)
	require.Equal(t, Options{Schema: "dogear", Lease: 15 * time.Second, Retry: 10 * time.Second}, s.o)
	for name, o := range map[string]Options{
		"a long schema": {Schema: strings.Repeat("x", 64)},
		"a short lease": {Lease: time.Millisecond},
		"negative":      {Lease: -time.Second},
		"no such sync":  {Sync: 7},
	} {
		_, err := New(p, o)
		require.Error(t, err, name)
	}
	_, err = New(nil, Options{})
	require.Error(t, err)
}

func TestAStoreThatWasNotMigrated(t *testing.T) {
	t.Parallel()
	p := few(t)
	s, err := New(p, Options{Schema: schema()})
	require.NoError(t, err)
	check := func() {
		t.Helper()
		_, err := s.Open(t.Context(), run, state.OpenOptions{})
		require.ErrorIs(t, err, ErrNotMigrated)
		require.ErrorContains(t, err, "Migrate")
		_, err = s.Head(t.Context(), run)
		require.ErrorIs(t, err, ErrNotMigrated)
	}
	check()
	_, err = p.Exec(t.Context(), "CREATE SCHEMA "+s.sql.schema)
	require.NoError(t, err)
	check()
	_, err = p.Exec(t.Context(), s.sql.in("CREATE TABLE {schema}.migrations (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"))
	require.NoError(t, err)
	check() // version 0
	require.NoError(t, s.Migrate(t.Context()))
	start(t, s, run)
}

func TestMigratingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	p := few(t)
	s := open(t, p, Options{})
	w := start(t, s, run)
	require.NoError(t, sibling(t, p, s).Migrate(t.Context()))
	w.append(true, note("a"))
	w.same(s, run)
}

func TestManyMigrateAtOnce(t *testing.T) {
	t.Parallel()
	name := schema()
	var wg sync.WaitGroup
	for range 8 {
		s, err := New(few(t), Options{Schema: name})
		require.NoError(t, err)
		wg.Go(func() {
			if err := s.Migrate(context.Background()); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
	s := open(t, few(t), Options{Schema: name})
	var versions int
	require.NoError(t, s.pool.QueryRow(t.Context(), s.sql.in("SELECT count(*) FROM {schema}.migrations")).Scan(&versions))
	files, err := migrations.ReadDir("migrations")
	require.NoError(t, err)
	require.Len(t, files, versions)
}

func TestANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	p := few(t)
	s := open(t, p, Options{})
	_, err := p.Exec(t.Context(), s.sql.in("INSERT INTO {schema}.migrations (version) VALUES (1000)"))
	require.NoError(t, err)
	require.ErrorIs(t, s.Migrate(t.Context()), state.ErrNewerFormat)
	_, err = sibling(t, p, s).Head(t.Context(), run)
	require.ErrorIs(t, err, state.ErrNewerFormat)
}

// A role that may use the tables but create none needs no more than that.
func TestALesserRole(t *testing.T) {
	t.Parallel()
	admin := few(t)
	s := open(t, admin, Options{})
	role := fmt.Sprintf("writer%d", schemas.Add(1))
	_, err := admin.Exec(t.Context(), strings.NewReplacer("{schema}", s.sql.schema, "{role}", role).Replace(`
		CREATE ROLE {role} LOGIN;
		GRANT USAGE ON SCHEMA {schema} TO {role};
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};`), pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	lesser := sibling(t, pool(t, server(t).URL("user", role)), s)
	start(t, lesser, run).append(true, note("a"))
	require.NoError(t, lesser.Migrate(t.Context()), "there is nothing to migrate")
}

// The setting that an append chooses for its own transaction, by that of the session.
func TestHowAppendsAreCommitted(t *testing.T) {
	t.Parallel()
	p := few(t)
	for session, synced := range map[string]string{
		"off": "on", "on": "on", "local": "local", "remote_write": "remote_write", "remote_apply": "remote_apply",
	} {
		for expression, want := range map[string]string{durably: synced, asNote: "off"} {
			tx, err := p.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "SET LOCAL synchronous_commit = "+session)
			require.NoError(t, err)
			var ok bool
			var got string
			require.NoError(t, tx.QueryRow(t.Context(), "SELECT "+expression).Scan(&ok))
			require.NoError(t, tx.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&got))
			require.True(t, ok, session)
			require.Equal(t, want, got, session)
			require.NoError(t, tx.Rollback(t.Context()))
		}
	}
}

// What a user may say of a pool or a store changes none of the promises.
func TestStoreUnderOtherSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		params []string
		o      Options
	}{
		{
			"strict",
			[]string{"default_transaction_isolation", "serializable", "default_query_exec_mode", "exec", "pool_max_conns", "1"},
			Options{Schema: `Odd "quoted" schema`, Lease: time.Minute}, // all runs are written over one connection
		},
		{
			"loose",
			[]string{"default_query_exec_mode", "simple_protocol", "pool_max_conns", "3"},
			Options{Sync: state.SyncNone, Lease: time.Minute},
		},
	}[:sizes.Get().Settings] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := pool(t, server(t).URL(c.params...))
			storetest.RunWith(t, storetest.Options{Expire: expire, Open: func(t *testing.T) state.Store {
				o := c.o
				if o.Schema != "" {
					o.Schema += fmt.Sprint(schemas.Add(1))
				}
				return open(t, p, o)
			}})
		})
	}
}
