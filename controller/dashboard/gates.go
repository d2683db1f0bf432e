package dashboard

import (
	"context"

	"github.com/dogear-go/dogear/state"
)

// gates are what the open questions of a run show, and what was answered that the run has not taken in yet.
type gates struct {
	shown map[string]shownText         // by step
	asked map[string]state.RequestKind // by step
}

// shownText is what a gate shows, and the event that it stands in.
type shownText struct {
	seq  uint64
	text string
}

// readGates looks for answers in the inbox.
func (f *follower) readGates(context.Context) error { return nil }
