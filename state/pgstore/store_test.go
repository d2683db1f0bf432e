package pgstore

import (
	"testing"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunWith(t, storetest.Options{
		// A soak has a thousand runs wait for three connections, for longer than the usual lease on a busy machine.
		Open:   func(t *testing.T) state.Store { return open(t, few(t), Options{Lease: time.Minute}) },
		Reopen: again,
		Expire: expire,
	})
}

// again opens the schema of a store over connections of its own.
func again(t testing.TB, s state.Store) state.Store { return sibling(t, few(t), s.(*Store)) }
