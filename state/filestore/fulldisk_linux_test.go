package filestore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/dogear-go/dogear/state"
)

// smallTmpfs mounts a file system in memory that is nearly full.
func smallTmpfs(t *testing.T, at string) {
	if err := unix.Mount("none", at, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED: a disk that is full: mounting a small tmpfs needs root: %v", err)
	}
}

// smallExt4 mounts an ext4 in a file, which unlike a tmpfs allocates blocks when it writes them out.
func smallExt4(t *testing.T, at string) {
	image := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 4<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: an ext4 that is full: mkfs.ext4: %v %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, at).CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: an ext4 that is full: mounting it needs root and loop devices: %v %s", err, out)
	}
}

// TestDiskReallyFull fills a disk to its last bytes: what was acknowledged is kept, nothing becomes damage, everything
// that only reads goes on, and so does the run once there is room again.
func TestDiskReallyFull(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(*testing.T, string){"tmpfs": smallTmpfs, "ext4": smallExt4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mount(t, dir)
			t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
			fillUp(t, dir)
		})
	}
}

func fillUp(t *testing.T, dir string) {
	s, err := Open(filepath.Join(dir, "output"))
	require.NoError(t, err)
	r, err := state.OpenRecorder(t.Context(), s, testRun, state.RecorderOptions{})
	require.NoError(t, err)
	_, err = r.Commit(createdEvent())
	require.NoError(t, err)
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 200<<10), 0o600))
	leaveRoom(t, dir, 300<<10)

	acked := uint64(1)
	for err == nil {
		var seq uint64
		if seq, err = r.Commit(event(state.RunWarning{Code: "c", Message: strings.Repeat("x", 2000)})); err == nil {
			acked = seq
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.Greater(t, acked, uint64(100))
	require.Less(t, stillFits(t, dir), 8<<10, "the last bytes can be used")
	require.ErrorIs(t, r.Close(t.Context()), state.ErrJournalFailed)

	stillReadable(t, s, acked)
	takesNothing(t, s)

	require.NoError(t, os.Remove(ballast))
	r, err = state.OpenRecorder(t.Context(), s, testRun, state.RecorderOptions{})
	require.NoError(t, err)
	seq, err := r.Commit(event(state.RunStopped{Status: state.StatusCompleted}))
	require.NoError(t, err)
	require.Greater(t, seq, acked)
	require.NoError(t, r.Close(t.Context()))
	require.Equal(t, state.StatusCompleted, statusOf(t, s, testRun))
	report, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, state.Report{Records: int(seq) + 1}, report, "and the mark of closing")
}

// stillReadable: a full disk keeps nobody from reading, nor from opening.
func stillReadable(t *testing.T, s *Store, acked uint64) {
	lines, err := contents(s)
	require.NoError(t, err)
	require.GreaterOrEqual(t, uint64(len(lines)), acked)
	report, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err)
	require.Empty(t, report.Damaged)
	require.Equal(t, state.StatusInterrupted, statusOf(t, s, testRun))
	last, _, err := openOnce(t, s)
	require.NoError(t, err)
	require.EqualValues(t, len(lines), last)
}

// takesNothing: what needs room on the full disk fails, and leaves nothing half done.
func takesNothing(t *testing.T, s *Store) {
	big := make([]byte, 64<<10)
	require.ErrorIs(t, s.SaveSnapshot(t.Context(), testRun, big), syscall.ENOSPC)
	_, err := s.LoadSnapshot(t.Context(), testRun)
	require.ErrorIs(t, err, state.ErrNotFound)
	list, err := s.Requests(t.Context(), testRun)
	require.NoError(t, err)
	require.Empty(t, list)
	j, err := s.Open(t.Context(), "another", state.OpenOptions{})
	if err == nil {
		created := createdEvent()
		created.Data = state.RunCreated{Format: state.Format, RunID: testID, Name: "another", Params: []byte(`"` + strings.Repeat("x", 64<<10) + `"`)}
		created.Seq = 1
		err = j.Append(t.Context(), []state.Event{created}, true)
		require.NoError(t, j.Close())
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, err = s.Head(t.Context(), "another")
	require.ErrorIs(t, err, state.ErrNotFound)
	entries, err := os.ReadDir(s.RunDir(testRun))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), ".tmp")
	}
}

// room is how many bytes a user may still write.
func room(t *testing.T, dir string) int64 {
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(dir, &st))
	return int64(st.Bfree) * st.Bsize
}

// stillFits is how many bytes another file can take. What is reserved for the system, room counts and this does not.
func stillFits(t *testing.T, dir string) (n int) {
	f, err := os.Create(filepath.Join(dir, "more"))
	if err == nil {
		for err == nil {
			_, err = f.Write(make([]byte, 1<<10))
			n += 1 << 10
		}
		require.NoError(t, f.Close())
		require.NoError(t, os.Remove(f.Name()))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return n
}

// leaveRoom fills the disk until not much more is left.
func leaveRoom(t *testing.T, dir string, left int64) {
	f, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for room(t, dir) > left {
		_, err := f.Write(make([]byte, 4<<10))
		require.NoError(t, err)
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
}
