package pgtest

import (
	"os"
	"syscall"
)

// Windows knows one way to end a process.
const (
	fast      = syscall.SIGKILL
	immediate = syscall.SIGKILL
	kill      = syscall.SIGKILL
)

func unprivileged(string) (*syscall.SysProcAttr, error) {
	if os.Getenv(Required) == "" {
		return nil, ErrMissing // its server has no immediate shutdown by a signal
	}
	return &syscall.SysProcAttr{}, nil
}
