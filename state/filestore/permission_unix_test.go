//go:build !windows

package filestore

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// nobody is the user of tests of permissions when root runs them, since root may do anything.
const nobody = 65534

// asUser runs the test in a child process under another user when this one is root's, and returns false then; the test
// has nothing left to do.
func asUser(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Logf("as user %d", os.Geteuid())
		return true
	}
	// Neither the test binary's directory nor the test's own may be entered by others.
	dir, err := os.MkdirTemp("", "dogear-test")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.Executable()
	require.NoError(t, err)
	child := filepath.Join(dir, "test")
	copyFile(t, self, child)

	cmd := exec.Command(child, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skipf("NOT TESTED: permissions: no process can be started under another user: %v", err)
	}
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	require.Contains(t, string(out), fmt.Sprint("as user ", nobody))
	return false
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	require.NoError(t, err)
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(out, in)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, out.Close())
}

// modes sets the mode of a run's folder and of the files in it until the test ends.
func modes(t *testing.T, s *Store, folder, files fs.FileMode) {
	t.Helper()
	dir := s.RunDir(testRun)
	require.NoError(t, os.Chmod(dir, 0o700))
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		require.NoError(t, os.Chmod(filepath.Join(dir, e.Name()), files))
	}
	require.NoError(t, os.Chmod(dir, folder))
	t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o700)) })
}

func permissionRun(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	w := startRun(t, s, testRun)
	w.add(stopped(state.StatusPaused))
	require.NoError(t, s.SaveSnapshot(t.Context(), testRun, []byte("old")))
	w.end()
	return s
}

// TestReadOnlyRun: who may not write may read. What would have to write says so, changes nothing, and calls nothing
// damaged.
func TestReadOnlyRun(t *testing.T) {
	t.Parallel()
	if !asUser(t) {
		return
	}
	s := permissionRun(t)
	modes(t, s, 0o500, 0o400)
	before := journalOf(t, s)
	require.Equal(t, state.StatusPaused, statusOf(t, s, testRun))
	lines, err := contents(s)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	report, err := s.Verify(t.Context(), testRun)
	require.NoError(t, err)
	require.Empty(t, report.Damaged)

	_, err = s.Open(t.Context(), testRun, state.OpenOptions{})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.NotErrorIs(t, err, state.ErrDamaged)
	require.NotErrorIs(t, err, state.ErrLocked)
	require.ErrorIs(t, s.SaveSnapshot(t.Context(), testRun, []byte("new")), fs.ErrPermission)
	require.ErrorIs(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskPause}), fs.ErrPermission)
	require.ErrorIs(t, s.Ask(t.Context(), testRun, state.Request{Kind: state.AskApprove}), fs.ErrPermission)
	_, err = s.Repair(t.Context(), testRun)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorIs(t, s.Remove(t.Context(), testRun, state.RemoveOptions{}), fs.ErrPermission)
	data, err := s.LoadSnapshot(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, "old", string(data))
	require.Equal(t, before, journalOf(t, s))
	list, err := os.ReadDir(s.RunDir(testRun))
	require.NoError(t, err)
	require.Len(t, list, 3, "journal, checkpoint and lock, and nothing temporary")
}

// TestReadOnlyFolder: in a folder that takes no new file, a run goes on in the files that it has. Only its checkpoint
// stays as it was, which is a cache.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	if !asUser(t) {
		return
	}
	s := permissionRun(t)
	modes(t, s, 0o500, 0o600)
	r, err := state.OpenRecorder(t.Context(), s, testRun, state.RecorderOptions{})
	require.NoError(t, err)
	_, err = r.Commit(event(state.SessionOpened{}))
	require.NoError(t, err)
	_, err = r.Commit(stopped(state.StatusCompleted))
	require.NoError(t, err)
	require.NoError(t, r.Close(t.Context()))
	require.Equal(t, state.StatusCompleted, statusOf(t, s, testRun))
	data, err := s.LoadSnapshot(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, "old", string(data))
}

// TestReadOnlyStore: no run can begin in it, and none is left half begun.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	if !asUser(t) {
		return
	}
	s := permissionRun(t)
	require.NoError(t, os.Chmod(s.Dir(), 0o500))
	defer func() { require.NoError(t, os.Chmod(s.Dir(), 0o700)) }()
	_, err := s.Open(t.Context(), "another", state.OpenOptions{})
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorIs(t, s.Remove(t.Context(), testRun, state.RemoveOptions{}), fs.ErrPermission)
	require.ErrorIs(t, s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: true}), fs.ErrPermission)
	require.Equal(t, state.StatusPaused, statusOf(t, s, testRun))
	list, err := os.ReadDir(s.Dir())
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// TestUnreadableRun is listed with its error, beside the others, and never taken for a run that is not there.
func TestUnreadableRun(t *testing.T) {
	t.Parallel()
	if !asUser(t) {
		return
	}
	for _, mode := range []struct{ folder, files fs.FileMode }{{0o700, 0}, {0, 0o600}} {
		s := permissionRun(t)
		w := startRun(t, s, "Zzz")
		w.end()
		modes(t, s, mode.folder, mode.files)
		_, err := s.Head(t.Context(), testRun)
		require.ErrorIs(t, err, fs.ErrPermission)
		_, err = s.Open(t.Context(), testRun, state.OpenOptions{})
		require.ErrorIs(t, err, fs.ErrPermission)
		_, err = s.Open(t.Context(), testRun, state.OpenOptions{Mode: state.Create})
		require.Error(t, err)
		found := map[string]error{}
		for h, err := range s.List(t.Context(), state.ListQuery{}) {
			found[h.Run] = err
		}
		require.Len(t, found, 2)
		require.ErrorIs(t, found[testRun], fs.ErrPermission)
		require.NoError(t, found["Zzz"])
	}
}
