package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// desk is where a session's gates wait for decisions. The zero desk is ready.
type desk struct {
	deciding sync.Mutex // held while decisions are taken, until they are durable; guards the two fields below
	open     map[string]*question
	refused  []state.Request // those of which the journal says that they are set aside

	mu   sync.Mutex    // guards the fields below
	busy int           // steps that are worked on, waiting gates not counted
	idle chan struct{} // closed while busy is zero; nil before the first step
}

// question is an open gate of this session, which has seen what is shown.
type question struct {
	step   string
	hash   string
	gen    int
	answer chan state.Decided // takes one; sent to once, when the decision is durable
}

// ask lets decisions about a step come. deciding is held.
func (d *desk) ask(step, hash string, gen int) *question {
	q := &question{step: step, hash: hash, gen: gen, answer: make(chan state.Decided, 1)}
	if d.open == nil {
		d.open = map[string]*question{}
	}
	d.open[step] = q
	return q
}

// leave takes a question away; the answer that it got all the same is returned.
func (d *desk) leave(q *question) *state.Decided {
	d.deciding.Lock()
	defer d.deciding.Unlock()
	select {
	case a := <-q.answer:
		return &a
	default:
	}
	delete(d.open, q.step)
	return nil
}

// begin counts n more steps that are worked on; end, n fewer.
func (d *desk) begin(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy == 0 {
		d.idle = make(chan struct{})
	}
	d.busy += n
}

func (d *desk) end(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy -= n; d.busy == 0 {
		close(d.idle)
	}
}

func (d *desk) whenIdle() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.idle
}

// awaitDecision waits while the run has other work to do. nil: there is no decision, and the step ends as said.
func (s *session) awaitDecision(ctx context.Context, q *question) (*state.Decided, ending) {
	s.look(ctx) // one may have been left before
	s.desk.end(1)
	defer s.desk.begin(1)
	select {
	case d := <-q.answer:
		return &d, ending{}
	case <-s.stopping:
	case <-ctx.Done():
	case <-s.desk.whenIdle():
		s.look(ctx)
	}
	if d := s.desk.leave(q); d != nil {
		return d, ending{}
	}
	if stop := s.refusal(q.step); stop != nil {
		return nil, ending{endedStopped, stop}
	}
	if stop := s.cutShort(ctx); stop != nil {
		return nil, ending{endedStopped, stop}
	}
	return nil, ending{endedWaiting, &WaitingError{Steps: []string{q.step}}}
}

// decide records a decision. deciding is held.
func (s *session) decide(q *question, r state.Request) error {
	at := s.now().UTC().Round(0)
	if !r.Time.IsZero() {
		at = r.Time.UTC().Round(0)
	}
	decision := state.GateApproved
	if r.Kind == state.AskReject {
		decision = state.GateRejected
	}
	e := state.New(state.Scope{Step: q.step}, state.GateDecided{Decision: decision, Who: recordedKey(r.By), Note: recordedKey(r.Note), Hash: q.hash, At: at})
	e.Gen = q.gen
	if _, err := s.commit(e); err != nil {
		return err
	}
	delete(s.desk.open, q.step)
	q.answer <- state.Decided{Decision: decision, Who: recordedKey(r.By), Note: recordedKey(r.Note), Hash: q.hash, Time: at}
	return nil
}

// decideHere takes a decision that was asked for in this process; false: no gate of this session waits for it.
func (s *session) decideHere(r state.Request) (bool, error) {
	s.desk.deciding.Lock()
	defer s.desk.deciding.Unlock()
	q := s.desk.open[r.Step]
	if q == nil || s.refusal(r.Step) != nil {
		return false, nil
	}
	if r.Hash != "" && r.Hash != q.hash {
		return true, fmt.Errorf("run %q: step %s: %w; look again, and decide again", s.run.name, r.Step, ErrShownChanged)
	}
	return true, s.decide(q, r)
}

// takeDecisions takes the decisions among requests that lay in the store, oldest first. Those about gates that this session
// has not come to stay there. One that is gone from the store by now is not taken twice.
func (s *session) takeDecisions(ctx context.Context, requests []state.Request) {
	s.desk.deciding.Lock()
	defer s.desk.deciding.Unlock()
	for _, r := range requests {
		if isDecision(r) {
			s.takeDecision(ctx, r)
		}
	}
}

// look takes the decisions that lie in the store now.
func (s *session) look(ctx context.Context) {
	if s.rec.Err() == nil {
		s.takeDecisions(ctx, s.run.requests(context.WithoutCancel(ctx)))
	}
}

func isDecision(r state.Request) bool { return r.Kind == state.AskApprove || r.Kind == state.AskReject }

