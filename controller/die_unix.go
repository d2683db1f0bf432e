//go:build unix

package controller

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// die ends the process by the signal itself, so that whoever waits for it sees what killed it.
func die(sig os.Signal) {
	s, ok := sig.(syscall.Signal)
	if !ok {
		os.Exit(1)
	}
	signal.Reset(s)
	if err := syscall.Kill(os.Getpid(), s); err == nil {
		<-time.After(time.Second) // the signal arrives within microseconds
	}
	os.Exit(128 + int(s))
}

// catchPipes makes a write to a broken pipe an error, also on stdout and stderr.
func catchPipes(pipes chan<- os.Signal) { signal.Notify(pipes, syscall.SIGPIPE) }
