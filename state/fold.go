package state

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// foldState is what the fold needs beside the exported fields: where results lie, which items there are, and the replay
// queues of the scopes that are open.
type foldState struct {
	index      map[string]int     // step name → position in Steps
	steps      []stepFold         // parallel to Steps
	removed    map[string]removed // steps that the pipeline no longer declares, should they come back
	queues     map[Scope]*queue   // open scopes, by step and item; Dos hang inside
	running    map[Scope]struct{} // items that run
	sent       map[tryKey]openTry // tries without an end
	warnings   map[string]int     // code → position in Warnings
	errorCount int
	repaired   bool // a damaged record was dropped
}

// removed is what is known of a step that was taken out of the pipeline: what it has was paid.
type removed struct {
	step StepState
	fold stepFold
}

type stepFold struct {
	result   uint64 // number of the event that holds the result
	reads    []Read
	listed   []Read // reads of the items function
	items    *itemTable
	incoming *incomingList // a list whose last chunk has not come yet
}

type incomingList struct {
	total int
	given int
	items *itemTable // their keys and the hashes of their values
	reads []Read
}

type tryKey struct {
	call string
	try  int
}

type openTry struct {
	at       Scope
	role     string
	of       ModelID
	reserved *int64 // nil: unknown
	since    time.Time
}

// queue is the live part of a scope: answers in journal order and Do results, until the scope completes.
type queue struct {
	answers []Answer
	dos     []DoResult
	warned  []string          // codes and messages: an attempt that is replayed gives its warnings again, and they count once
	inner   map[string]*queue // by Do key: the answers of calls made inside a Do that has not completed
}

// Answer is a recorded answer that may be replayed.
type Answer struct {
	Seq      uint64
	Hash     string // of the request
	Provider string
	Model    string
	Usage    Usage
	Cost     int64
	Wasted   bool
}

func (a *Answer) of() ModelID { return ModelID{a.Provider, a.Model} }

// DoResult is a recorded result of a Do, of a tool, an embedding, or of Now and Rand.
type DoResult struct {
	Seq   uint64
	Key   string
	Queue bool
	Paid  []Answer `json:",omitempty"` // to the calls made inside; they are waste once the result is dead
}

// Apply folds one event in. It fails for a number that is not the next and for an event that it can't understand; the
// state is unchanged then.
func (st *WorkflowState) Apply(e Event) error {
	if e.Seq != st.Seq+1 {
		return fmt.Errorf("%w: event %d follows event %d", ErrDamaged, e.Seq, st.Seq)
	}
	if _, first := e.Data.(RunCreated); first != (e.Seq == 1) && !repaired(e) {
		return fmt.Errorf("%w: event %d is %s", ErrDamaged, e.Seq, e.Type)
	}
	if st.fold.index == nil {
		st.init()
	}
	st.endWait(e)
	st.apply(e)
	st.Seq, st.Updated = e.Seq, e.Time
	mark, ok := e.Data.(JournalMark)
	st.Closed = ok && mark.Kind == MarkClosed
	return nil
}

func repaired(e Event) bool {
	m, ok := e.Data.(JournalMark)
	return ok && m.Kind == MarkRepaired
}

func (st *WorkflowState) init() {
	st.fold.index = map[string]int{}
	st.fold.queues = map[Scope]*queue{}
	st.fold.running = map[Scope]struct{}{}
	st.fold.sent = map[tryKey]openTry{}
	st.fold.warnings = map[string]int{}
	st.fold.removed = map[string]removed{}
	st.Providers = map[string]Totals{}
	st.Models = map[ModelID]Totals{}
	st.Budget = map[string]int64{}
}

