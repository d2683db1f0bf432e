package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// edit puts a person's result in the place of a recorded one.
func (d *Dashboard) edit(ctx context.Context, run string, req EditRequest, who string) (string, error) {
	switch {
	case !d.cfg.canOpen():
		return "", errNoOpen
	case req.Step == "" || req.Replaces == "" || len(req.Result) == 0:
		return "", badRequest("step, replaces and result are needed: replaces is the hash of the result that was edited")
	case len(req.Note) > maxNote:
		return "", badRequest("the note has more than %d bytes", maxNote)
	}
	f, err := d.current(ctx, run)
	if err != nil {
		return "", err
	}
	var pipeline string
	if err := f.read(func(st *state.WorkflowState, head state.Head) error {
		pipeline = st.Pipeline
		if st.Step(req.Step) == nil {
			return noStep(run, req.Step)
		}
		return notHeld(run, head)
	}); err != nil {
		return "", err
	}
	r, err := d.cfg.open(ctx, Opening{Pipeline: pipeline, Run: run})
	if err != nil {
		return "", openFailed(err)
	}
	// The edit is whole or not there; that who asked has gone away does not stop it half way.
	err = r.Edit(context.WithoutCancel(ctx), workflow.Edit{
		Step: req.Step, Item: req.Item, Replaces: req.Replaces, Who: who, Note: req.Note, Result: req.Result,
	})
	d.ended(r, err)
	if err != nil {
		return "", err
	}
	f.stir()
	return "the result is recorded; when the run goes on, what has not run yet sees it, and items whose value it changed run again, which costs", nil
}

// notHeld is the error that somebody works on the run; nil: nobody does.
func notHeld(run string, head state.Head) error {
	if h := head.Holder; h != nil {
		return &state.HeldError{Run: run, Host: h.Host, PID: h.PID, Since: h.Since, Until: h.Until}
	}
	return nil
}

// ended tells the program that a run which it opened is not worked on any more.
func (d *Dashboard) ended(r *workflow.Run, err error) {
	if d.cfg.Ended != nil {
		d.cfg.Ended(r, err)
	}
}

// editedSince says that a session may find work in a complete run: something was edited after a list of items or a gate was made
// from it, or a task that accepted something incomplete. What else is complete stays, whatever it was made from.
func editedSince(st *state.WorkflowState) bool {
	for i := range st.Steps {
		s := &st.Steps[i]
		var reads []state.Read
		switch {
		case s.Kind == state.KindEach:
			reads = st.ListReads(s.Name)
		case s.Kind == state.KindGate, s.Base == state.BasePartial && !s.Edited:
			reads = st.Reads(s.Name)
		}
		made := st.ResultSeq(state.Scope{Step: s.Name})
		if slices.ContainsFunc(reads, func(r state.Read) bool { return editedAfter(st, r, made) }) {
			return true
		}
	}
	return false
}

// editedAfter says that what was read was edited after an event.
func editedAfter(st *state.WorkflowState, r state.Read, seq uint64) bool {
	s := st.Step(r.Source)
	switch {
	case s == nil: // the parameters
		return false
	case r.Part != "":
		it, ok := st.Item(r.Source, r.Part)
		return ok && it.Edited && it.Result != r.Hash
	case s.Kind != state.KindEach:
		return s.Edited && s.Hash != r.Hash
	}
	list := st.ItemList(r.Source)
	for i := range list.Len() {
		if _, at := list.At(i).Result(); at > seq && list.At(i).Edited() {
			return true
		}
	}
	return false
}

func errComplete(run string) error {
	return &refusal{status: http.StatusConflict, text: fmt.Sprintf("the run %q is complete; there is nothing to do", run)}
}
