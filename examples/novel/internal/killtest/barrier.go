package killtest

import (
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childVariable is set in a process that is to be a program rather than its tests; its value is how long the process waits
// behind the barrier.
const childVariable = "KILLTEST_CHILD"

const ready = "ready\n" // what such a process says at the barrier

// Main makes the process the program that fn is, if it was started by [Race], and ends it with the code that fn returns;
// else it does nothing. TestMain calls it before its tests, so that the test binary can be a child that is loaded and
// waits, to start within microseconds of another.
func Main(fn func() int) {
	wait, err := time.ParseDuration(os.Getenv(childVariable))
	if err != nil {
		return
	}
	fmt.Fprint(os.Stderr, ready)
	_, _ = io.Copy(io.Discard, os.Stdin) // ends for all when the parent opens the barrier
	<-time.After(wait)
	os.Exit(fn())
}

// together runs processes that start at the same instant, each later by its wait, and returns when all have ended.
func together(t testing.TB, waiting string, waits []time.Duration, children ...*Child) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	for i, c := range children {
		c.Path, c.Stdin = waiting, r
		c.Env = append(c.Env, childVariable+"="+waits[i].String())
		c.out.said = make(chan struct{})
		require.NoError(t, c.Start())
	}
	for _, c := range children {
		select {
		case <-c.out.said:
		case <-c.Ended():
		}
	}
	require.NoError(t, w.Close())
	for _, c := range children {
		<-c.Ended()
	}
}
