package providers

import (
	"fmt"
	"unicode/utf8"
)

// PartialError is the failure of a call whose streaming function had got a part of the answer already, so that no other
// provider could be asked: two half answers would have been mixed.
type PartialError struct {
	Text string // what was delivered
	Err  error  // why there is no more: a *ChainError
}

// Error says how much arrived, and why no more; it does not repeat the text.
func (e *PartialError) Error() string {
	return fmt.Sprintf("the answer broke off after %d characters were streamed: %v", utf8.RuneCountInString(e.Text), e.Err)
}

// Unwrap returns why.
func (e *PartialError) Unwrap() error { return e.Err }
