package dashboard

import (
	"context"
	"fmt"
	"net/http"

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
	return "the result is recorded; what has not run yet will see it", nil
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

func errComplete(run string) error {
	return &refusal{status: http.StatusConflict, text: fmt.Sprintf("the run %q is complete; there is nothing to do", run)}
}
