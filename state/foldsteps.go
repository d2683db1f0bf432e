package state

import (
	"slices"
	"time"
)

// The part of the fold that is about steps and items.

// atStep calls fn with a step; a step that the run does not know (its declaration was lost to damage) is passed over.
func (st *WorkflowState) atStep(name string, fn func(*StepState, *stepFold)) {
	if i, ok := st.fold.index[name]; ok {
		fn(&st.Steps[i], &st.fold.steps[i])
	}
}

func (st *WorkflowState) stepStarted(e Event) {
	st.atStep(e.Step, func(s *StepState, _ *stepFold) {
		s.Status, s.Class, s.Message, s.Finished = StatusRunning, "", "", time.Time{}
		if s.Started.IsZero() {
			s.Started = e.Time
		}
		st.updateParent(s.Parent)
	})
}

func (st *WorkflowState) endStep(e Event, as Status) {
	st.atStep(e.Step, func(s *StepState, _ *stepFold) {
		s.Status, s.Finished = as, e.Time
		st.updateParent(s.Parent)
	})
}

func (st *WorkflowState) stepCompleted(e Event, d StepCompleted) {
	st.endStep(e, StatusCompleted)
	st.atStep(e.Step, func(s *StepState, f *stepFold) {
		s.Hash, s.Base, s.Edited = d.Hash, d.Base, false
		s.Class, s.Message = "", ""
		f.result, f.reads = e.Seq, d.Reads
	})
	delete(st.fold.queues, Scope{Step: e.Step})
}

func (st *WorkflowState) stepFailed(e Event, d StepFailed) {
	for _, key := range d.Pending {
		st.setItem(Scope{Step: e.Step, Item: key}, StatusPending)
	}
	as := StatusFailed
	if d.Tolerated {
		as = StatusTolerated
	}
	st.endStep(e, as)
	st.atStep(e.Step, func(s *StepState, _ *stepFold) { s.Class, s.Message = d.Class, d.Message })
	st.fail(e, ErrorEntry{Class: d.Class, Provider: d.Provider, Message: d.Message, Attempt: d.Attempts, Next: NextGiveUp})
}

func (st *WorkflowState) stepItems(e Event, d StepItems) {
	st.atStep(e.Step, func(s *StepState, f *stepFold) {
		if d.First == 0 {
			f.incoming = &incomingList{total: d.Total, reads: d.Reads, items: newItemTable()}
		}
		in := f.incoming
		if in == nil || in.given != d.First {
			f.incoming = nil // a chunk was lost to damage: the list is given anew on the next resume
			return
		}
		in.add(d.Items)
		if in.given < in.total {
			return
		}
		f.incoming = nil
		f.listed = in.reads
		f.items = f.items.relist(in.items)
		s.Items = f.items.counts()
	})
}

func (in *incomingList) add(defs []ItemDef) {
	for _, def := range defs {
		i := in.items.find(def.Key)
		if i < 0 {
			i = in.items.add(def.Key)
		}
		in.items.edit(i).hash = ParseHash(def.Hash)
	}
	in.given += len(defs)
}

// setItem moves an item to a status and keeps the step's counts. It returns the item, to be changed at once; nil: the
// step is not known.
func (st *WorkflowState) setItem(at Scope, to Status) (it *item) {
	st.atStep(at.Step, func(s *StepState, f *stepFold) {
		if f.items == nil {
			f.items = newItemTable()
		}
		i := f.items.find(at.Item)
		if i < 0 {
			i = f.items.add(at.Item)
			s.Items.Total++
		}
		it = f.items.edit(i)
		from := it.status
		it.status = itemStatusOf(to)
		s.Items.add(from, -1)
		s.Items.add(it.status, +1)
	})
	if to == StatusRunning && it != nil {
		st.fold.running[Scope{Step: at.Step, Item: at.Item}] = struct{}{}
	} else {
		delete(st.fold.running, Scope{Step: at.Step, Item: at.Item})
	}
	return it
}

func (c *ItemCounts) add(s itemStatus, n int) {
	switch s {
	case itemCompleted:
		c.Done += n
	case itemFailed:
		c.Failed += n
	case itemRunning:
		c.Running += n
	}
}

func (st *WorkflowState) itemCompleted(e Event, d ItemCompleted) {
	if it := st.setItem(e.Scope, StatusCompleted); it != nil {
		it.seq, it.result, it.edited = e.Seq, ParseHash(d.Hash), false
	}
	delete(st.fold.queues, Scope{Step: e.Step, Item: e.Item})
}

func (st *WorkflowState) retire(step string, keys []string) {
	st.atStep(step, func(s *StepState, f *stepFold) {
		for _, key := range keys {
			st.drop(Scope{Step: step, Item: key})
		}
		f.items = f.items.without(keys)
		s.Items = f.items.counts()
		for _, key := range keys {
			delete(st.fold.running, Scope{Step: step, Item: key})
		}
	})
}

func (st *WorkflowState) edited(e Event, d ResultEdited) {
	if e.Item != "" {
		if it := st.setItem(e.Scope, StatusCompleted); it != nil {
			it.seq, it.result, it.edited = e.Seq, ParseHash(d.Hash), true
		}
		return
	}
	st.atStep(e.Step, func(s *StepState, f *stepFold) {
		s.Status, s.Hash, s.Edited, f.result = StatusCompleted, d.Hash, true, e.Seq
		st.updateParent(s.Parent)
	})
}

func (st *WorkflowState) invalidated(d Invalidated) {
	for _, at := range d.Scopes {
		at := Scope{Step: at.Step, Item: at.Item}
		if d.Replay {
			delete(st.fold.queues, at) // the next generation may find these answers again
		} else {
			st.drop(at)
		}
		if at.Item != "" {
			if it := st.setItem(at, StatusPending); it != nil {
				it.gen++
			}
		}
		st.atStep(at.Step, func(s *StepState, f *stepFold) {
			s.Status = StatusPending
			if at.Item == "" {
				s.Gen++
				f.result = 0
				s.gateInvalidated()
			}
			st.updateParent(s.Parent)
		})
	}
}

// updateParent gives a Parallel the worst of its children's statuses.
func (st *WorkflowState) updateParent(name string) {
	if name == "" {
		return
	}
	worst := StatusCompleted
	for _, s := range st.Steps {
		if s.Parent == name && slices.Index(badness, s.Status) > slices.Index(badness, worst) {
			worst = s.Status
		}
	}
	st.atStep(name, func(s *StepState, _ *stepFold) {
		s.Status = worst
		st.updateParent(s.Parent)
	})
}

// badness orders the statuses of a Parallel's children, the worst last.
var badness = []Status{StatusCompleted, StatusTolerated, StatusPending, StatusInterrupted, StatusRunning, StatusPartial, StatusWaiting, StatusFailed}
