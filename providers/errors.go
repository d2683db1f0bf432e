package providers

import (
	"fmt"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// Failure is how one provider of a chain failed in one call.
type Failure struct {
	Provider, Model string
	Class           resilience.Class
	Tries           int   // requests made to it in this call
	Err             error // the last; a *resilience.Error with status, wait and remedy
}

// ChainError says that no provider of a [Chain] answered: one Failure for each that was asked, the decisive (last) one at
// the end. resilience.Classify gives the decisive class, and errors.As finds its *resilience.Error first. langchaingo's
// predicates (llms.IsRateLimitError and its like) work too.
type ChainError struct {
	Failures []Failure
	Tries    int
}

// Error lists each provider with class, cause and remedy.
func (e *ChainError) Error() string {
	switch {
	case e.Tries == 0 && len(e.Failures) == 1: // it is out for the session, or cools down: nothing was asked
		return e.Failures[0].Err.Error()
	case len(e.Failures) == 1:
		return fmt.Sprintf("no answer after %s: %v", count(e.Tries, "try", "tries"), e.Failures[0].Err)
	}
	var b strings.Builder
	if e.Tries == 0 {
		b.WriteString("no provider could be asked:")
	} else {
		fmt.Fprintf(&b, "no provider answered, %s:", count(e.Tries, "try", "tries"))
	}
	for _, f := range e.Failures {
		fmt.Fprintf(&b, "\n  %v", f.Err)
	}
	return b.String()
}

// Unwrap returns the failures, the decisive one first.
func (e *ChainError) Unwrap() []error {
	var errs []error
	for i := len(e.Failures) - 1; i >= 0; i-- {
		errs = append(errs, e.Failures[i].Err)
	}
	if len(e.Failures) > 0 {
		errs = append(errs, langchainError(e.Failures[len(e.Failures)-1]))
	}
	return errs
}

// WaitError says that no provider may be asked before Until, and that this is longer than the chain waits. A run may pause
// until then; nothing was asked in vain. It unwraps to a *resilience.Error with the class and the time left.
type WaitError struct {
	Until    time.Time
	Provider string // the first that may be asked again
	Err      error
	Others   []Failure // what keeps the other providers from being asked
}

// Error says until when, and what is wrong with each provider.
func (e *WaitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no provider may be asked before %s, when %s is the first; go on then: %v",
		e.Until.Format("2006-01-02 15:04:05 MST"), e.Provider, e.Err)
	for _, f := range e.Others {
		fmt.Fprintf(&b, "\n  %v", f.Err)
	}
	return b.String()
}

// Unwrap returns why.
func (e *WaitError) Unwrap() error { return e.Err }

// WaitUntil returns Until, for who does not import this package.
func (e *WaitError) WaitUntil() time.Time { return e.Until }

// langchainError is the failure in langchaingo's own terms.
func langchainError(f Failure) error {
	codes := map[resilience.Class]llms.ErrorCode{
		resilience.RateLimit: llms.ErrCodeRateLimit, resilience.Quota: llms.ErrCodeQuotaExceeded,
		resilience.Auth: llms.ErrCodeAuthentication, resilience.Permission: llms.ErrCodeAuthentication,
		resilience.NotFound: llms.ErrCodeResourceNotFound, resilience.InvalidRequest: llms.ErrCodeInvalidRequest,
		resilience.ContextLength: llms.ErrCodeTokenLimit, resilience.ContentPolicy: llms.ErrCodeContentFilter,
		resilience.Timeout: llms.ErrCodeTimeout, resilience.Canceled: llms.ErrCodeCanceled,
		resilience.Overloaded: llms.ErrCodeProviderUnavailable, resilience.Server: llms.ErrCodeProviderUnavailable,
		resilience.Network: llms.ErrCodeProviderUnavailable,
	}
	code, ok := codes[f.Class]
	if !ok {
		code = llms.ErrCodeUnknown
	}
	return llms.NewError(code, f.Provider, string(f.Class))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
