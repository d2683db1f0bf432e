package state

import "fmt"

// restore makes the state again, once the items have been read.
func (c *compact) restore() (*WorkflowState, error) {
	if len(c.Steps) != len(c.State.Steps) {
		return nil, fmt.Errorf("%w: snapshot: steps are missing", ErrRecord)
	}
	st := &c.State
	providers, budget := st.Providers, st.Budget
	st.init()
	if providers != nil {
		st.Providers = providers
	}
	if budget != nil {
		st.Budget = budget
	}
	for _, m := range c.Models {
		st.Models[m.ModelID] = m.Totals
	}
	st.fold.errorCount, st.fold.repaired = c.ErrorCount, c.Repaired
	for i := range c.Steps {
		s := &st.Steps[i]
		if s.Name == "" || s.Parent != parentOf(s.StepDef, st.fold.index) {
			return nil, fmt.Errorf("%w: snapshot: step %d, %q, stands in a step %q that is not before it", ErrRecord, i+1, s.Name, s.Parent)
		}
		f, err := c.Steps[i].restore(s)
		if err != nil {
			return nil, err
		}
		st.fold.steps = append(st.fold.steps, f)
		st.fold.index[s.Name] = i
		st.restoreRunning(s, f.items)
	}
	for i := range c.Removed {
		gone := &c.Removed[i]
		f, err := gone.Fold.restore(&gone.Step)
		if err != nil {
			return nil, err
		}
		st.fold.removed[gone.Step.Name] = removed{gone.Step, f}
	}
	for i, w := range st.Warnings {
		st.fold.warnings[w.Code] = i
	}
	for _, q := range c.Queues {
		to := st.open(q.Scope)
		to.answers, to.dos, to.warned = q.Answers, q.Dos, q.Warned
	}
	for _, t := range c.Sent {
		st.fold.sent[tryKey{t.Call, t.Try}] = openTry{t.Scope, t.Role, t.ModelID, t.Reserved, t.Since}
	}
	return st, nil
}

func (c *compactStep) restore(s *StepState) (stepFold, error) {
	s.Items.Known = c.Known
	f := stepFold{result: c.Result, reads: c.Reads, listed: c.Listed}
	if c.Items != nil {
		f.items = c.Items.table
	}
	if c.Incoming != nil {
		f.incoming = &incomingList{total: c.Incoming.Total, given: c.Incoming.Given, reads: c.Incoming.Reads, items: c.Incoming.Items.table}
	}
	counts := f.items.counts()
	counts.Known = c.Known
	if counts != s.Items {
		return f, fmt.Errorf("%w: snapshot: the items of step %s are not as counted", ErrRecord, s.Name)
	}
	return f, nil
}

// restoreRunning remembers which items run. There are never many, so the list is not searched when none does.
func (st *WorkflowState) restoreRunning(s *StepState, items *itemTable) {
	for i := 0; s.Items.Running > 0 && i < items.len(); i++ {
		if items.at(i).status == itemRunning {
			st.fold.running[Scope{Step: s.Name, Item: string(items.keyAt(i))}] = struct{}{}
		}
	}
}
