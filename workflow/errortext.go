package workflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// ErrorText is what may be said of an error where no prompt and no answer may be read: in logs, and in messages to others. The
// text of an error of the engine's own, of a store, of the operating system or the network is told. Of a provider's it tells who,
// class, HTTP status and what to do, since servers repeat prompts. Of any other error, and of a panic, it tells the type: that text is
// in the run's journal alone. Names of steps, items and Dos are told. The result is one line, empty for nil.
func ErrorText(err error) string {
	text := errorText(err)
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return strings.Join(strings.Fields(state.Printable(resilience.Redact(text))), " ")
}

const maxErrorText = 1000

func errorText(err error) string {
	var (
		step     *StepError
		stop     *systemicStop
		pause    *PauseError
		provider *resilience.Error
		panicked *panicError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &step):
		inner := *step
		inner.Err = told(errorText(step.Err))
		return inner.Error()
	case errors.As(err, &stop):
		return fmt.Sprintf("%s in a row failed for the same reason, so the rest was not tried: %s", plural(len(stop.failed), "item"), errorText(stop.err))
	case errors.As(err, &pause):
		if !pause.Until.IsZero() {
			return (&PauseError{Until: pause.Until, Reason: "no provider may be asked before then"}).Error()
		}
		return pause.Error()
	case errors.As(err, &panicked):
		return panicked.kind()
	case errors.As(err, &provider):
		return (&resilience.Error{
			Class: provider.ErrorClass(), Provider: provider.Provider, Model: provider.Model, Status: provider.Status, After: provider.After, Now: provider.Now,
		}).Error()
	}
	if own := ownError(err); own != nil {
		return own.Error()
	}
	root := err
	for next := errors.Unwrap(root); next != nil; next = errors.Unwrap(root) {
		root = next
	}
	return fmt.Sprintf("an error of type %T; its text is in the run's status", root)
}

// told is the text of an error that has been made fit to be told.
type told string

func (t told) Error() string { return string(t) }

// ownError finds in an error the part whose text holds nothing that was asked or answered; nil: there is none.
func ownError(err error) error {
	var (
		budget  *BudgetError
		decline *DeclinedError
		waiting *WaitingError
		partial *PartialError
		params  *ParamsError
		wrong   *misuseError
		damaged *state.DamagedError
		held    *state.HeldError
		path    *fs.PathError
		link    *os.LinkError
		system  *os.SyscallError
		errno   syscall.Errno
		op      *net.OpError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &budget):
		return budget
	case errors.As(err, &decline):
		return decline
	case errors.As(err, &waiting):
		return waiting
	case errors.As(err, &partial):
		return partial
	case errors.As(err, &params):
		return fmt.Errorf("run %q: %w", params.Run, ErrParams) // the values may be parts of prompts
	case errors.As(err, &wrong):
		return wrong
	case errors.As(err, &damaged):
		return damaged
	case errors.As(err, &held):
		return held
	case errors.As(err, &path):
		return path
	case errors.As(err, &link):
		return link
	case errors.As(err, &op):
		return op
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &system):
		return system
	case errors.As(err, &errno):
		return errno
	}
	for _, own := range []error{
		ErrPaused, ErrWaiting, ErrPartial, ErrNoResult, ErrNoRun, ErrScopeClosed, ErrItemsUnstable, ErrMaxCalls, ErrDiverged, ErrParams, ErrDeclined, ErrNoGate, ErrShownChanged, ErrBadResult, ErrResultChanged,
		state.ErrNotFound, state.ErrExists, state.ErrLocked, state.ErrFenced, state.ErrJournalFailed, state.ErrDamaged, state.ErrNewerFormat,
		state.ErrUnsupported, state.ErrTooLarge, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, own) {
			return own
		}
	}
	return nil
}

// kind is what may be told of a panic: the runtime's own words, else the type of the value.
func (e *panicError) kind() string {
	if err, ok := e.value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic with a %T; its text is in the run's status", e.value)
}
