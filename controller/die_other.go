//go:build !unix

package controller

import "os"

// die ends the process with the code that shells use for an interrupt.
func die(os.Signal) { os.Exit(130) }

// catchPipes does nothing where a broken pipe is an ordinary error.
func catchPipes(chan<- os.Signal) {}
