package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/dogear-go/dogear/state"
)

// maxNote is how long the note of a decision or an edit may be, in bytes.
const maxNote = 4000

// decide leaves the answer to a gate's question in the store: who works on the run takes it at once, else the next session
// does. It is refused when what is shown now is not what the person saw, and when somebody has decided already: the first decision counts.
func (d *Dashboard) decide(ctx context.Context, run string, action Action, req DecideRequest, who string) (string, error) {
	switch {
	case req.Step == "" || req.Hash == "":
		return "", badRequest("step and hash say what is decided: the hash is that of what was shown")
	case len(req.Note) > maxNote:
		return "", badRequest("the note has more than %d bytes", maxNote)
	}
	d.deciding.Lock()
	defer d.deciding.Unlock()
	requests, unread := d.requests(ctx, run) // before the run: one that is gone from here was taken in, and shows there
	f, err := d.current(ctx, run)
	if err != nil {
		return "", err
	}
	held := false
	if err := f.read(func(st *state.WorkflowState, head state.Head) error {
		held = head.Holder != nil
		if err := decidable(st, run, req); err != nil {
			return err
		}
		return undecided(st, req.Step, requests)
	}); err != nil {
		return "", err
	}
	if unread != nil {
		return "", unread
	}
	kind := state.AskApprove
	if action == ActionReject {
		kind = state.AskReject
	}
	ask := state.Request{Kind: kind, Step: req.Step, By: who, Note: req.Note, Hash: req.Hash, Time: time.Now().UTC().Round(0)}
	if err := d.ask(ctx, run, ask); err != nil {
		return "", err
	}
	f.stir()
	if held {
		return "the decision is passed to the process that works on the run", nil
	}
	return "the decision is kept; it counts as soon as the run goes on", nil
}

// requests are what was asked of a run and not done yet. With an error, what could be read stands beside it.
func (d *Dashboard) requests(ctx context.Context, run string) ([]state.Request, error) {
	inbox, ok := d.cfg.Store.(state.Inbox)
	if !ok {
		return nil, nil // which asking says
	}
	return inbox.Requests(ctx, run)
}

// undecided is the refusal of a second decision while the first one has not been taken in; nil: there is none.
func undecided(st *state.WorkflowState, step string, requests []state.Request) error {
	first, ok := st.Decisions(requests)[step]
	if !ok {
		return nil
	}
	text := fmt.Sprintf("somebody has decided already: the gate %q is %s", step, first.Decision())
	if first.By != "" {
		text += " by " + state.Printable(first.By)
	}
	return &refusal{status: http.StatusConflict, text: text, hint: "the run takes it in when it goes on"}
}

// decidable says why a decision can't be taken; nil: it can.
func decidable(st *state.WorkflowState, run string, req DecideRequest) error {
	s := st.Step(req.Step)
	switch {
	case s == nil:
		return noStep(run, req.Step)
	case s.Kind != state.KindGate:
		return &refusal{status: http.StatusUnprocessableEntity, text: fmt.Sprintf("the step %q asks nobody: it is no gate", req.Step)}
	case s.Gate == nil || s.Gate.Seq == 0:
		return &refusal{status: http.StatusConflict, text: fmt.Sprintf("the gate %q has not asked yet", req.Step)}
	case s.Gate.Hash != req.Hash:
		return &refusal{status: http.StatusConflict, text: fmt.Sprintf("what the gate %q shows has changed", req.Step),
			hint: "look at it again, and decide then"}
	case !s.Gate.Open():
		return &refusal{status: http.StatusConflict, text: fmt.Sprintf("the gate %q is decided already: %s", req.Step, s.Gate.Decided.Decision)}
	}
	return nil
}
