package state

import (
	"strings"
	"time"
)

// Decided is what a person decided about a gate.
type Decided struct {
	Decision string    `json:"decision"` // GateApproved, GateRejected
	Who      string    `json:"who,omitempty"`
	Note     string    `json:"note,omitempty"`
	Hash     string    `json:"hash"` // of what was shown
	Time     time.Time `json:"time"` // when the person decided, UTC
}

// Approved says that the person said yes.
func (d Decided) Approved() bool { return d.Decision == GateApproved }

// GateState is what is known of a gate that has asked. It is never changed in place, so a copy of the pointer stays as it
// is. What was shown lies in the event Seq ([GateOpened.Shown]).
type GateState struct {
	Seq     uint64    // number of the event gate.opened that asked last
	Hash    string    // of what it showed
	Opened  time.Time // when it asked
	Decided *Decided  // the answer; nil: it still waits for one
	Before  *Decided  // the answer to the question before this one; nil: there was none
}

// Open says that the gate has asked and has no answer yet.
func (g *GateState) Open() bool { return g != nil && g.Seq != 0 && g.Decided == nil }

// answer is the last answer that the gate got, to whatever question.
func (g *GateState) answer() *Decided {
	switch {
	case g == nil:
		return nil
	case g.Decided != nil:
		return g.Decided
	}
	return g.Before
}

// gateOpened lets the step wait for a person. What it had as a result counts no more.
func (st *WorkflowState) gateOpened(e Event, d GateOpened) {
	st.endStep(e, StatusWaiting)
	st.atStep(e.Step, func(s *StepState, f *stepFold) {
		s.Class, s.Message, s.Hash, s.Finished = "", "", "", time.Time{}
		s.Gate = &GateState{Seq: e.Seq, Hash: d.Hash, Opened: e.Time, Before: s.Gate.answer()}
		if s.Started.IsZero() {
			s.Started = e.Time
		}
		f.result = 0
	})
}

// gateDecided notes the answer; the step ends with the event that follows.
func (st *WorkflowState) gateDecided(e Event, d GateDecided) {
	st.atStep(e.Step, func(s *StepState, _ *stepFold) {
		var g GateState
		if s.Gate != nil {
			g = *s.Gate
		}
		decided := &Decided{Decision: d.Decision, Who: d.Who, Note: d.Note, Hash: d.Hash, Time: e.Time}
		if !d.At.IsZero() {
			decided.Time = d.At
		}
		g.Decided = decided
		s.Gate = &g
	})
}

// gateInvalidated takes an answer back: whatever is shown, the gate asks again.
func (s *StepState) gateInvalidated() {
	if s.Gate != nil {
		s.Gate = &GateState{Before: s.Gate.answer()}
	}
}

// Took says that the request is the one that gave the gate its last answer: a session may die before it takes a request
// away that it has honoured.
func (g *GateState) Took(r Request) bool {
	d := g.answer()
	if d == nil || r.Hash != "" && r.Hash != d.Hash {
		return false
	}
	return d.Decision == r.Decision() && d.Who == r.By && d.Note == r.Note && d.Time.Equal(r.Time)
}

// Decisions are what the run takes in when it goes on, by step: of the requests in its [Inbox], for each open gate the
// oldest decision about what it shows. Later ones count for nothing.
func (st *WorkflowState) Decisions(requests []Request) map[string]Request {
	decisions := map[string]Request{}
	for _, r := range requests {
		if r.Kind != AskApprove && r.Kind != AskReject {
			continue
		}
		s := st.Step(r.Step)
		if s == nil || !s.Gate.Open() || r.Hash != "" && r.Hash != s.Gate.Hash || s.Gate.Took(r) {
			continue
		}
		if _, later := decisions[r.Step]; !later {
			decisions[r.Step] = r
		}
	}
	return decisions
}

// ReasonWith is why the run stopped, for who knows its [WorkflowState.Decisions] too: that of a run which waits tells them.
// decided: no gate waits for a person any more, and what is left to do is to go on.
func (st *WorkflowState) ReasonWith(decisions map[string]Request) (reason string, decided bool) {
	if st.Status != StatusWaiting || len(decisions) == 0 {
		return st.Reason, false
	}
	var open, told []string
	for i := range st.Steps {
		s := &st.Steps[i]
		if !s.Gate.Open() {
			continue
		}
		r, ok := decisions[s.Name]
		if !ok {
			open = append(open, s.Name)
			continue
		}
		text := "step " + s.Name + " is " + r.Decision()
		if r.By != "" {
			text += " by " + r.By
		}
		told = append(told, text)
	}
	reason = strings.Join(told, ", ") + "; this is taken in when the run goes on"
	switch len(open) {
	case 0:
		return reason, true
	case 1:
		return reason + "; a person must decide about step " + open[0], false
	}
	return reason + "; a person must decide about the steps " + strings.Join(open, ", "), false
}

// Decision is what the request makes of a gate: GateApproved, GateRejected; empty: it is no decision.
func (r Request) Decision() string {
	switch r.Kind {
	case AskApprove:
		return GateApproved
	case AskReject:
		return GateRejected
	}
	return ""
}
