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

// keepPipes keeps a broken pipe on stdout or stderr from killing the process while it drains: in "app | tee log" Ctrl+C
// ends tee too, and the next line would kill the app with its calls in flight.
func keepPipes(pipes chan<- os.Signal) { signal.Notify(pipes, syscall.SIGPIPE) }
