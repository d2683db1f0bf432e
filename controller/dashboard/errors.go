package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// refusal is an error that has a status of its own.
type refusal struct {
	status int
	text   string
	hint   string
	after  time.Duration // Retry-After; zero: none
}

func (r *refusal) Error() string { return r.text }

// errClosed: the dashboard is being closed.
var errClosed = &refusal{status: http.StatusServiceUnavailable, text: "the dashboard is being closed", after: time.Second}

// statusOf is the status code for an error, and what to tell about it.
func statusOf(err error) (int, Problem) {
	var own *refusal
	if errors.As(err, &own) {
		return own.status, Problem{Error: own.text, Hint: own.hint}
	}
	for _, known := range knownErrors() {
		if errors.Is(err, known.is) {
			return known.status, Problem{Error: state.Printable(err.Error()), Hint: known.hint}
		}
	}
	return http.StatusInternalServerError, Problem{Error: "the run or the store could not be read", Hint: "the log of the dashboard says more"}
}

type knownError struct {
	is     error
	status int
	hint   string
}

// knownErrors gives each error of the engine and the stores a status. The first that fits counts.
func knownErrors() []knownError {
	return []knownError{
		{state.ErrName, http.StatusNotFound, ""},
		{state.ErrNotFound, http.StatusNotFound, "it may have been moved or deleted; look at the list of runs"},
		{state.ErrLocked, http.StatusConflict, "a process works on it; pause it first"},
		{workflow.ErrNotRunning, http.StatusConflict, "the run has stopped already"},
		{state.ErrNewerFormat, http.StatusUnprocessableEntity, "use the version of dogear that wrote it, or a newer one"},
		{state.ErrDamaged, http.StatusUnprocessableEntity, "the verbs verify and repair of the command line say more, and keep what is sound"},
		{state.ErrUnsupported, http.StatusUnprocessableEntity, ""},
		{workflow.ErrParams, http.StatusConflict, ""},
		{workflow.ErrNoResult, http.StatusNotFound, "the step or item has not completed"},
		{workflow.ErrBadResult, http.StatusUnprocessableEntity, "nothing was changed"},
		{workflow.ErrReplaced, http.StatusConflict, "load the page again"},
		{workflow.ErrResultChanged, http.StatusConflict, "somebody else edited it, or it was made anew; look at it again"},
		{workflow.ErrShownChanged, http.StatusConflict, "look at it again, and decide then"},
		{workflow.ErrNoGate, http.StatusConflict, ""},
		{state.ErrExists, http.StatusConflict, ""},
		{state.ErrFenced, http.StatusConflict, "another process took the run over"},
		{state.ErrJournalFailed, http.StatusServiceUnavailable, "resume the run to go on"},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "try again"},
		{context.Canceled, http.StatusServiceUnavailable, "try again"},
	}
}
