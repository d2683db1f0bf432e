package workflow

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// What a run, a step or an accessor can say, for [errors.Is].
var (
	ErrPaused        = errors.New("paused")
	ErrWaiting       = errors.New("waiting for a person")
	ErrRejected      = errors.New("rejected")
	ErrPartial       = errors.New("incomplete: some items failed")
	ErrNoResult      = errors.New("no result yet")
	ErrNoRun         = errors.New("this context belongs to no run: use the ctx that the step got")
	ErrScopeClosed   = errors.New("the step or item that this context belongs to has ended")
	ErrItemsUnstable = errors.New("the items function gave other items for the same inputs")
	ErrMaxCalls      = errors.New("too many paid calls in one attempt")
	ErrDiverged      = errors.New("the step asks something else than it asked before")
	ErrParams        = errors.New("the run was started with other parameters")
	ErrNotRunning    = errors.New("nobody works on this run")
	ErrReplaced      = errors.New("the run was replaced by another one of its name while it was read; read it again")
)

// PauseError says why a run paused. It is ErrPaused.
type PauseError struct {
	Reason string
	Until  time.Time // when going on makes sense; zero: at any time
}

func (e *PauseError) Error() string {
	text := "paused"
	if !e.Until.IsZero() {
		text += " until " + e.Until.Local().Format("2006-01-02 15:04:05")
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Is reports that a PauseError is ErrPaused.
func (e *PauseError) Is(target error) bool { return target == ErrPaused }

// StepError says which step or item failed. [resilience.Classify] gives the class of its cause.
type StepError struct {
	Step     string
	Item     string // empty: the step itself
	Attempts int
	Err      error
}

func (e *StepError) Error() string {
	where := "step " + e.Step
	if e.Item != "" {
		where += ", item " + e.Item
	}
	if e.Attempts > 1 {
		where += fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	return where + ": " + e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }

// PartialError says which items are missing. It is ErrPartial.
type PartialError struct {
	Step    string
	Failed  int
	Pending int // stayed behind a failed one in their lane, or did not run yet
}

func (e *PartialError) Error() string {
	var parts []string
	if e.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%s failed", plural(e.Failed, "item")))
	}
	if e.Pending > 0 {
		parts = append(parts, fmt.Sprintf("%d did not run", e.Pending))
	}
	return fmt.Sprintf("step %s is incomplete: %s", e.Step, strings.Join(parts, ", "))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Is reports that a PartialError is ErrPartial.
func (e *PartialError) Is(target error) bool { return target == ErrPartial }

// ParamsError says which parameters differ from those that the run was started with. It is ErrParams.
type ParamsError struct {
	Run   string
	Names []string // "chapters: 10 in the run, 12 now"
}

func (e *ParamsError) Error() string {
	return fmt.Sprintf("run %q was started with other parameters: %s", e.Run, strings.Join(e.Names, "; "))
}

// Is reports that a ParamsError is ErrParams.
func (e *ParamsError) Is(target error) bool { return target == ErrParams }

// Reject says that an answer's meaning is not acceptable: everything that the attempt was answered is dead, counted as
// waste, and the step or item is attempted again, with new answers, while it has attempts left. Reject(nil) is nil.
func Reject(err error) error {
	if err == nil {
		return nil
	}
	return &rejectError{err}
}

type rejectError struct{ err error }

func (e *rejectError) Error() string        { return "rejected: " + e.err.Error() }
func (e *rejectError) Unwrap() error        { return e.err }
func (e *rejectError) Is(target error) bool { return target == ErrRejected }

// Keep says that the answers of the failed attempt are good: the next attempt finds them all again. Keep(nil) is nil.
func Keep(err error) error {
	if err == nil {
		return nil
	}
	return &keepError{err}
}

type keepError struct{ err error }

func (e *keepError) Error() string { return e.err.Error() }
func (e *keepError) Unwrap() error { return e.err }

// misuseError says that the program asked for something that can't be: another attempt would end the same way, and
// nothing that was answered is to blame.
type misuseError struct{ err error }

func misuse(format string, args ...any) error { return &misuseError{fmt.Errorf(format, args...)} }

func (e *misuseError) Error() string { return e.err.Error() }
func (e *misuseError) Unwrap() error { return e.err }

// ErrorClass gives the class to package resilience.
func (e *misuseError) ErrorClass() resilience.Class { return resilience.InvalidRequest }

// hopeless says that an error of the engine's own will not go away by another attempt, and is about no answer.
func hopeless(err error) bool {
	var m *misuseError
	if errors.As(err, &m) {
		return true
	}
	for _, own := range []error{
		ErrNoResult, ErrPartial, ErrNoRun, ErrScopeClosed, ErrReplaced, state.ErrDamaged, state.ErrNewerFormat, state.ErrNotFound, state.ErrJournalFailed,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// panicError is a panic of user code.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
