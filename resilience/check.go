package resilience

import (
	"errors"
	"fmt"
)

// Answer is what a [Check] judges: an answer that arrived.
type Answer struct {
	Text         string
	FinishReason string // as the provider gave it; empty when it gave none
	Prompt       string // the text that was asked, for checks that compare
}

// Check judges an answer; an error says that it must not be used as it is, in words that a model understands when it is
// asked again. A check must be pure: it also judges answers that are replayed. [NotEmpty], [NotTruncated],
// [NotRefused], [NoPromptEcho] and [MinWords] are checks; wrap one in [Soft] to be warned only.
type Check func(Answer) error

// CheckError says which check an answer failed.
type CheckError struct {
	Class   Class  // of the failure
	Check   string // name of the check: not_empty, not_truncated, not_refused, no_prompt_echo, min_words, custom
	Soft    bool   // see [Soft]
	Message string // what is wrong with the answer
	Err     error  // of a check that returned another error; may be nil
}

// Error names the check and what is wrong.
func (e *CheckError) Error() string {
	return fmt.Sprintf("the answer failed the check %s: %s", e.Check, clean(e.Message, maxMessage))
}

// Unwrap returns the error of a check that returned another one.
func (e *CheckError) Unwrap() error { return e.Err }

// ErrorClass returns the class.
func (e *CheckError) ErrorClass() Class {
	if e.Class == "" {
		return InvalidResponse
	}
	return e.Class
}

// Soft makes a check one that warns: an answer that fails it is asked for once more, and the second one is accepted with a
// warning. The error of the check is, or becomes, a *[CheckError] with Soft set. A nil check passes everything.
func Soft(check Check) Check {
	return func(a Answer) error {
		if check == nil {
			return nil
		}
		err := check(a)
		if err == nil {
			return nil
		}
		soft := CheckError{Class: InvalidResponse, Check: "custom", Message: err.Error(), Err: err}
		var failed *CheckError
		if errors.As(err, &failed) {
			soft = *failed
		}
		soft.Soft = true
		return &soft
	}
}

// Judge asks the checks in order and returns the first failure that is not soft; if there is none, the first soft one;
// nil when the answer passes. Nil checks pass.
func Judge(a Answer, checks ...Check) error {
	var soft error
	for _, check := range checks {
		if check == nil {
			continue
		}
		err := check(a)
		var failed *CheckError
		switch {
		case err == nil:
		case errors.As(err, &failed) && failed.Soft:
			if soft == nil {
				soft = err
			}
		default:
			return err
		}
	}
	return soft
}
