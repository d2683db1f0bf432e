package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// child is a process of this program that answers one line with one line.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

const childEnv = "DOGEAR_DASHBOARD_BENCH"

// start begins a child and waits for its first line.
func start(role string, args ...string) (*child, string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	c := &child{cmd: exec.Command(exe, args...)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+role)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := c.read()
	return c, line, err
}

func (c *child) read() (string, error) {
	if !c.out.Scan() {
		return "", fmt.Errorf("the %s ended early: %w", c.cmd.Args[0], c.cmd.Wait())
	}
	return c.out.Text(), nil
}

// ask sends a line and reads the answer.
func (c *child) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		return "", err
	}
	return c.read()
}

// end lets the child end, and waits for it.
func (c *child) end() error {
	if err := c.in.Close(); err != nil {
		return err
	}
	for c.out.Scan() {
	}
	return c.cmd.Wait()
}

// runChild does what a child is for; false: this process is none.
func runChild() bool {
	role, dir := os.Getenv(childEnv), strings.Join(os.Args[1:], " ")
	var err error
	switch role {
	case "":
		return false
	case "writer":
		err = writer(os.Args[1:])
	case "dashboard":
		err = serve(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", role+":", err)
		os.Exit(1)
	}
	return true
}
