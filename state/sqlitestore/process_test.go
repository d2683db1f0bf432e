package sqlitestore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// TestMain lets the test binary be the other process: with this variable it does what childMain says, to that file.
const childVariable = "DOGEAR_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		task, file, _ := strings.Cut(what, ":")
		if err := childMain(task, file); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childMain opens the store and, as the task's first letter says, holds the run or writes to it. The rest is the names of
// the runs.
func childMain(task, file string) error {
	ctx := context.Background()
	s, err := Open(ctx, file, Options{})
	if err != nil {
		return err
	}
	s.commits.every = 25 // so that it is killed over checkpoints as well
	if task[0] == 'h' {
		_, err := s.Open(ctx, task[1:], state.OpenOptions{})
		fmt.Println("held", err)
		_, _ = io.ReadAll(os.Stdin) // until killed
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(task)-1)
	for i, c := range task[1:] {
		wg.Go(func() { errs[i] = childWrite(ctx, s, string(c)) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return s.Close()
}

// childEvents is the number of events that a child writes if nobody kills it.
const childEvents = 400

// childWrite appends to a run, and prints each number that was acknowledged.
func childWrite(ctx context.Context, s *Store, run string) error {
	j, err := s.Open(ctx, run, state.OpenOptions{})
	if err != nil {
		return err
	}
	if j.Last() == 0 {
		if err := j.Append(ctx, number(0, created(run)), true); err != nil {
			return err
		}
	}
	for first := j.Last(); j.Last() < first+childEvents; {
		last := j.Last()
		if err := j.Append(ctx, number(last, childItem(last+1)), last%3 == 0); err != nil {
			return err
		}
		fmt.Println(run, j.Last())
	}
	return j.Close()
}

// childItem is the event with that number; now and then a large one.
func childItem(n uint64) state.Event {
	return item(fmt.Sprint(n), strings.Repeat(fmt.Sprint(n, " "), 1+int(n%50)*int(n%50)))
}

// child starts this test's binary as another process.
func child(t *testing.T, task, file string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+task+":"+file)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most have ended
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// TestKill kills a process that writes two runs, at random instants, many times over. Whatever it had been told is
// written is there, notes included, and the next process goes on at once.
func TestKill(t *testing.T) {
	t.Parallel()
	dir, file := t.TempDir(), ""
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range sizes.Get().StoreKills {
		if round%25 == 0 { // everything is read after each kill
			file = filepath.Join(dir, fmt.Sprintf("runs-%d.db", round))
		}
		cmd, out := child(t, "wab", file)
		acked := map[string]uint64{}
		for stop := 1 + rng.IntN(150); stop > 0 && out.Scan(); stop-- {
			run, n, _ := strings.Cut(out.Text(), " ")
			last, err := strconv.ParseUint(n, 10, 64)
			require.NoError(t, err, out.Text())
			acked[run] = last
		}
		require.NoError(t, cmd.Process.Kill())
		for out.Scan() { // what it had said before it died
			if run, n, ok := strings.Cut(out.Text(), " "); ok {
				if last, err := strconv.ParseUint(n, 10, 64); err == nil {
					acked[run] = max(acked[run], last)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		s, err := Open(t.Context(), file, Options{})
		require.NoError(t, err)
		for run, last := range acked {
			begun := time.Now()
			j, err := s.Open(t.Context(), run, state.OpenOptions{Mode: state.OpenExisting})
			require.NoError(t, err, "round %d", round)
			require.Less(t, time.Since(begun), 5*time.Second) // at once: a lease would take its time
			require.GreaterOrEqual(t, j.Last(), last)
			require.NoError(t, j.Close())
			checkChild(t, s, run, j.Last())
		}
		require.NoError(t, s.Close())
	}
}

// checkChild checks that a run is what a child writes, up to last.
func checkChild(t *testing.T, s *Store, run string, last uint64) {
	t.Helper()
	n := uint64(0)
	for e, err := range s.Events(t.Context(), run, state.Query{}) {
		require.NoError(t, err)
		if n++; n > 1 {
			require.Equal(t, childItem(n).Data, e.Data)
		}
		require.Equal(t, n, e.Seq)
	}
	require.Equal(t, last, n)
	report, err := s.Verify(t.Context(), run)
	require.NoError(t, err)
	require.Empty(t, report.Damaged)
}

// TestTwoProcessesWriteOneFile has two processes write different runs at once, while this one reads and asks.
func TestTwoProcessesWriteOneFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "runs.db")
	s := openStore(t, file)
	var outs []*bufio.Scanner
	var cmds []*exec.Cmd
	for _, runs := range []string{"wab", "wcd"} {
		cmd, out := child(t, runs, file)
		cmds, outs = append(cmds, cmd), append(outs, out)
	}
	for i, out := range outs {
		for n := 0; out.Scan(); n++ {
			require.False(t, strings.HasPrefix(out.Text(), "failed"), out.Text())
			if n%100 == 0 {
				run := out.Text()[:1]
				require.NoError(t, s.Ask(t.Context(), run, state.Request{Kind: state.AskPause}))
				h, err := s.Head(t.Context(), run)
				require.NoError(t, err)
				require.Positive(t, h.Last)
			}
		}
		require.NoError(t, cmds[i].Wait())
	}
	for _, run := range []string{"a", "b", "c", "d"} {
		checkChild(t, s, run, childEvents+1)
		asked, err := s.Requests(t.Context(), run)
		require.NoError(t, err)
		if run == "a" || run == "c" {
			require.LessOrEqual(t, len(asked), 1)
		}
	}
}

func TestLockAcrossProcesses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "runs.db")
	s := openStore(t, file)
	require.NoError(t, start(t, s, "a").Close())
	cmd, out := child(t, "ha", file)
	require.True(t, out.Scan())
	require.Equal(t, "held <nil>", out.Text())

	_, err := s.Open(t.Context(), "a", state.OpenOptions{})
	var held *state.HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, cmd.Process.Pid, held.PID)
	_, err = s.Repair(t.Context(), "a")
	require.ErrorAs(t, err, &held)
	h, err := s.Head(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, cmd.Process.Pid, h.Holder.PID)
	require.Equal(t, state.StatusRunning, h.Status)
	require.NoError(t, start(t, s, "A").Close()) // another run, whose name a disk may fold

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	j := resume(t, s, "a")
	write(t, j, 1, true)
	require.NoError(t, j.Close())
}
