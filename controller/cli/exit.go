package cli

import (
	"errors"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// The exit codes.
const (
	codeCompleted = 0
	codeFailed    = 1 // failed, locked, damaged
	codeRefused   = 2 // because of what was typed
	codePartial   = 3
	codePaused    = 4 // or waiting for a person
)

// UsageError says that what was typed is to blame: a flag, a name, a run that exists or does not. Its exit code is 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// ExitCode maps the error of a command, or of a run, to the exit code of the process.
func ExitCode(err error) int {
	var usage *UsageError
	switch {
	case err == nil:
		return codeCompleted
	case errors.As(err, &usage):
		return codeRefused
	case errors.Is(err, workflow.ErrPaused), errors.Is(err, workflow.ErrWaiting):
		return codePaused
	case errors.Is(err, state.ErrDamaged), errors.Is(err, state.ErrLocked):
		return codeFailed
	case errors.Is(err, workflow.ErrPartial):
		return codePartial
	case errors.Is(err, state.ErrExists), errors.Is(err, state.ErrNotFound), errors.Is(err, state.ErrName),
		errors.Is(err, workflow.ErrParams), errors.Is(err, workflow.ErrNotRunning), errors.Is(err, workflow.ErrNoGate):
		return codeRefused
	default:
		return codeFailed
	}
}
