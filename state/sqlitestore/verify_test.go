package sqlitestore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// TestVerifyingManyRunsChecksTheFileSeldom: the check of the whole file would take more time with each run that there is.
func TestVerifyingManyRunsChecksTheFileSeldom(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const runs = 40
	for i := range runs {
		j := start(t, s, fmt.Sprint("run-", i))
		write(t, j, 100, false)
		require.NoError(t, j.Close())
	}
	checks := 0
	require.NoError(t, s.read(t.Context(), func(c *conn) error {
		return c.db.Trace(sqlite3.TRACE_STMT, func(_ sqlite3.TraceEvent, _, sql any) error {
			if strings.Contains(fmt.Sprint(sql), "quick_check") {
				checks++
			}
			return nil
		})
	}))
	verify := func() {
		for i := range runs {
			report, err := s.Verify(t.Context(), fmt.Sprint("run-", i))
			require.NoError(t, err)
			require.Equal(t, state.Report{Records: 101}, report)
		}
	}
	verify()
	t.Log("checks:", checks)
	require.Positive(t, checks)
	require.Less(t, checks, runs/2)

	before := checks
	j := resume(t, s, "run-0")
	write(t, j, 1, true)
	require.NoError(t, j.Close())
	_, err := s.Verify(t.Context(), "run-1")
	require.NoError(t, err)
	require.Equal(t, before+1, checks, "the file has changed")
}
