package state

import "time"

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
	decision := map[RequestKind]string{AskApprove: GateApproved, AskReject: GateRejected}[r.Kind]
	return d.Decision == decision && d.Who == r.By && d.Note == r.Note && d.Time.Equal(r.Time)
}
