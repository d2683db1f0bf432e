package workflow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// Gate is a step that shows something to a person and waits for a decision. It is an immutable name, shared by many runs.
type Gate struct {
	name string
	show func(context.Context) (string, error)
	opts stepOptions
}

// NewGate makes a step that lets a person look at what show returns, and then goes on or not. show may read results and
// params, makes no calls, and gives the same text for the same inputs.
//
// An open gate does not block: steps beside it in a Parallel go on, and when nothing else is left to do the run stops
// with ErrWaiting, which frees its lock. A decision comes by [Run.Ask], from this process or another, at any time; it is
// taken at once while the run goes on, else when it runs next. Approved, the step is complete; [Gate.Decision] tells later
// steps who said what. Rejected, the step and the run fail with the class declined, and the next session asks again.
//
// A decision holds for what was shown. When results that show has read are others on resume, it is called again, and if the
// text is another one, the gate asks again, also after an approval. The options of a gate are Version, Optional and
// AllowPartial.
func NewGate(name string, show func(context.Context) (string, error), opts ...StepOption) *Gate {
	g := &Gate{name: name, show: show, opts: gather(state.KindGate, opts)}
	if show == nil {
		g.opts.faults = append(g.opts.faults, errors.New("its show function is nil"))
	}
	if g.opts.attempts != 0 || g.opts.timeout != 0 {
		g.opts.faults = append(g.opts.faults, errors.New("Attempts and Timeout are no options for a gate"))
	}
	return g
}

// Name implements Step.
func (g *Gate) Name() string { return g.name }

func (g *Gate) define() definition { return definition{kind: state.KindGate, opts: g.opts} }

// Decision is what the person decided. In a step the dependency is noted. ErrNoResult while the gate has no decision, or
// was declined and has not been asked again yet; the decision against an optional gate is given as it is.
func (g *Gate) Decision(ctx context.Context) (state.Decided, error) {
	sc, err := scopeFrom(ctx)
	if err != nil {
		return state.Decided{}, fmt.Errorf("the decision of gate %s: %w", g.name, err)
	}
	var s state.StepState
	err = sc.source.view(ctx, func(st *state.WorkflowState) {
		if known := st.Step(g.name); known != nil {
			s = *known
		}
	})
	if err != nil {
		return state.Decided{}, err
	}
	decided := s.Gate != nil && s.Gate.Decided != nil
	switch {
	case decided && s.Status == state.StatusCompleted:
		sc.read(state.Read{Source: g.name, Hash: s.Hash})
		return *s.Gate.Decided, nil
	case decided && s.Status == state.StatusTolerated:
		sc.readMissing(state.Read{Source: g.name})
		return *s.Gate.Decided, nil
	}
	sc.readMissing(state.Read{Source: g.name})
	return state.Decided{}, fmt.Errorf("gate %s: %w", g.name, ErrNoResult)
}

// Run implements Step: it asks, unless what it would show is approved already, and waits while the run has other work.
func (g *Gate) Run(ctx context.Context) error {
	sc, err := managing(ctx, g.name)
	if err != nil {
		return err
	}
	s := sc.session
	var known state.StepState
	s.rec.View(func(st *state.WorkflowState) { known = *st.Step(g.name) })
	if known.Status == state.StatusCompleted && !s.changed(g.name) {
		return sc.ended(ending{kind: endedWell})
	}
	if known.Status != state.StatusCompleted && known.Status != state.StatusWaiting {
		s.post(sc.event(state.StepStarted{}))
	}
	shown, rep, err := g.look(ctx, sc)
	if err != nil {
		return err
	}
	a := &asking{session: s, scope: sc, def: g.define(), report: rep, shown: shown, hash: hashOf([]byte(shown))}
	return sc.ended(a.do(ctx, known))
}

// look evaluates the show function in a scope of its own that may only read.
func (g *Gate) look(ctx context.Context, sc *scope) (string, report, error) {
	in := &scope{kind: scopeShow, session: sc.session, source: sc.source, at: sc.at, gen: sc.gen, attempt: &attempt{parent: sc.attempt}}
	defer in.close()
	shown, err := g.show(withScope(ctx, in))
	incomplete := g.opts.allowPartial && isPartial(err)
	if err != nil && !incomplete {
		return "", report{}, fmt.Errorf("what gate %s shows: %w", g.name, err)
	}
	if len(shown) > maxValue {
		return "", report{}, misuse("what gate %s shows is %d bytes: %w", g.name, len(shown), state.ErrTooLarge)
	}
	rep := in.attempt.report()
	rep.partial = rep.partial || incomplete
	return strings.ToValidUTF8(shown, "\uFFFD"), rep, nil
}

// asking is one session's work on a gate.
type asking struct {
	session *session
	scope   *scope
	def     definition
	report  report // of the show function
	shown   string
	hash    string // of shown
}

// do finds out whether there is something to ask, and asks.
func (a *asking) do(ctx context.Context, known state.StepState) ending {
	if d := answered(known); d != nil && d.Hash == a.hash {
		if known.Status == state.StatusCompleted {
			return ending{kind: endedWell}
		}
		return a.finish(*d)
	}
	q, err := a.open(known)
	if err != nil {
		return ending{endedStopped, err}
	}
	decided, end := a.session.awaitDecision(ctx, q)
	if decided == nil {
		return end
	}
	return a.finish(*decided)
}

// open asks, unless the same was asked before. Who sees the event can decide at once.
func (a *asking) open(known state.StepState) (*question, error) {
	d := &a.session.desk
	d.deciding.Lock()
	defer d.deciding.Unlock()
	asked := known.Gate.Open() && known.Gate.Hash == a.hash && known.Status == state.StatusWaiting
	if !asked {
		if _, err := a.scope.commit(state.GateOpened{Shown: a.shown, Hash: a.hash}); err != nil {
			return nil, err
		}
	}
	return d.ask(a.scope.at.Step, a.hash, a.scope.gen), nil
}

// answered is a decision that was recorded and still holds: an approval, or a rejection that a session died on before it
// could fail. A step that failed asks again.
func answered(known state.StepState) *state.Decided {
	if known.Gate == nil || known.Gate.Decided == nil {
		return nil
	}
	if d := known.Gate.Decided; d.Approved() || known.Status == state.StatusWaiting {
		return d
	}
	return nil
}

// finish records what the decision makes of the step.
func (a *asking) finish(d state.Decided) ending {
	s := a.session
	if !d.Approved() {
		return s.stepFailed(a.scope, a.def, outcome{err: &DeclinedError{Who: d.Who, Note: d.Note}, class: classDeclined}, nil)
	}
	raw, err := encode(d)
	if err != nil {
		return s.stepFailed(a.scope, a.def, outcome{err: err, class: s.cfg.Policy.ClassOf(err)}, nil)
	}
	done := state.StepCompleted{Result: raw, Hash: hashOf(raw), Version: a.def.opts.version, Reads: a.report.reads}
	if a.report.partial {
		done.Base = state.BasePartial
	}
	if _, err := a.scope.commit(done); err != nil {
		return ending{endedStopped, err}
	}
	return ending{kind: endedWell}
}