func (st *WorkflowState) apply(e Event) {
	switch d := e.Data.(type) {
	case RunCreated:
		st.created(e, d)
	case SessionOpened:
		st.opened(e, d)
	case RunStopped:
		st.stopped(e, d)
	case RunParams:
		st.Params = d.New
	case RunBudget:
		st.budget(d)
	case PipelineChanged:
		st.changed(d)
	case RunWarning:
		if st.news(e.Scope, d) {
			st.warn(d.Code, d.Message)
		}
	case PauseRequested:
		st.Pausing = true
	case StepStarted:
		st.stepStarted(e)
	case StepItems:
		st.stepItems(e, d)
	case StepCompleted:
		st.stepCompleted(e, d)
	case StepPartial:
		st.endStep(e, StatusPartial)
		st.atStep(e.Step, func(s *StepState, _ *stepFold) { s.Base = d.Base })
	case StepFailed:
		st.stepFailed(e, d)
	case ItemStarted:
		st.setItem(e.Scope, StatusRunning)
	case ItemCompleted:
		st.itemCompleted(e, d)
	case ItemFailed:
		st.setItem(e.Scope, StatusFailed)
		st.fail(e, ErrorEntry{Class: d.Class, Provider: d.Provider, Message: d.Message, Next: NextGiveUp})
	case ItemRetired:
		st.retire(e.Step, d.Keys)
	case AttemptFailed:
		st.attemptFailed(e, d)
	case CallSent:
		st.fold.sent[tryKey{d.Call, d.Try}] = openTry{e.Scope, d.Role, ModelID{d.Provider, d.Model}, d.Reserved, e.Time}
	case CallFailed:
		st.callFailed(e, d)
	case CallAnswered:
		st.callAnswered(e, d)
	case CallJudged:
		st.judged(e.Scope, d)
	case CallReplayed:
		st.replayed(e.Scope, d)
	case DoCompleted:
		st.doCompleted(e, d)
	case Waiting:
		st.Waits = append(st.Waits, WaitEntry{Scope: e.Scope, Why: d.Why, Provider: d.Provider, Until: d.Until})
	case ProviderState:
		st.provider(d)
	case GateOpened:
		st.gateOpened(e, d)
	case GateDecided:
		st.gateDecided(e, d)
	case ResultEdited:
		st.edited(e, d)
	case Invalidated:
		st.invalidated(d)
	case JournalMark:
		st.marked(d)
	}
}

func (st *WorkflowState) created(e Event, d RunCreated) {
	st.Run, st.RunID, st.Pipeline, st.Format, st.Recipe = d.Name, d.RunID, d.Pipeline, d.Format, d.HashRecipe
	st.Params, st.Started, st.Status = d.Params, e.Time, StatusOpen
	st.setSteps(d.Steps)
	for step, limit := range d.Budget {
		st.budget(RunBudget{Step: step, Limit: limit})
	}
}

// setSteps lays the declared steps out anew; what is known of those that stay, or come back, stays.
func (st *WorkflowState) setSteps(defs []StepDef) {
	steps, folds := make([]StepState, len(defs)), make([]stepFold, len(defs))
	index := make(map[string]int, len(defs))
	for at := range st.fold.running {
		if !slices.ContainsFunc(defs, func(d StepDef) bool { return d.Name == at.Step }) {
			st.setItem(at, StatusPending)
		}
	}
	for name, i := range st.fold.index {
		st.fold.removed[name] = removed{st.Steps[i], st.fold.steps[i]}
	}
	for i, def := range defs {
		def.Parent = parentOf(def, index)
		steps[i].Status = StatusPending
		_, stays := st.fold.index[def.Name]
		if old, ok := st.fold.removed[def.Name]; ok && (stays || old.step.Kind == def.Kind) {
			steps[i], folds[i] = old.step, old.fold
			delete(st.fold.removed, def.Name)
		}
		steps[i].StepDef = def
		index[def.Name] = i
	}
	st.Steps, st.fold.steps, st.fold.index = steps, folds, index
	for _, s := range steps {
		st.updateParent(s.Parent)
	}
}

// parentOf is the declared parent of a step, given those declared before it. A parent that does not stand before, or a name
// that is declared again, would make steps their own ancestors: no pipeline declares that, but a journal may say anything.
func parentOf(def StepDef, before map[string]int) string {
	_, known := before[def.Parent]
	_, again := before[def.Name]
	if !known || again || def.Name == "" || def.Name == def.Parent {
		return ""
	}
	return def.Parent
}

func (st *WorkflowState) changed(d PipelineChanged) {
	for name, old := range d.Renamed {
		if i, ok := st.fold.index[old]; ok {
			delete(st.fold.index, old)
			st.fold.index[name] = i
		}
	}
	st.setSteps(d.Steps)
}

func (st *WorkflowState) opened(e Event, d SessionOpened) {
	st.Status, st.Reason, st.Class, st.Hint, st.Until, st.Short, st.Pausing = StatusOpen, "", "", "", time.Time{}, nil, false
	st.Epoch, st.Session, st.Finished = e.Epoch, d, time.Time{}
	st.Waits = nil
	st.doubt()
	st.settle(StatusPending)
	st.Cooling = slices.DeleteFunc(st.Cooling, func(p ProviderState) bool { return p.State == ProviderExcluded })
}

