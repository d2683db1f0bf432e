package filestore

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// TestMain lets the test binary be the other process: with this variable it holds the run in that directory until it is
// killed.
const holdVariable = "DOGEAR_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	s, err := Open(dir)
	if err == nil {
		_, err = s.Open(noContext(), testRun, state.OpenOptions{})
	}
	fmt.Println("held", err)
	select {} // until killed
}

// startHolder starts a process that holds the run, and returns once it does.
func startHolder(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held <nil>", strings.TrimSpace(line))
	return cmd
}

func TestLockAcrossProcesses(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true))
	require.NoError(t, j.Close())

	other := startHolder(t, s.Dir())
	begin := time.Now()
	_, err = s.Open(t.Context(), testRun, state.OpenOptions{})
	var held *state.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, other.Process.Pid, held.PID)
	require.NotEmpty(t, held.Host)
	require.WithinDuration(t, time.Now(), held.Since, time.Minute)
	require.ErrorContains(t, err, fmt.Sprint("process ", other.Process.Pid))
	require.Less(t, time.Since(begin), time.Second)
	h, err := s.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.Equal(t, other.Process.Pid, h.Holder.PID)
	_, err = s.Repair(t.Context(), testRun)
	require.ErrorAs(t, err, &held)

	require.NoError(t, other.Process.Kill()) // nothing is left to clean up, and nobody waits
	_ = other.Wait()
	j, err = s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, j.Close())
	h, err = s.Head(t.Context(), testRun)
	require.NoError(t, err)
	require.Nil(t, h.Holder)
}

// TestProbingDisturbsNoWriter: readers that ask for the holder take the lock for an instant.
func TestProbingDisturbsNoWriter(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	require.NoError(t, err)
	j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
	require.NoError(t, err)
	require.NoError(t, j.Append(t.Context(), []state.Event{first()}, true))
	require.NoError(t, j.Close())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = s.holder(testRun)
			}
		}
	}()
	for range 50 {
		j, err := s.Open(t.Context(), testRun, state.OpenOptions{})
		require.NoError(t, err)
		require.NoError(t, j.Close())
	}
	close(stop)
	<-done
}

// TestLockOfAFolderThatMovedAway: whoever opened the lock's file before the run was archived holds nothing.
func TestLockOfAFolderThatMovedAway(t *testing.T) {
	t.Parallel()
	s := put(t, join(sample(t, 3)), nil)
	l, err := s.tryLock(testRun)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	moved := movedLock{s.fs, s, t}
	_, err = open(moved, testDir).tryLock(testRun)
	require.ErrorIs(t, err, vfs.ErrBusy)
	l, err = s.tryLock(testRun) // of the folder that is there now
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

// leaving is a file system under which the holder of a lock goes the moment it is asked for.
type leaving struct {
	vfs.FS
	leave func() error
}

func (l *leaving) ProbeLock(name string) (bool, []byte, error) {
	if leave := l.leave; leave != nil {
		l.leave = nil
		if err := leave(); err != nil {
			return false, nil, err
		}
	}
	return l.FS.ProbeLock(name)
}

// TestLockWhoseHolderGoes: nobody is told that a run is held by somebody who can't be named, because he has just gone.
func TestLockWhoseHolderGoes(t *testing.T) {
	t.Parallel()
	s := open(simfs.New(), testDir)
	w := startRun(t, s, testRun)
	l := &leaving{FS: s.fs, leave: w.j.Close}
	j, err := open(l, testDir).Open(t.Context(), testRun, state.OpenOptions{Mode: state.OpenExisting})
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

// TestLockRemovedWhileHeld: who removes the file of a lock lets another process in; the one that held it writes no more.
func TestLockRemovedWhileHeld(t *testing.T) {
	t.Parallel()
	for what, meddle := range map[string]func(t *testing.T, dir string){
		"the lock is removed": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, testRun, lockFile)))
		},
		"the folder is moved": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, testRun), filepath.Join(dir, "elsewhere")))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s, err := Open(dir)
			require.NoError(t, err)
			w := startRun(t, s, testRun)
			w.add(event(state.SessionOpened{}))
			meddle(t, dir)
			e := event(state.SessionOpened{})
			e.Seq, e.Durable, e.Epoch = 3, 2, 1
			err = w.j.Append(t.Context(), []state.Event{e}, true)
			require.ErrorIs(t, err, state.ErrJournalFailed)
			require.ErrorContains(t, err, "somebody removed it or moved the folder")
			require.NoError(t, w.j.Close())
		})
	}
}

// archiving is a file system under which a run is moved away the moment its journal is looked for.
type archiving struct {
	vfs.FS
	move func() error
}

func (a *archiving) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if move := a.move; move != nil && filepath.Base(name) == journalFile {
		a.move = nil
		if err := move(); err != nil {
			return nil, err
		}
	}
	return a.FS.OpenFile(name, flag, perm)
}

// TestArchivedWhileLookedAt: a run that is archived between a look at its checkpoint and one at its journal is gone, and
// not damaged.
func TestArchivedWhileLookedAt(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	s := put(t, join(lines), snapshotOf(lines, 9))
	a := &archiving{FS: s.fs, move: func() error { return s.Remove(t.Context(), testRun, state.RemoveOptions{Archive: true}) }}
	_, err := open(a, testDir).Head(t.Context(), testRun)
	require.Nil(t, a.move)
	require.ErrorIs(t, err, state.ErrNotFound)
}
