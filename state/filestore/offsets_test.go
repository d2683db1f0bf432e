package filestore

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOffsets: what somebody was given is not touched by what is added, at any length, and may be read meanwhile.
func TestOffsets(t *testing.T) {
	t.Parallel()
	const n = 3*offsetsPiece + 7
	var o offsets
	var readers sync.WaitGroup
	for i := range uint64(n) {
		o.add(int64(i) * 3)
		given := o.first(o.n - min(o.n, i%5))
		readers.Go(func() {
			for k := range given.n {
				if got := given.at(k); got != int64(k)*3 {
					t.Errorf("%d at %d of %d", got, k, given.n)
				}
			}
		})
	}
	readers.Wait()
	c := o.first(offsetsPiece + 1).clone()
	c.add(-1)
	require.EqualValues(t, -1, c.at(offsetsPiece+1))
	require.EqualValues(t, (offsetsPiece+1)*3, o.at(offsetsPiece+1))
	require.EqualValues(t, n, o.n)
}
