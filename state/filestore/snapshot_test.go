package filestore

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// TestSnapshotInPieces: a snapshot may be written and read in pieces; one that could not be written leaves the last.
func TestSnapshotInPieces(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	write := func(parts []string, fail error) error {
		return s.WriteSnapshot(t.Context(), testRun, func(w io.Writer) error {
			for _, p := range parts {
				if _, err := io.WriteString(w, p); err != nil {
					return err
				}
			}
			return fail
		})
	}
	read := func() string {
		r, err := s.OpenSnapshot(t.Context(), testRun)
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		whole, err := s.LoadSnapshot(t.Context(), testRun)
		require.NoError(t, err)
		require.Equal(t, string(data), string(whole))
		return string(data)
	}
	require.ErrorIs(t, write([]string{"x"}, nil), state.ErrNotFound)
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true))
	_, err = s.OpenSnapshot(t.Context(), testRun)
	require.ErrorIs(t, err, state.ErrNotFound)

	long := strings.Repeat("long ", 30_000)
	require.NoError(t, write([]string{"a", long, "b"}, nil))
	require.Equal(t, "a"+long+"b", read())
	broken := errors.New("broken")
	require.ErrorIs(t, write([]string{"half"}, broken), broken)
	require.Equal(t, "a"+long+"b", read())
	require.NoError(t, write([]string{"short"}, nil))
	require.Equal(t, "short", read())
	require.NoError(t, j.Close())
}
