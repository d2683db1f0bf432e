package filestore

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.RunWith(t, storetest.Options{
		Open: func(t *testing.T) state.Store {
			s, err := Open(t.TempDir())
			require.NoError(t, err)
			return s
		},
		Reopen: func(t testing.TB, s state.Store) state.Store {
			again, err := Open(s.(*Store).Dir())
			require.NoError(t, err)
			return again
		},
	})
}

// TestSimulatedDisk shows that the simulated disk behaves like the real one, as far as the store can tell.
func TestSimulatedDisk(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) state.Store { return open(simfs.New(), "/deep/down/output") })
}
