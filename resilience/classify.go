package resilience

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

// maxText is how much of an error's text is looked at, in bytes.
const maxText = 4096

// Classify returns the class of an error: by the types in its chain first (an error with a method ErrorClass() Class
// anywhere in it decides), then by an HTTP status that langchaingo kept only as text, then by known phrases. Digits
// inside ids and texts never count. A cancellation anywhere in joined errors wins, unless an *Error above it says
// otherwise. It returns "" for nil and [Unknown] for what it does not know.
func Classify(err error) Class {
	if err == nil {
		return ""
	}
	if c := classifyTypes(err); c != "" {
		return c
	}
	if c := classifyText(err); c != "" {
		return c
	}
	return Unknown
}

// classifyTypes goes through the error's tree; the first error that is known decides, but a cancellation wins.
func classifyTypes(err error) (class Class) {
	walk(err, func(e error) bool {
		c := typeClass(e)
		if c == "" {
			return true
		}
		if class == "" || c == Canceled {
			class = c
		}
		return false
	})
	return class
}

// typeClass is the class of one error by its type, not looking at its causes.
func typeClass(err error) Class {
	switch e := err.(type) { //nolint:errorlint // one error of a chain that walk goes through
	case interface{ ErrorClass() Class }:
		return e.ErrorClass()
	case *llms.Error: // its code is found by searching the text for digits: not trusted, its cause is
		return ""
	case *json.SyntaxError:
		if strings.Contains(e.Error(), "'<'") { // a page where JSON was expected
			return Server
		}
		return InvalidResponse
	case *json.UnmarshalTypeError:
		return InvalidResponse
	case interface{ HTTPStatusCode() int }: // smithy's ResponseError
		return smithyClass(err, e.HTTPStatusCode())
	case interface {
		ErrorCode() string
		ErrorMessage() string
	}: // smithy's APIError
		return smithyClass(err, 0)
	}
	switch {
	case is(err, context.Canceled), is(err, ErrPausing):
		return Canceled
	case is(err, context.DeadlineExceeded):
		return Timeout
	case is(err, io.EOF), is(err, io.ErrUnexpectedEOF), is(err, io.ErrClosedPipe):
		return Network
	case is(err, bufio.ErrTooLong):
		return InvalidResponse
	}
	return networkClass(err)
}

// smithyClass is the class of an AWS client's error: by the code and message that any error of the chain knows, and the status.
func smithyClass(err error, status int) Class {
	r := &reply{status: status, http: status}
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		r.addCode(coded.ErrorCode())
	}
	var told interface{ ErrorMessage() string }
	if errors.As(err, &told) {
		r.readText(head(told.ErrorMessage(), maxText))
	}
	c := r.class()
	if status < 400 && c == Unknown { // nothing was answered: the cause tells
		return ""
	}
	return c
}

// is says whether one error is the target, not looking at its causes.
func is(err, target error) bool {
	if err == target { //nolint:errorlint // walk goes through the chain
		return true
	}
	m, ok := err.(interface{ Is(error) bool })
	return ok && m.Is(target)
}

// walk visits an error and its causes, first to last; where visit returns false, it does not go on to the causes.
func walk(err error, visit func(error) bool) {
	if err == nil || !visit(err) {
		return
	}
	switch u := err.(type) { //nolint:errorlint // this is what goes through the chain
	case interface{ Unwrap() error }:
		walk(u.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			walk(inner, visit)
		}
	}
}

// permanent says whether trying the same provider again is known to be useless.
func permanent(err error) bool {
	var e *Error
	if errors.As(err, &e) && e.Permanent {
		return true
	}
	return untrusted(err) || plainServer(err) || looping(err)
}
