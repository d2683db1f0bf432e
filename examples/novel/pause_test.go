package main

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/examples/novel/internal/killtest"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// TestPauseEachStepBySignalAndFile: the novel as a process is asked to pause while each of its steps runs, by Ctrl+C or
// by the pause file; it exits with 4, says how to go on, and resumes to the same book with no answer paid twice.
func TestPauseEachStepBySignalAndFile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	const delay, chapters = 30 * time.Millisecond, 2
	p := program(t, "file")
	whole := p.Reference(ctx, t, delay, chapters)
	for _, step := range []string{"story_planning", "character_creation", "chapter_outlining", "scene_structuring", "prose_writing", "editorial_refinement"} {
		for name, ask := range map[string]func(*testing.T, *killtest.Novel, *killtest.Child){
			"signal": func(t *testing.T, _ *killtest.Novel, c *killtest.Child) {
				require.NoError(t, c.Process.Signal(os.Interrupt))
			},
			"file": func(t *testing.T, n *killtest.Novel, _ *killtest.Child) {
				require.NoError(t, os.WriteFile(filepath.Join(n.Dir, n.Name, "pause"), nil, 0o600))
			},
		} {
			t.Run(step+" by "+name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
				defer cancel()
				n := p.Novel(t, killtest.NewServer(t, delay), chapters)
				code, out := pauseAt(ctx, t, n, step, func(c *killtest.Child) { ask(t, n, c) })
				if code != 0 { // the poll of the pause file may come when a quick book is done
					require.Equal(t, 4, code, out)
					require.Contains(t, out, "--resume")
				}
				require.NoFileExists(t, filepath.Join(n.Dir, n.Name, "pause"), "an honoured request is removed")
				goOn(ctx, t, n)
				require.NoError(t, n.Check(ctx, t, whole))
			})
		}
	}
}

// TestThirdSignalKills: the first drains, the second cancels, the third kills; resume still works.
func TestThirdSignalKills(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	n := program(t, "file").Novel(t, killtest.NewServer(t, 300*time.Millisecond), 1)
	pauseAt(ctx, t, n, "story_planning", func(c *killtest.Child) {
		for range 3 {
			_ = c.Process.Signal(syscall.SIGTERM) // it may be gone before the third
		}
	})
	n.Server.SetDelay(0)
	goOn(ctx, t, n)
}

// pauseAt runs the novel, calls ask once the step has started, and returns the exit code and what was printed.
func pauseAt(ctx context.Context, t *testing.T, n *killtest.Novel, step string, ask func(*killtest.Child)) (int, string) {
	t.Helper()
	c := n.Command(ctx, n.Begin()...)
	lines, w, err := os.Pipe()
	require.NoError(t, err)
	c.Stdout, c.Stderr = nil, w
	require.NoError(t, c.Start())
	require.NoError(t, w.Close())
	defer func() { require.NoError(t, lines.Close()) }()
	var printed strings.Builder
	asked := false
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		printed.WriteString(scan.Text() + "\n")
		if !asked && strings.HasPrefix(scan.Text(), step+": started") {
			asked = true
			ask(c)
		}
	}
	<-c.Ended()
	require.True(t, asked, printed.String())
	return c.ProcessState.ExitCode(), printed.String()
}

// goOn resumes the novel, which comes to its end.
func goOn(ctx context.Context, t *testing.T, n *killtest.Novel) {
	t.Helper()
	c := n.Command(ctx, append(n.Begin(), "--resume")...)
	code, err := c.Run()
	require.NoError(t, err)
	require.Zero(t, code, c.Output())
}
