package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dogear-go/dogear/state/storetest/sizes"
	"github.com/stretchr/testify/require"
)

// TestPauseEachStepBySignalAndFile: the novel as a process is asked to pause while each of its steps runs, by Ctrl+C or
// by the pause file; it exits with 4, says how to go on, and resumes to the same book with no answer paid twice.
func TestPauseEachStepBySignalAndFile(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	server := newAuthorServer(t, 30*time.Millisecond)
	args := func(dir string) []string {
		return []string{"--out", dir, "--project", "Book", "--chapters", "2", "--words", "60", "--provider", "openai"}
	}
	whole := t.TempDir()
	cmd, out := child(ctx, t, server.URL, args(whole)...)
	require.NoError(t, cmd.Run(), out)
	want, least := manuscript(t, whole), answers(ctx, t, whole)

	for _, step := range []string{"story_planning", "character_creation", "chapter_outlining", "scene_structuring", "prose_writing", "editorial_refinement"} {
		for name, ask := range map[string]func(*testing.T, *exec.Cmd, string){
			"signal": func(t *testing.T, cmd *exec.Cmd, _ string) { require.NoError(t, cmd.Process.Signal(os.Interrupt)) },
			"file": func(t *testing.T, _ *exec.Cmd, dir string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "Book", "pause"), nil, 0o600))
			},
		} {
			t.Run(step+" by "+name, func(t *testing.T) {
				dir := t.TempDir()
				code, out := pauseAt(ctx, t, server.URL, args(dir), step, func(cmd *exec.Cmd) { ask(t, cmd, dir) })
				if code != 0 { // the poll of the pause file may come when a quick book is done
					require.Equal(t, 4, code, out)
					require.Contains(t, out, "--resume")
				}
				require.NoFileExists(t, filepath.Join(dir, "Book", "pause"), "an honoured request is removed")
				cmd, errs := child(ctx, t, server.URL, append(args(dir), "--resume")...)
				require.NoError(t, cmd.Run(), errs)
				require.Equal(t, want, manuscript(t, dir))
				require.Equal(t, least, answers(ctx, t, dir))
			})
		}
	}
}

// TestThirdSignalKills: the first drains, the second cancels, the third kills; resume still works.
func TestThirdSignalKills(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), sizes.Get().KillTimeout)
	defer cancel()
	server := newAuthorServer(t, 300*time.Millisecond)
	dir := t.TempDir()
	args := []string{"--out", dir, "--project", "Book", "--chapters", "1", "--words", "60", "--provider", "openai"}
	pauseAt(ctx, t, server.URL, args, "story_planning", func(cmd *exec.Cmd) {
		for range 3 {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone before the third
		}
	})
	server.delay.Store(0)
	cmd, out := child(ctx, t, server.URL, append(args, "--resume")...)
	require.NoError(t, cmd.Run(), out)
}

// pauseAt runs the novel, calls ask once the step has started, and returns the exit code and what was printed.
func pauseAt(ctx context.Context, t *testing.T, url string, args []string, step string, ask func(*exec.Cmd)) (int, string) {
	t.Helper()
	cmd, _ := child(ctx, t, url, args...)
	cmd.Stdout, cmd.Stderr = nil, nil
	lines, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var printed strings.Builder
	asked := false
	for scan := bufio.NewScanner(lines); scan.Scan(); {
		printed.WriteString(scan.Text() + "\n")
		if !asked && strings.HasPrefix(scan.Text(), step+": started") {
			asked = true
			ask(cmd)
		}
	}
	_ = cmd.Wait() // the exit code tells
	require.True(t, asked, printed.String())
	return cmd.ProcessState.ExitCode(), printed.String()
}
