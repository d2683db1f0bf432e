package dashboard

import (
	"context"

	"github.com/dogear-go/dogear/state"
)

// gates are what the open questions of a run show, and what was answered that the run has not taken in yet.
type gates struct {
	asked map[string]state.RequestKind // by step
}

// readGates looks for answers in the inbox.
func (f *follower) readGates(context.Context) error { return nil }
