package state

import (
	"cmp"
	"slices"
	"strings"
)

// The part of the fold that is about money. Whatever a call cost, and whatever of that turns out to be waste, is counted by
// count alone: for the run, the provider, the model, the step and the item at once, so that the parts always sum up to the
// whole.

// count adds to the totals of the run, and of all that the call belongs to.
func (st *WorkflowState) count(at Scope, of ModelID, t Totals) {
	st.Usage = st.Usage.Add(t)
	st.Providers[of.Provider] = st.Providers[of.Provider].Add(t)
	st.Models[of] = st.Models[of].Add(t)
	i, ok := st.fold.index[at.Step]
	if !ok {
		st.countRemoved(at, t)
		return
	}
	st.Steps[i].Usage = st.Steps[i].Usage.Add(t)
	st.fold.steps[i].count(at.Item, t)
}

// countRemoved is for a step that the pipeline no longer declares: a call of its own may still turn out to be in doubt.
func (st *WorkflowState) countRemoved(at Scope, t Totals) {
	if gone, ok := st.fold.removed[at.Step]; ok {
		gone.step.Usage = gone.step.Usage.Add(t)
		gone.fold.count(at.Item, t)
		st.fold.removed[at.Step] = gone
	}
}

// count adds to the item. What was paid for an item that is not there any more, or not yet, is the step's alone.
func (f *stepFold) count(key string, t Totals) {
	if t.Cost == 0 && t.WasteCost == 0 || key == "" {
		return
	}
	if i := f.items.find(key); i >= 0 {
		it := f.items.edit(i)
		it.cost += t.Cost
		it.waste += t.WasteCost
	}
}

// cost takes in what a call cost: bound when that is the most that it can have been; nil is unknown where it was billed, and
// nothing where it was not.
func (t *Totals) cost(micro *int64, bound, billed bool) {
	switch {
	case micro == nil && billed:
		t.Unpriced = 1
	case micro == nil:
	case bound:
		t.Cost, t.DoubtCost = *micro, *micro
	default:
		t.Cost = *micro
	}
}

// doubt counts the calls that a dead session left without an end, as waste at the most that they can have cost.
func (st *WorkflowState) doubt() {
	for _, try := range st.fold.sent {
		t := Totals{InDoubt: 1}
		t.cost(try.reserved, true, true)
		t.WasteCost = t.Cost
		st.count(try.at, try.of, t)
	}
	clear(st.fold.sent)
}

func (st *WorkflowState) budget(d RunBudget) {
	if d.Limit > 0 {
		st.Budget[d.Step] = d.Limit
	} else {
		delete(st.Budget, d.Step)
	}
}

// InFlight returns the calls that were sent and have no end, by id. While nobody works on the run they are in doubt.
func (st *WorkflowState) InFlight() []CallInFlight {
	calls := make([]CallInFlight, 0, len(st.fold.sent))
	for key, try := range st.fold.sent {
		c := CallInFlight{Scope: try.at, Call: key.call, Try: key.try, Role: try.role, Provider: try.of.Provider, Model: try.of.Model,
			Unpriced: try.reserved == nil, Since: try.since}
		if try.reserved != nil {
			c.Reserved = *try.reserved
		}
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b CallInFlight) int { return cmp.Or(strings.Compare(a.Call, b.Call), cmp.Compare(a.Try, b.Try)) })
	return calls
}

// Reserved is the most, in micro-dollars, that the calls in flight can cost: of a step, or all of them when step is empty.
func (st *WorkflowState) Reserved(step string) (sum int64) {
	for _, try := range st.fold.sent {
		if try.reserved != nil && (step == "" || step == try.at.Step) {
			sum += *try.reserved
		}
	}
	return sum
}

// OtherUsage is the part of Usage that is of no step that the pipeline declares now.
func (st *WorkflowState) OtherUsage() Totals {
	var sum Totals
	for i := range st.Steps {
		sum = sum.Add(st.Steps[i].Usage)
	}
	return st.Usage.sub(sum)
}

func (t Totals) sub(u Totals) Totals {
	minus := func(v Usage) Usage { return Usage{-v.Input, -v.Output, -v.Cached, -v.Reasoning, -v.Written} }
	return t.Add(Totals{
		-u.Calls, -u.FailedCalls, -u.Replayed, -u.InDoubt, minus(u.Usage), minus(u.Waste), -u.Cost, -u.WasteCost, -u.DoubtCost,
		-u.Unpriced, -u.Uncounted,
	})
}
