package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// Resuming is measured in child processes, so that the peak of memory is that of a resume and nothing else: this program
// starts itself with childArg as its first argument.
const childArg = "resume-child"

// child is what a child process is told.
type child struct {
	dir, run string
	items    int  // of the run
	left     int  // of them, not done when it ends, or is killed
	kill     bool // fill only
}

// runChild does what a child process is there for; false: this process is none.
func runChild() bool {
	if len(os.Args) < 2 || os.Args[1] != childArg {
		return false
	}
	if err := dispatch(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

func dispatch(args []string) error {
	if len(args) != 6 {
		return fmt.Errorf("%s is for this program's own use", childArg)
	}
	items, err := strconv.Atoi(args[3])
	left, lerr := strconv.Atoi(args[4])
	if err = errors.Join(err, lerr); err != nil {
		return err
	}
	c := child{dir: args[1], run: args[2], items: items, left: left, kill: args[5] == "true"}
	switch args[0] {
	case "fill":
		return c.fill()
	case "status":
		return c.status()
	}
	return c.resume()
}

// start runs this program as a child and returns what it printed, and the time of a processor that it took.
func (c child) start(what string) (out string, cpu time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	cmd := exec.Command(self, childArg, what, c.dir, c.run, strconv.Itoa(c.items), strconv.Itoa(c.left), strconv.FormatBool(c.kill))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if p := cmd.ProcessState; p != nil {
		cpu = p.UserTime() + p.SystemTime()
	}
	return strings.TrimSpace(string(text)), cpu, err
}

// fill runs all but the last items, and pauses or is killed then.
func (c child) fill() error {
	store, err := filestore.Open(c.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p, err := each(c.items, func(_ context.Context, i int) (string, error) {
		switch {
		case i < c.items-c.left:
		case c.kill:
			return "", kill()
		default:
			cancel(&workflow.PauseError{Reason: "enough"})
			return "", context.Canceled
		}
		return text, nil
	})
	if err != nil {
		return err
	}
	_, err = p.Run(ctx, c.run, workflow.Config{Store: store, Concurrency: 64})
	if errors.Is(err, workflow.ErrPaused) {
		return nil
	}
	return err
}

// kill ends this process as a power cut would end its memory.
func kill() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Kill()
}

// resume goes on with the run, until the first new item's function begins.
func (c child) resume() error {
	start := time.Now()
	store, err := filestore.Open(c.dir)
	if err != nil {
		return err
	}
	p, err := each(c.items, func(context.Context, int) (string, error) {
		fmt.Println(time.Since(start).Microseconds(), peak())
		os.Exit(0) // what comes after is not measured
		return "", nil
	})
	if err != nil {
		return err
	}
	_, err = p.Run(context.Background(), c.run, workflow.Config{Store: store, Concurrency: 1})
	return fmt.Errorf("no item was left to do: %w", err)
}

// status reads the run as a status command does.
func (c child) status() error {
	start := time.Now()
	store, err := filestore.Open(c.dir)
	if err != nil {
		return err
	}
	if _, err := store.Head(context.Background(), c.run); err != nil {
		return err
	}
	if _, err := state.Load(context.Background(), store, c.run); err != nil {
		return err
	}
	fmt.Println(time.Since(start).Microseconds(), peak())
	return nil
}

// peak is the largest resident set of this process so far, in KB; zero where the system does not tell.
func peak() int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB")) // zero, then: it does not tell
			return kb
		}
	}
	return 0
}

// later is how many items are left for a resume to find.
const later = 10

// resumes is how often each resume is measured; the run is as it was before each.
const resumes = 5

// resume measures resumes of runs of many done items: from the beginning of the work to the first new item.
func (b *bench) resume() error {
	paused := child{dir: b.path("paused"), run: "run", items: b.items + later, left: later}
	if _, _, err := paused.start("fill"); err != nil {
		return err
	}
	if err := b.resumed(paused, "resume", "after a pause"); err != nil {
		return err
	}
	if err := b.resumed(paused, "status", "after a pause"); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(paused.dir, paused.run, checkpoint)); err != nil {
		return err
	}
	if err := b.resumed(paused, "resume", "without its checkpoint"); err != nil {
		return err
	}
	// The checkpoints of a run lie evenly; the end of this one is shortly before the next, so that much is to be replayed.
	left := b.items / 100
	killed := child{dir: b.path("killed"), run: "run", items: b.items + left, left: left, kill: true}
	var died *exec.ExitError
	if _, _, err := killed.start("fill"); !errors.As(err, &died) {
		return fmt.Errorf("the run that was to be killed lived on: %w", err)
	}
	tail, err := killed.tail()
	if err != nil {
		return err
	}
	return b.resumed(killed, "resume", fmt.Sprintf("after a kill, %d events behind its checkpoint", tail))
}

const checkpoint = "checkpoint.json"

// tail is how many events the journal has behind the checkpoint.
func (c child) tail() (uint64, error) {
	store, err := filestore.Open(c.dir)
	if err != nil {
		return 0, err
	}
	head, err := store.Head(context.Background(), c.run)
	if err != nil {
		return 0, err
	}
	data, err := os.ReadFile(filepath.Join(c.dir, c.run, checkpoint))
	if err != nil {
		return 0, err
	}
	w, err := state.ReadWitness(data)
	return head.Last - w.Seq, err
}

// resumed measures one kind of resume several times, each in a copy of the folder.
func (b *bench) resumed(c child, what, how string) error {
	var times, cpus []time.Duration
	most := 0
	for range resumes {
		at := c
		at.dir = b.path("copy")
		if err := os.CopyFS(at.dir, os.DirFS(c.dir)); err != nil {
			return err
		}
		out, cpu, err := at.start(what)
		if err != nil {
			return err
		}
		var us, kb int
		if _, err := fmt.Sscan(out, &us, &kb); err != nil {
			return fmt.Errorf("%q: %w", out, err)
		}
		times, cpus, most = append(times, time.Duration(us)*time.Microsecond), append(cpus, cpu), max(most, kb)
		if err := os.RemoveAll(at.dir); err != nil {
			return err
		}
	}
	fmt.Printf("%-72s %12s   processor %s, peak %d MB\n", fmt.Sprintf("%s of %d done items, %s", what, c.items-c.left, how),
		show(median(times)), show(median(cpus)), most>>10)
	return nil
}
