//go:build !unix

package controller

import "os"

// die ends the process with the code that shells use for an interrupt.
func die(os.Signal) { os.Exit(130) }

// keepPipes does nothing where a broken pipe is an ordinary error.
func keepPipes(chan<- os.Signal) {}
