package pgstore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunWith(t, storetest.Options{
		Open:   func(t *testing.T) state.Store { return open(t, few(t), Options{}) },
		Reopen: again,
		Expire: func(t testing.TB, s state.Store, run string) { expire(t, s.(*Store), run) },
	})
}

// again opens the store's schema over connections of its own.
func again(t testing.TB, s state.Store) state.Store {
	p := s.(*Store)
	other, err := New(pool(t, server(t).URL("pool_max_conns", "3")), p.o)
	require.NoError(t, err)
	return other
}
