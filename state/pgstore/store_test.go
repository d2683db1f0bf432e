package pgstore

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunWith(t, storetest.Options{
		Open:   func(t *testing.T) state.Store { return open(t, few(t), Options{}) },
		Reopen: again,
		Expire: expire,
	})
}

// again opens the store's schema over connections of its own.
func again(t testing.TB, s state.Store) state.Store {
	p := s.(*Store)
	other, err := New(pool(t, server(t).URL("pool_max_conns", "3")), p.o)
	require.NoError(t, err)
	return other
}

// expire ends the lease of a run, as time would.
func expire(t testing.TB, s state.Store, run string) {
	p := s.(*Store)
	schema := pgx.Identifier{p.o.Schema}.Sanitize()
	done, err := p.pool.Exec(t.Context(), "UPDATE "+schema+".leases SET until = clock_timestamp() WHERE run ="+
		" (SELECT id FROM "+schema+".runs WHERE name = $1 AND archived IS NULL)", run)
	require.NoError(t, err)
	require.EqualValues(t, 1, done.RowsAffected())
}
