package filestore

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// hesitant has locks that are busy until somebody looks who has them: the holder lets go at that moment.
type hesitant struct {
	vfs.OS
	free *bool
}

func (h hesitant) TryLock(name string) (vfs.Lock, error) {
	if !*h.free {
		return nil, vfs.ErrBusy
	}
	return h.OS.TryLock(name)
}

func (h hesitant) ProbeLock(name string) (bool, []byte, error) {
	*h.free = true
	return h.OS.ProbeLock(name)
}

// TestALockThatIsLetGoAtTheLastMomentIsTaken: nobody is reported as the holder.
func TestALockThatIsLetGoAtTheLastMomentIsTaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(hesitant{free: new(bool)}, dir)
		j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
		require.NoError(t, err)
		require.NoError(t, j.Close())
	})
}
