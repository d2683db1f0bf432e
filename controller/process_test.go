//go:build unix

package controller

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const childMode = "CONTROLLER_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		child(mode)
		return
	}
	os.Exit(m.Run())
}

// child is a process that says on stdout what its controller tells it, and then hangs.
func child(mode string) {
	c := Notify(Config{Resume: "app --resume"})
	if mode == "closed" {
		_ = c.Close()
	}
	fmt.Println("ready")
	<-c.Draining()
	if mode == "broken pipe" {
		for range 3 {
			_, _ = os.Stderr.WriteString("a line that nobody reads\n")
		}
	}
	fmt.Println("draining", c.By())
	<-c.Canceling()
	fmt.Println("cancelling")
	select {}
}

// process is a running child.
type process struct {
	*exec.Cmd
	t     *testing.T
	lines *bufio.Scanner
}

func run(t *testing.T, mode string, stderr io.Writer, wrap ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // kills a child that hangs, and so ends every read
	t.Cleanup(cancel)
	args := append(wrap, exe)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childMode+"="+mode)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, t, bufio.NewScanner(out)}
	p.says("ready")
	return p
}

func (p *process) says(want string) {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the child ended before it said %q", want)
	require.Equal(p.t, want, p.lines.Text())
}

func (p *process) send(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.Process.Signal(s))
}

// diesOf waits for the child's end.
func (p *process) diesOf(want syscall.Signal) {
	p.t.Helper()
	require.False(p.t, p.lines.Scan(), "the child goes on: %s", p.lines.Text())
	require.Error(p.t, p.Wait())
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	require.True(p.t, status.Signaled(), "exit code %d", status.ExitStatus())
	require.Equal(p.t, want, status.Signal())
}

func TestProcessThreeSignals(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signalName(s), func(t *testing.T) {
			t.Parallel()
			var stderr strings.Builder
			p := run(t, "plain", &stderr)
			p.send(s)
			p.says("draining signal " + signalName(s))
			p.send(s)
			p.says("cancelling")
			p.send(s)
			p.diesOf(s)
			require.Contains(t, stderr.String(), "Pausing (signal "+signalName(s)+")")
			require.Contains(t, stderr.String(), "To go on later: app --resume")
		})
	}
}

// TestProcessRestores: after Close a signal has its usual effect.
func TestProcessRestores(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		p := run(t, "closed", io.Discard)
		p.send(s)
		p.diesOf(s)
	}
}

// TestProcessNohup: a hangup that was ignored at the start stays ignored.
func TestProcessNohup(t *testing.T) {
	t.Parallel()
	p := run(t, "plain", io.Discard, "/bin/sh", "-c", `trap "" HUP; exec "$0"`)
	p.send(syscall.SIGHUP)
	p.send(syscall.SIGINT)
	p.says("draining signal SIGINT")
	p.send(syscall.SIGKILL)
	p.diesOf(syscall.SIGKILL)
}

// TestProcessBrokenPipe: Ctrl+C in "app | tee log" ends tee; the app still drains.
func TestProcessBrokenPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p := run(t, "broken pipe", w)
	require.NoError(t, w.Close())
	require.NoError(t, r.Close())
	p.send(syscall.SIGINT)
	p.says("draining signal SIGINT")
	p.send(syscall.SIGINT)
	p.says("cancelling")
	p.send(syscall.SIGINT)
	p.diesOf(syscall.SIGINT)
}
