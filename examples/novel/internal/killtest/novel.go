package killtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// Parallel is how many scenes of a novel are written at once.
const Parallel = 4

// Novel is one run in the making: its folder, its name and the author's server of its own.
type Novel struct {
	Dir    string
	Name   string // of the run; no other novel has it
	Server *Server

	program  Program
	env      []string // of the commands to come, behind the program's
	chapters int
	reviewed bool // a person must approve the outline
	children []*Child
}

// Novel prepares a novel of some chapters in a new folder; nothing is started.
func (p Program) Novel(t testing.TB, server *Server, chapters int) *Novel {
	t.Helper()
	name := make([]byte, 8)
	_, err := rand.Read(name)
	require.NoError(t, err)
	return &Novel{Dir: t.TempDir(), Name: "Book-" + hex.EncodeToString(name), Server: server, program: p, chapters: chapters}
}

// Begin are the arguments that start the novel; with Resume behind them they go on with it.
func (n *Novel) Begin() []string {
	args := []string{"--chapters", strconv.Itoa(n.chapters), "--words", "60", "--parallel", strconv.Itoa(Parallel), "--provider", "openai"}
	if n.reviewed {
		args = append(args, "--review")
	}
	return args
}

// approve is the command of the person who approves the outline.
func (n *Novel) approve(ctx context.Context) *Child {
	return n.Command(ctx, "approve", "--step", "outline_review")
}

// Command prepares a process of the program with these arguments, behind those that choose the novel and its store.
func (n *Novel) Command(ctx context.Context, args ...string) *Child {
	c := &Child{Client: len(n.children) + 1}
	n.children = append(n.children, c)
	args = append(args, "--project", n.Name, "--out", n.Dir)
	if n.program.Args != nil {
		args = append(args, n.program.Args(n.Dir)...)
	}
	c.Cmd = exec.CommandContext(ctx, n.program.Path, args...)
	c.Env = append(n.program.environment(n.Server, c.Client), n.env...)
	c.Stdout, c.Stderr = &c.out, &c.out
	return c
}

// Env sets what is added to the environment of the commands to come, as in "NAME=value".
func (n *Novel) Env(env ...string) { n.env = env }

// Manuscript is the book as it was exported.
func (n *Novel) Manuscript(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.Dir, n.Name+".md"))
	require.NoError(t, err)
	return string(text)
}

// Account is what a novel's journal says.
type Account struct {
	Exists  bool
	Held    bool         // somebody works on it
	Status  state.Status // as a reader sees it
	Answers []Answer     // recorded, in order
}

// Answer is a recorded answer.
type Answer struct {
	Scope  state.Scope
	Hash   string // of the request
	Serial int    // of the request that paid for it
}

// Account reads the journal.
func (n *Novel) Account(ctx context.Context) (a Account, err error) {
	store, err := n.program.Open(ctx, n.Dir)
	if errors.Is(err, state.ErrNotFound) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if c, ok := store.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	head, err := store.Head(ctx, n.Name)
	if errors.Is(err, state.ErrNotFound) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	a.Exists, a.Held, a.Status = head.Last > 0, head.Holder != nil, head.Status
	for e, err := range store.Events(ctx, n.Name, state.Query{}) {
		if err != nil {
			return a, fmt.Errorf("the journal: %w", err)
		}
		if d, ok := e.Data.(state.CallAnswered); ok {
			a.Answers = append(a.Answers, Answer{e.Scope, d.Hash, int(d.Usage.Input)})
		}
	}
	return a, nil
}

// free reads the journal when nobody is left that works on the run.
func (n *Novel) free(ctx context.Context) (Account, error) {
	if n.program.Expire != nil {
		if err := n.program.Expire(ctx, n.Dir); err != nil {
			return Account{}, err
		}
	}
	a, err := n.Account(ctx)
	if err == nil && a.Held {
		err = fmt.Errorf("the run is held by a process that was killed: %w", state.ErrLocked)
	}
	return a, err
}

// History tells what became of each process, and what the last one printed.
func (n *Novel) History() string {
	var b strings.Builder
	for _, c := range n.children {
		fmt.Fprintf(&b, "process %d: %v: %v, %d requests\n", c.Client, c.ProcessState, c.notes, len(n.Server.Of(c.Client)))
	}
	if len(n.children) > 0 {
		b.WriteString(n.children[len(n.children)-1].Output())
	}
	return b.String()
}
