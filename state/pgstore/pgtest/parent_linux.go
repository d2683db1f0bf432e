package pgtest

import "syscall"

// dieWithParent ends the server with the process that started it, even if that is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT} }
