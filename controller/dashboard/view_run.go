package dashboard

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// What a view holds at most. The API of items and events gives the rest.
const (
	maxErrors  = 50
	maxMessage = 2000 // characters of one
)

// runView is what is shown of a run.
func (d *Dashboard) runView(ctx context.Context, run string) (RunView, error) {
	f, err := d.follow(ctx, run)
	if err != nil {
		return RunView{}, err
	}
	return f.view()
}

func (f *follower) view() (v RunView, err error) {
	err = f.read(func(*state.WorkflowState, state.Head) error {
		v = f.viewLocked()
		return nil
	})
	return v, err
}

// viewLocked is the view of a run that can be read. mu is held.
func (f *follower) viewLocked() RunView {
	v := viewOf(f.st, f.head)
	v.Actions = f.d.actions(f.st, f.head, f.gates)
	if reason, decided := f.st.ReasonWith(f.gates.asked); f.head.Holder == nil {
		if v.Reason = clip(reason); decided {
			v.Hint = "resume the run"
		}
	}
	v.Left = f.left.run
	for i := range v.Steps {
		v.Steps[i].Left = f.left.steps[v.Steps[i].Name]
		v.Steps[i].Gate = f.gates.view(&f.st.Steps[i])
	}
	return v
}

// viewOf makes a view of a state. It changes nothing: the state may be folded on afterwards.
func viewOf(st *state.WorkflowState, head state.Head) RunView {
	held := head.Holder != nil
	v := RunView{
		RunSummary: summaryOf(st, head), Seq: st.Seq, Hint: st.Hint, Until: st.Until, Finished: st.Finished,
		Pausing: st.Pausing && held, Holder: head.Holder, Here: here(head.Holder),
		Usage: totals(st.Usage), Providers: map[string]TotalsView{}, ErrorSum: st.ErrorCount(),
		Params: st.Params, Settings: maps.Clone(st.Session.Settings),
		Short: shortOf(st), Steps: make([]StepView, len(st.Steps)), Calls: []CallView{}, Waits: []WaitView{},
		Cooling: []CoolingView{}, Warnings: []WarningView{}, Errors: []ErrorView{}, Actions: []Action{},
	}
	for name, t := range st.Providers {
		v.Providers[name] = totals(t)
	}
	for i := range st.Steps {
		v.Steps[i] = stepView(&st.Steps[i], held)
	}
	for _, c := range st.Cooling {
		v.Cooling = append(v.Cooling, CoolingView{Provider: c.Provider, Model: c.Model, State: c.State, Class: c.Class, Until: c.Until})
	}
	for _, w := range st.Warnings {
		v.Warnings = append(v.Warnings, WarningView{Code: w.Code, Count: w.Count, Message: clip(w.Message)})
	}
	for _, e := range slices.Backward(st.Errors[max(0, len(st.Errors)-maxErrors):]) {
		v.Errors = append(v.Errors, errorView(e))
	}
	v.Models, v.Budget = modelViews(st), budgetViews(st)
	if !held { // nothing waits, and nothing is in flight
		return v
	}
	for _, w := range st.Waits {
		v.Waits = append(v.Waits, WaitView{Step: w.Step, Item: w.Item, Why: clip(w.Why), Provider: w.Provider, Until: w.Until})
	}
	for _, c := range st.InFlight() {
		v.Calls = append(v.Calls, CallView{Step: c.Step, Item: c.Item, Role: c.Role, Provider: c.Provider, Model: c.Model, Since: c.Since})
	}
	return v
}

