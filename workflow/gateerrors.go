package workflow

import (
	"errors"
	"strings"

	"github.com/dogear-go/dogear/resilience"
)

// What a decision about a gate can meet, for [errors.Is].
var (
	ErrDeclined     = errors.New("declined")
	ErrNoGate       = errors.New("there is nothing to decide")
	ErrShownChanged = errors.New("the decision is about something else than what is shown now")
)

// classDeclined is the class of a gate that a person rejected. No provider gives it, so it is not one of resilience.
const classDeclined resilience.Class = "declined"

// DeclinedError says that a person rejected what a gate showed. It is ErrDeclined.
type DeclinedError struct {
	Who  string // as the decision says; empty: it does not
	Note string
}

func (e *DeclinedError) Error() string {
	text := "declined"
	if e.Who != "" {
		text += " by " + e.Who
	}
	if e.Note != "" {
		text += ": " + e.Note
	}
	return text
}

// Is reports that a DeclinedError is ErrDeclined.
func (e *DeclinedError) Is(target error) bool { return target == ErrDeclined }

// ErrorClass gives the class to package resilience.
func (e *DeclinedError) ErrorClass() resilience.Class { return classDeclined }

// WaitingError says which gates wait for a decision. It is ErrWaiting.
type WaitingError struct {
	Steps []string // in the order of the pipeline
}

func (e *WaitingError) Error() string {
	if len(e.Steps) == 1 {
		return "waiting for a person to decide about step " + e.Steps[0]
	}
	return "waiting for a person to decide about the steps " + strings.Join(e.Steps, ", ")
}

// Is reports that a WaitingError is ErrWaiting.
func (e *WaitingError) Is(target error) bool { return target == ErrWaiting }
