package killtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Program is a built program that writes novels, and the store that it is told to keep them in.
type Program struct {
	// Path is the executable. See [Build].
	Path string

	// Waiting is the executable that can wait at a barrier, for [Race]: the test binary of a package whose TestMain calls
	// [Main]. See [BuildWaiting].
	Waiting string

	// Args are the arguments that choose the store, for a novel whose files lie in dir. Defaults to none: the files of --out.
	Args func(dir string) []string

	// Env is added to the environment of each process, as in "NAME=value".
	Env []string

	// Open opens the same store for reading; it makes none: state.ErrNotFound. A store that has a method Close() error is
	// closed after use.
	Open func(ctx context.Context, dir string) (state.Store, error)

	// Expire lets the leases of processes that were killed run out, as time would. Defaults to nothing: the store keeps no
	// run for an owner that is dead.
	Expire func(ctx context.Context, dir string) error
}

// Build builds the package of a program, as go build names it, into dir: as its users build it, without the race detector,
// which makes a process start slowly.
func Build(dir, pkg string) (path string, err error) {
	return run(filepath.Join(dir, "novel"), "build", pkg)
}

// BuildWaiting builds the test binary of a package into dir, without the race detector as well.
func BuildWaiting(dir, pkg string) (path string, err error) {
	return run(filepath.Join(dir, "novel.test"), "test", pkg, "-c")
}

func run(path, verb, pkg string, flags ...string) (string, error) {
	args := append(append([]string{verb}, flags...), "-o", path, pkg)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return path, nil
}

// Child is a process that works on a novel, or reads it.
type Child struct {
	*exec.Cmd
	Client  int       // its number at the server
	Started time.Time // right before it was started

	out    output
	ended  chan struct{} // closed by the goroutine of Start when the process has ended
	before time.Duration // how long this process had been starved when that one was started
	lived  time.Duration // until it was killed; zero: it was not
	dry    time.Duration // how long it was starved until then
	killed bool
	struck bool     // something that it depends on was killed while it ran
	blows  int      // both
	notes  []string // about them
}

// Output is what it has printed on both streams until now.
func (c *Child) Output() string { return c.out.String() }

// Start starts the process. ctx kills it.
func (c *Child) Start() error {
	c.Started, c.before = time.Now(), starved(os.Getpid())
	if err := c.Cmd.Start(); err != nil {
		return err
	}
	c.ended = make(chan struct{})
	go func() {
		_ = c.Cmd.Wait() // ProcessState tells
		close(c.ended)
	}()
	return nil
}

// Ended is closed when the process has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Run starts the process and waits for its end. It returns the exit code, -1 when a signal ended it.
func (c *Child) Run() (int, error) {
	if err := c.Start(); err != nil {
		return 0, err
	}
	<-c.ended
	return c.ProcessState.ExitCode(), nil
}

// Kill ends the process by SIGKILL, and returns when it is gone; false: it had ended by itself.
func (c *Child) Kill() bool {
	c.lived, c.dry = time.Since(c.Started), c.starvation() // a process that waits for a disk is not gone at once
	_ = c.Process.Kill()                                   // it may have ended just now
	<-c.ended
	if c.killed = !c.ProcessState.Exited(); c.killed {
		c.blows++
	}
	return c.killed
}

// note says something about a blow.
func (c *Child) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// output is written by the process and read by the test.
type output struct {
	mu   sync.Mutex // guards buf and said
	buf  bytes.Buffer
	said chan struct{} // closed with the first bytes; nil: nobody wants to know
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.said != nil && o.buf.Len() == 0 {
		close(o.said)
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// environment of a child of this client number.
func (p Program) environment(s *Server, client int) []string {
	return append(append(os.Environ(), "OPENAI_BASE_URL="+s.URL(client), "OPENAI_API_KEY=sk-test-0123456789abcdef"), p.Env...)
}
