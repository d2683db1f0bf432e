package sqlitestore

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB, file string) state.Store {
		s, err := Open(t.Context(), file, Options{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	storetest.RunWith(t, storetest.Options{
		Open:   func(t *testing.T) state.Store { return open(t, filepath.Join(t.TempDir(), "sub", "runs.db")) },
		Reopen: func(t testing.TB, s state.Store) state.Store { return open(t, s.(*Store).File()) },
	})
}