// takeDecision takes one. deciding is held. A request goes only when what came of it is durable, which also proves that this
// session had the run when it judged: what lies in the store is not for a session that has lost it, whether it knows or not.
func (s *session) takeDecision(ctx context.Context, r state.Request) {
	if s.rec.Err() != nil {
		return
	}
	var gate state.StepState
	s.rec.View(func(st *state.WorkflowState) {
		if known := st.Step(r.Step); known != nil {
			gate = *known
		}
	})
	q := s.desk.open[r.Step]
	switch {
	case gate.Gate.Took(r): // by a session that died before it could take the request away
		s.honoured(ctx, r)
	case gate.Name == "":
		s.refuse(ctx, r, "there is no such step")
	case gate.Kind != state.KindGate:
		s.refuse(ctx, r, "the step is no gate")
	case q == nil && gate.Gate.Open():
	case q == nil:
		s.refuse(ctx, r, notOpen(gate.Gate))
	case r.Hash != "" && r.Hash != q.hash:
		s.refuse(ctx, r, "it is about something else than what is shown now; look again, and decide again")
	case s.refusal(r.Step) != nil: // the next session takes it
	default:
		if err := s.decide(q, r); err == nil { // else the session ends
			s.honoured(ctx, r)
		}
	}
}

// decidable says why a decision makes no sense, as far as it can be known from outside; nil: it may.
func (r *Run) decidable(ctx context.Context, req state.Request) error {
	st, err := state.Load(ctx, r.cfg.Store, r.name)
	if err != nil {
		return err
	}
	step := st.Step(req.Step)
	why := ""
	switch {
	case step == nil:
		why = "there is no such step"
	case step.Kind != state.KindGate:
		why = "it is no gate"
	case !step.Gate.Open():
		why = notOpen(step.Gate)
	case req.Hash != "" && req.Hash != step.Gate.Hash:
		return fmt.Errorf("run %q: step %s: %w; look again, and decide again", r.name, req.Step, ErrShownChanged)
	default:
		return nil
	}
	return fmt.Errorf("run %q: step %q: %w: %s", r.name, req.Step, ErrNoGate, why)
}

// notOpen says why there is nothing to decide.
func notOpen(g *state.GateState) string {
	if g != nil && g.Decided != nil {
		text := "it was " + g.Decided.Decision + " already"
		if g.Decided.Who != "" {
			text += " by " + g.Decided.Who
		}
		return text
	}
	return "it has not asked yet"
}

// honoured takes a request away of which the journal tells what came of it.
func (s *session) honoured(ctx context.Context, r state.Request) { _, _ = s.done(ctx, r, false) }

// refuse sets a request aside, with a warning. deciding is held.
func (s *session) refuse(ctx context.Context, r state.Request, why string) {
	text := fmt.Sprintf("a request to %s step %s is not honoured: %s; it is set aside", r.Kind, recordedKey(r.Step), why)
	if !s.mayRefuse(ctx, r, text) {
		return
	}
	if kept, err := s.done(ctx, r, true); err == nil && kept != "" {
		s.logWarning(state.Scope{}, 0, requestSetAside, text+", as "+kept)
	}
}

// requestSetAside is the code of the warning.
const requestSetAside = "request_set_aside"

// mayRefuse records the warning, and says whether this session had the run then. One that has written nothing, since the run
// is complete, asks whether anybody else has.
func (s *session) mayRefuse(ctx context.Context, r state.Request, text string) bool {
	switch {
	case slices.ContainsFunc(s.desk.refused, r.Same): // it could not be set aside yet, or was seen twice
		return true
	case !s.isOpen():
		return s.unwritten(context.WithoutCancel(ctx))
	}
	if _, err := s.commit(state.New(state.Scope{}, state.RunWarning{Code: requestSetAside, Message: text})); err != nil {
		return false
	}
	s.desk.refused = append(s.desk.refused, r)
	return true
}

// unwritten says that the run is as this session, which has written nothing, has read it.
func (s *session) unwritten(ctx context.Context) (same bool) {
	head, err := s.cfg.Store.Head(ctx, s.run.name)
	s.rec.View(func(st *state.WorkflowState) { same = err == nil && head.RunID == st.RunID && head.Last == st.Seq })
	return same
}

// done takes a request away.
func (s *session) done(ctx context.Context, r state.Request, stale bool) (kept string, err error) {
	kept, err = s.cfg.Store.(state.Inbox).Done(context.WithoutCancel(ctx), s.run.name, r, stale)
	if err != nil {
		s.log.Warn("a request can't be taken away", zap.String("step", r.Step), zap.Error(err))
	}
	return kept, err
}

// waitingFor joins the endings of gates side by side.
func waitingFor(ends []ending) ending {
	var all WaitingError
	for _, end := range ends {
		var w *WaitingError
		if end.kind == endedWaiting && errors.As(end.err, &w) {
			all.Steps = append(all.Steps, w.Steps...)
		}
	}
	return ending{endedWaiting, &all}
}