// modelViews are the counters of each model, the most expensive first.
func modelViews(st *state.WorkflowState) []ModelView {
	list := []ModelView{}
	for id, t := range st.Models {
		list = append(list, ModelView{Provider: id.Provider, Model: id.Model, TotalsView: totals(t)})
	}
	slices.SortFunc(list, func(a, b ModelView) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return list
}

// budgetViews are the limits, that of the run first.
func budgetViews(st *state.WorkflowState) (list []BudgetView) {
	for _, step := range slices.Sorted(maps.Keys(st.Budget)) {
		v := BudgetView{Step: step, Limit: st.Budget[step], Spent: st.Usage.Cost, Reserved: st.Reserved(step)}
		if step != "" {
			v.Spent = 0
			if s := st.Step(step); s != nil {
				v.Spent = s.Usage.Cost
			}
		}
		list = append(list, v)
	}
	return list
}

// summaryOf is the part of a view that the list shows too.
func summaryOf(st *state.WorkflowState, head state.Head) RunSummary {
	held := head.Holder != nil
	s := RunSummary{
		Run: head.Run, Pipeline: st.Pipeline, Status: st.Status.Observed(held), Reason: clip(st.Reason), Progress: st.Progress(),
		Cost: st.Usage.Cost, Waste: st.Usage.WasteCost, Unpriced: st.Usage.Unpriced, Created: st.Started, Updated: st.Updated,
	}
	if held {
		s.Step = st.Current()
	}
	for i := range st.Steps {
		items := st.Steps[i].Items
		s.Done, s.Failed, s.Total = s.Done+items.Done, s.Failed+items.Failed, s.Total+items.Total
	}
	return s
}

func stepView(s *state.StepState, held bool) StepView {
	v := StepView{
		Name: s.Name, Kind: s.Kind, Parent: s.Parent, Status: s.Status, Known: s.Items.Known, Total: s.Items.Total,
		Done: s.Items.Done, Failed: s.Items.Failed, Running: s.Items.Running, Edited: s.Edited,
		Class: s.Class, Message: clip(s.Message), Started: s.Started, Finished: s.Finished, Usage: totals(s.Usage),
	}
	if !held {
		v.Running = 0
		if v.Status == state.StatusRunning {
			v.Status = state.StatusInterrupted
		}
	}
	return v
}

func totals(t state.Totals) TotalsView {
	return TotalsView{
		Calls: t.Calls, Failed: t.FailedCalls, Replayed: t.Replayed, InDoubt: t.InDoubt,
		Input: t.Usage.Input, Output: t.Usage.Output, Cached: t.Usage.Cached, Reasoning: t.Usage.Reasoning,
		Cost: t.Cost, Waste: t.WasteCost, Unpriced: t.Unpriced, Uncounted: t.Uncounted,
	}
}

func errorView(e state.ErrorEntry) ErrorView {
	kind, _, _ := strings.Cut(string(e.Kind), ".")
	return ErrorView{
		Seq: e.Seq, Time: e.Time, Kind: kind, Step: e.Step, Item: e.Item, Class: e.Class, Provider: e.Provider,
		Attempt: e.Attempt, Message: clip(e.Message), Then: e.Next,
	}
}

// clip cuts a text that would make a view too large.
func clip(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}

// actions are what can be done to a run now.
func (d *Dashboard) actions(st *state.WorkflowState, head state.Head, g gates) []Action {
	list := []Action{}
	held, open := head.Holder != nil, d.cfg.canOpen()
	_, inbox := d.cfg.Store.(state.Inbox)
	add := func(a Action, can bool) {
		if can {
			list = append(list, a)
		}
	}
	add(ActionPause, held && !st.Pausing && (inbox || d.sessions.get(head.Run) != nil))
	short := shortOf(st) != nil
	work := st.Status != state.StatusCompleted || editedSince(st)
	add(ActionResume, !held && open && work && (!short || d.cfg.OpenWith != nil))
	add(ActionRetry, !held && open && anyFailed(st) && !short)
	asks := slices.ContainsFunc(st.Steps, g.undecided)
	add(ActionApprove, inbox && asks)
	add(ActionReject, inbox && asks)
	add(ActionEdit, !held && open && slices.ContainsFunc(st.Steps, hasResult))
	return list
}

func hasResult(s state.StepState) bool {
	return s.Kind == state.KindEach && s.Items.Done > 0 || s.Kind != state.KindEach && s.Kind != state.KindGate && s.Hash != ""
}
