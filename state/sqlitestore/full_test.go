//go:build linux

package sqlitestore

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// TestFullDisk fills a real disk, a small tmpfs: the append fails and says why, nothing is lost, and with some room the
// run goes on.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a full disk; only root can mount a small one")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("NOT TESTED: a full disk; no tmpfs can be mounted here: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // if the test failed, files are open
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 2<<20), filePerm))
	s, err := Open(t.Context(), filepath.Join(dir, "runs.db"), Options{})
	require.NoError(t, err)
	j := start(t, s, "a")
	for err == nil {
		err = j.Append(t.Context(), number(j.Last(), item("1", strings.Repeat("x", 5000))), j.Last()%2 == 0)
	}
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.ErrorContains(t, err, "the disk is full")
	last := j.Last()
	require.Greater(t, last, uint64(20))
	require.ErrorIs(t, j.Append(t.Context(), number(last, item("1", "x")), true), state.ErrJournalFailed)
	require.NoError(t, j.Close())
	list, err := collect(t.Context(), s, "a", state.Query{})
	require.NoError(t, err)
	require.Len(t, list, int(last))

	require.NoError(t, os.Remove(ballast))
	j = resume(t, s, "a")
	require.Equal(t, last, j.Last())
	write(t, j, 20, true)
	require.NoError(t, errors.Join(j.Close(), s.Close()))

	s, err = Open(t.Context(), s.File(), Options{})
	require.NoError(t, err)
	list, err = collect(t.Context(), s, "a", state.Query{})
	require.NoError(t, err)
	require.Len(t, list, int(last)+20)
	report, err := s.Verify(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, report.Damaged)
	require.NoError(t, s.Close())
}

const readOnlyVariable = "DOGEAR_TEST_READONLY"

// TestReadOnly opens what may not be written, as another user: root may write anything.
func TestReadOnly(t *testing.T) {
	if at := os.Getenv(readOnlyVariable); at != "" {
		readOnly(t, at)
		return
	}
	dir, err := os.MkdirTemp("", "dogear-readonly-") // the folders of t.TempDir let nobody else in
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	s, err := Open(t.Context(), filepath.Join(dir, "runs.db"), Options{})
	require.NoError(t, err)
	require.NoError(t, start(t, s, "a").Close())
	require.NoError(t, s.Close())
	before, err := os.ReadFile(s.File())
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(dir, "test")
	copied, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, copied, 0o755))
	require.NoError(t, os.Chmod(s.File(), 0o444))
	require.NoError(t, os.Chmod(dir, 0o555))
	defer func() { require.NoError(t, os.Chmod(dir, 0o700)) }()
	cmd := exec.Command(program, "-test.run", "^TestReadOnly$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), readOnlyVariable+"="+s.File())
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestReadOnly")
	after, err := os.ReadFile(s.File())
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func readOnly(t *testing.T, file string) {
	for _, name := range []string{file, file + "-another"} {
		_, err := Open(t.Context(), name, Options{})
		require.ErrorIs(t, err, os.ErrPermission, name)
		require.ErrorContains(t, err, filepath.Base(name))
	}
}
