package workflow

import (
	"slices"

	"github.com/dogear-go/dogear/state"
)

// chunk is how many items one step.items event lists.
const chunk = 1000

// relist compares the list with the recorded one and records what changed: items that are gone, items whose value is
// another, and then the list itself. A crash between these leaves a list that differs again, and so is compared again.
func (r *eachRun) relist() (changed bool, err error) {
	step := r.scope.at.Step
	var listed bool
	var reads []state.Read
	var order []string
	r.known = map[string]state.ItemState{}
	r.session.rec.View(func(st *state.WorkflowState) {
		listed, reads = st.Step(step).Items.Known, st.ListReads(step)
		for it := range st.Items(step) {
			r.known[it.Key] = it
			order = append(order, it.Key)
		}
	})
	sameInputs := slices.Equal(reads, r.list.reads)
	sameKeys := listed && slices.EqualFunc(order, r.list.defs, func(key string, def state.ItemDef) bool { return key == def.Key })
	sameValues := sameKeys && !slices.ContainsFunc(r.list.defs, func(def state.ItemDef) bool { return r.known[def.Key].Hash != def.Hash })
	switch {
	case sameInputs && sameValues:
		return false, nil
	case listed && sameInputs && !sameKeys:
		return false, misuse("step %s: %w: it must depend on nothing but results and params", step, ErrItemsUnstable)
	}
	if err := r.retire(order); err != nil {
		return true, err
	}
	if err := r.invalidate(); err != nil {
		return true, err
	}
	return true, r.record()
}

func (r *eachRun) retire(order []string) error {
	given := make(map[string]bool, len(r.list.defs))
	for _, def := range r.list.defs {
		given[def.Key] = true
	}
	gone := slices.DeleteFunc(order, func(key string) bool { return given[key] })
	if len(gone) == 0 {
		return nil
	}
	for _, key := range gone {
		delete(r.known, key)
	}
	_, err := r.scope.commit(state.ItemRetired{Keys: gone, Reason: "the items function does not give them any more"})
	return err
}

func (r *eachRun) invalidate() error {
	var scopes []state.Scope
	for _, def := range r.list.defs {
		it, ok := r.known[def.Key]
		if ok && it.Hash != "" && it.Hash != def.Hash && !it.Edited {
			scopes = append(scopes, state.Scope{Step: r.scope.at.Step, Item: def.Key})
			it.Status, it.Gen = state.StatusPending, it.Gen+1
			r.known[def.Key] = it
		}
	}
	if len(scopes) == 0 {
		return nil
	}
	_, err := r.scope.commit(state.Invalidated{Scopes: scopes, Reason: "their inputs changed", Replay: true})
	return err
}

func (r *eachRun) record() error {
	n := len(r.list.defs)
	for first := 0; first == 0 || first < n; first += chunk {
		items := state.StepItems{First: first, Total: n, Items: r.list.defs[first:min(n, first+chunk)]}
		if first == 0 {
			items.Reads = r.list.reads
		}
		if first+chunk < n {
			r.session.post(r.scope.event(items)) // durable with the last chunk
			continue
		}
		if _, err := r.scope.commit(items); err != nil {
			return err
		}
	}
	return nil
}
