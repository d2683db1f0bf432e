package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is a failure of a model call whose class is known. [FromHTTP] makes it from a provider's answer, [Wrap] from any
// other error; a model of one's own returns one to be understood without a classifier.
type Error struct {
	// Class says what kind of failure it is. Empty: that of Err.
	Class Class

	// Provider and Model are who was asked. May be empty.
	Provider string
	Model    string

	// Status is the HTTP status, or the one that the body names inside a 200. Zero: none.
	Status int

	// Header are the headers of the answer, such as X-Request-Id, by which a provider finds the request again; without cookies and
	// keys. Nil: none. The body is not kept, since servers repeat prompts in it: what it says stands in Err, bounded.
	Header http.Header

	// Code is the provider's own word for the error (code, type or reason), for people. May be empty.
	Code string

	// After is how long the server asked to wait, from the moment of its answer. Zero: it did not say, unless Now is set.
	After time.Duration

	// Now says that the server asked for no wait ("Retry-After: 0"). It counts only where After is zero.
	Now bool

	// Permanent says that the same provider will not succeed later although the class might: a certificate that is not
	// trusted, a server that does not speak TLS where it is asked to, redirects that lead nowhere, a function that is not
	// implemented (501), a server that says x-should-retry: false.
	Permanent bool

	// Hint is what a person may do about it. Empty: a hint for the class is shown.
	Hint string

	// Err is the cause. May be nil.
	Err error
}

// maxMessage bounds the part of an error's text that comes from elsewhere, in characters.
const maxMessage = 300

// Error says what happened, where, and what to do next: at most some 600 characters on one line, without keys.
func (e *Error) Error() string {
	var b strings.Builder
	if where := e.where(); where != "" {
		b.WriteString(where + ": ")
	}
	b.WriteString(string(e.ErrorClass()))
	if about := e.about(); about != "" {
		b.WriteString(" (" + about + ")")
	}
	if e.Err != nil {
		if text := clean(e.Err.Error(), maxMessage); text != "" {
			b.WriteString(": " + text)
		}
	}
	if hint := e.hint(); hint != "" {
		b.WriteString("; " + clean(hint, maxMessage))
	}
	return b.String()
}

func (e *Error) where() string {
	where := clean(e.Provider, 60)
	if e.Model != "" {
		where = strings.TrimSpace(where + " " + clean(e.Model, 80))
	}
	return where
}

// about is what stands in brackets: status, code, wait.
func (e *Error) about() string {
	var parts []string
	if e.Status != 0 {
		parts = append(parts, fmt.Sprintf("HTTP %d", e.Status))
	}
	if e.Code != "" {
		parts = append(parts, clean(e.Code, 60))
	}
	switch {
	case e.After >= time.Hour:
		parts = append(parts, "asks to wait "+e.After.Round(time.Second).String())
	case e.After >= 10*time.Second:
		parts = append(parts, "asks to wait "+e.After.Round(100*time.Millisecond).String())
	case e.After > 0:
		parts = append(parts, "asks to wait "+e.After.String())
	case e.After == 0 && e.Now:
		parts = append(parts, "asks for no wait")
	}
	return strings.Join(parts, ", ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorClass returns the class, that of the cause when none was set, and [Unknown] when there is neither. Any error with
// this method is classified by it.
func (e *Error) ErrorClass() Class {
	if e.Class != "" {
		return e.Class
	}
	if c := Classify(e.Err); c != "" {
		return c
	}
	return Unknown
}

// Retryable says whether the same provider may succeed later with the same request.
func (e *Error) Retryable() bool { return e.ErrorClass().retryable() && !permanent(e) }

// SwitchProvider says whether another provider may succeed with the same request.
func (e *Error) SwitchProvider() bool { return e.ErrorClass().switchable() }

// RetryAfter returns how long the server asked to wait; ok is false when it did not say. Zero with true: it asked for no wait.
func (e *Error) RetryAfter() (wait time.Duration, ok bool) {
	if e.After > 0 {
		return e.After, true
	}
	return 0, e.After == 0 && e.Now
}

func (e *Error) hint() string {
	if e.Hint != "" {
		return e.Hint
	}
	if h := causeHint(e.Err); h != "" {
		return h
	}
	return classHint(e.ErrorClass())
}

// Wrap gives an error its class, a hint and who was asked. If there is an *Error in err already, what that knows is kept
// and only missing names are filled in. The cause stays in the chain; the text of the result is free of keys, that of the
// cause may not be. Wrap(nil) is nil.
func Wrap(provider, model string, err error) error {
	if err == nil {
		return nil
	}
	w := &Error{Class: Classify(err), Provider: provider, Model: model, Permanent: permanent(err), Err: err}
	if after, ok := RetryAfter(err); ok {
		w.After, w.Now = after, after == 0
	}
	var inner *Error
	if !errors.As(err, &inner) {
		w.Hint = causeHint(err)
		return w
	}
	w.Status, w.Header, w.Code, w.Hint = inner.Status, inner.Header, inner.Code, inner.Hint
	if error(inner) == err { //nolint:errorlint // nothing around it: no need to nest
		w.Err = inner.Err
	}
	if inner.Provider != "" {
		w.Provider = inner.Provider
	}
	if inner.Model != "" {
		w.Model = inner.Model
	}
	return w
}

// RetryAfter returns how long the server asked to wait, as the error or its cause tells it: by a method RetryAfter, or in
// words ("try again in 7m12s"). ok is false when it did not say. Zero with true: it asked for no wait. What the server said is
// never shortened; more than 366 days is not believed.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	if err == nil {
		return 0, false
	}
	typed := false
	walk(err, func(e error) bool {
		if r, is := e.(interface {
			RetryAfter() (time.Duration, bool)
		}); is {
			typed = true
			wait, ok = r.RetryAfter()
			if wait < 0 { // of a type that is not ours
				wait, ok = 0, false
			}
			return !ok
		}
		return true
	})
	if ok || typed {
		return wait, ok
	}
	return textReply(head(err.Error(), maxText)).after(time.Now())
}

// providerOf returns the provider that an error names.
func providerOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return clean(e.Provider, 60)
	}
	return ""
}