func (st *WorkflowState) stopped(e Event, d RunStopped) {
	st.Status, st.Reason, st.Class, st.Hint, st.Short, st.Pausing = d.Status, d.Reason, d.Class, d.Hint, d.Short, false
	if d.Until != nil {
		st.Until = *d.Until
	}
	switch {
	case d.Status == StatusCompleted && st.lacks():
		st.Status, st.Reason = StatusOpen, "a repair dropped results of a completed run; a resume makes them again"
	case d.Status == StatusCompleted:
		st.Finished = e.Time
	}
	st.Waits = nil
	st.settle(StatusInterrupted)
}

// lacks says that a step that ran has no end: its record was damaged, and dropped by a repair.
func (st *WorkflowState) lacks() bool {
	return st.fold.repaired && slices.ContainsFunc(st.Steps, func(s StepState) bool {
		return s.Status != StatusCompleted && s.Status != StatusTolerated || s.Items.Done < s.Items.Total
	})
}

// settle ends what a session left running: steps become as, items pending.
func (st *WorkflowState) settle(as Status) {
	for at := range st.fold.running {
		st.setItem(at, StatusPending)
	}
	for i := range st.Steps {
		s := &st.Steps[i]
		if s.Kind != KindParallel && (s.Status == StatusRunning || s.Status == StatusInterrupted) {
			s.Status = as
			st.updateParent(s.Parent)
		}
		s.Attempts = 0
	}
}

func (st *WorkflowState) warn(code, message string) {
	i, ok := st.fold.warnings[code]
	if !ok {
		i = len(st.Warnings)
		st.fold.warnings[code] = i
		st.Warnings = append(st.Warnings, WarningEntry{Code: code})
	}
	st.Warnings[i].Count++
	st.Warnings[i].Message = message
}

// news says that a warning was not given before in its open scope.
func (st *WorkflowState) news(at Scope, d RunWarning) bool {
	if at.Step == "" {
		return true
	}
	q, said := st.open(at), d.Code+": "+d.Message
	if slices.Contains(q.warned, said) {
		return false
	}
	q.warned = append(q.warned, said)
	return true
}

func (st *WorkflowState) marked(d JournalMark) {
	switch d.Kind {
	case MarkRecovered:
		st.warn("journal_recovered", fmt.Sprintf(
			"%d bytes at the end of the journal, from event %d on, were not complete after a crash and were dropped", d.BytesLost, d.From))
	case MarkRepaired:
		st.fold.repaired = true
		st.warn("journal_repaired", fmt.Sprintf("event %d was damaged and dropped by a repair; the journal as it was is kept in %s", d.From, d.Copy))
	}
}

// fail adds an error entry.
func (st *WorkflowState) fail(e Event, entry ErrorEntry) {
	entry.Seq, entry.Time, entry.Scope, entry.Kind = e.Seq, e.Time, e.Scope, e.Type
	if entry.Attempt == 0 {
		entry.Attempt = e.Attempt
	}
	if len(st.Errors) >= MaxErrors {
		st.Errors = append(st.Errors[:0:0], st.Errors[1:]...)
	}
	st.Errors = append(st.Errors, entry)
	st.fold.errorCount++
}

// endWait takes a wait away once something else happens in its scope.
func (st *WorkflowState) endWait(e Event) {
	if len(st.Waits) == 0 {
		return
	}
	st.Waits = slices.DeleteFunc(st.Waits, func(w WaitEntry) bool { return w.Scope == e.Scope })
}

func (st *WorkflowState) provider(d ProviderState) {
	same := func(p ProviderState) bool { return p.Provider == d.Provider && p.Model == d.Model }
	st.Cooling = slices.DeleteFunc(st.Cooling, same)
	if d.State == ProviderHealthy {
		return
	}
	at, _ := slices.BinarySearchFunc(st.Cooling, d, func(a, b ProviderState) int {
		return strings.Compare(a.Provider+"\x00"+a.Model, b.Provider+"\x00"+b.Model)
	})
	st.Cooling = slices.Insert(st.Cooling, at, d)
}

// ErrorCount is the number of error entries there ever were; Errors keeps the last MaxErrors.
func (st *WorkflowState) ErrorCount() int { return st.fold.errorCount }
