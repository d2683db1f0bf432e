package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// programDir is where the program is built; TestMain makes and removes it.
var programDir string

// TestMain gives the tests a folder that outlives each of them.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "novel-")
	if err != nil {
		panic(err)
	}
	programDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // what is left is a temporary file
	os.Exit(code)
}

// program is the novel as its users build it: without the race detector, which makes a process start slowly.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "novel")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, nil
})

// child starts the novel as a process of its own.
func child(ctx context.Context, t *testing.T, url string, args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "OPENAI_BASE_URL="+url+"/v1", "OPENAI_API_KEY=sk-test-0123456789abcdef")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// TestKillAtRandomInstants: kill -9 at any instant, then --resume: the manuscript of an uninterrupted run, each recorded
// answer asked for exactly once, and only calls in flight at a kill repeated.
func TestKillAtRandomInstants(t *testing.T) {
	const parallel = 4
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	server := newAuthorServer(t, 3*time.Millisecond)
	args := func(dir string) []string {
		return []string{"--out", dir, "--project", "Book", "--chapters", "3", "--words", "60", "--parallel", fmt.Sprint(parallel), "--provider", "openai"}
	}
	whole := t.TempDir()
	cmd, out := child(ctx, t, server.URL, args(whole)...)
	began := time.Now()
	require.NoError(t, cmd.Run(), out)
	took := time.Since(began)
	want := manuscript(t, whole)
	least, distinct := server.total()
	require.Equal(t, distinct, least, "the uninterrupted run asks nothing twice")

	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for kills := 0; kills < sizes.Get().Kills; {
		server.reset()
		dir := t.TempDir()
		killed, more := 0, []string{}
		for {
			cmd, out := child(ctx, t, server.URL, append(args(dir), more...)...)
			require.NoError(t, cmd.Start())
			instant := time.Duration(random.Int64N(int64(took)))
			died := killAfter(cmd, instant)
			if !died {
				require.True(t, cmd.ProcessState.Success(), "seed %d, after %d kills: %s", seed, killed, out)
				break
			}
			killed++
			if exists(dir) {
				more = []string{"--resume"}
			}
		}
		kills += killed
		require.Equal(t, want, manuscript(t, dir), "seed %d, after %d kills", seed, killed)
		total, _ := server.total()
		require.LessOrEqual(t, total, least+killed*parallel, "seed %d: requests after %d kills", seed, killed)
		require.Equal(t, least, answers(ctx, t, dir), "seed %d: recorded answers after %d kills", seed, killed)
		require.NoError(t, os.RemoveAll(dir))
		if killed > 0 {
			t.Logf("%d kills, %d requests for %d answers", killed, total, least)
		}
	}
}

// killAfter kills the process after a while; false: it ended before.
func killAfter(cmd *exec.Cmd, d time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // ProcessState tells
		close(ended)
	}()
	select {
	case <-ended:
		return false
	case <-time.After(d):
	}
	_ = cmd.Process.Kill() // it may have ended just now
	<-ended
	return !cmd.ProcessState.Exited()
}

func manuscript(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "Book.md"))
	require.NoError(t, err)
	return string(text)
}

func exists(dir string) bool {
	store, err := filestore.Open(dir)
	if err != nil {
		return false
	}
	head, err := store.Head(context.Background(), "Book")
	return err == nil && head.Last > 0
}

// answers counts the recorded answers, each of which must be to another request of its scope.
func answers(ctx context.Context, t *testing.T, dir string) int {
	t.Helper()
	store, err := filestore.Open(dir)
	require.NoError(t, err)
	seen := map[string]bool{}
	for e, err := range store.Events(ctx, "Book", state.Query{}) {
		require.NoError(t, err)
		if a, ok := e.Data.(state.CallAnswered); ok {
			key := fmt.Sprint(e.Scope, a.Hash)
			require.False(t, seen[key], "a recorded answer was asked for twice: event %d", e.Seq)
			seen[key] = true
		}
	}
	return len(seen)
}
