package oslock

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// TestHolder: a lock that was just taken, and still names a process that is dead, is the new one's.
func TestHolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there nobody knows who is dead")
	}
	host, err := os.Hostname()
	require.NoError(t, err)
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	text := func(pid int) []byte {
		raw, err := json.Marshal(state.Holder{PID: pid, Host: host})
		require.NoError(t, err)
		return raw
	}
	file := filepath.Join(t.TempDir(), "lock")
	l, err := Try(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	require.NoError(t, l.SetText(text(gone.Process.Pid)))
	asked := 0
	h, err := Holder(func() (bool, []byte, error) {
		if asked++; asked == 3 {
			require.NoError(t, l.SetText(text(os.Getpid())))
		}
		return Probe(file)
	})
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), h.PID)

	require.NoError(t, l.SetText(text(gone.Process.Pid)))
	h, err = Holder(func() (bool, []byte, error) { return Probe(file) })
	require.NoError(t, err)
	require.Equal(t, state.Holder{}, *h, "held, by whom is not known")
}
