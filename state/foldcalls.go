package state

import "slices"

// The part of the fold that is about model calls, Dos and the replay queues.

// open returns the queue of the scope, made if need be.
func (st *WorkflowState) open(at Scope) *queue {
	root := Scope{Step: at.Step, Item: at.Item}
	q := st.fold.queues[root]
	if q == nil {
		q = &queue{}
		st.fold.queues[root] = q
	}
	if at.Do == "" {
		return q
	}
	if q.inner == nil {
		q.inner = map[string]*queue{}
	}
	if q.inner[at.Do] == nil {
		q.inner[at.Do] = &queue{}
	}
	return q.inner[at.Do]
}

func (st *WorkflowState) callFailed(e Event, d CallFailed) {
	delete(st.fold.sent, tryKey{d.Call, d.Try})
	t := Totals{FailedCalls: 1, Usage: d.Usage, Waste: d.Usage}
	t.cost(d.Cost, d.Bound, d.Unpriced || d.Usage != Usage{})
	t.WasteCost = t.Cost
	st.count(e.Scope, ModelID{d.Provider, d.Model}, t)
	if d.Class != "canceled" && d.Next != NextGiveUp { // what gives up is told by the item or step that fails with it
		st.fail(e, ErrorEntry{Class: d.Class, Provider: d.Provider, Message: d.Message, Attempt: d.Try, Next: d.Next})
	}
}

func (st *WorkflowState) callAnswered(e Event, d CallAnswered) {
	delete(st.fold.sent, tryKey{d.Call, d.Try})
	t := Totals{Calls: 1, Usage: d.Usage}
	t.cost(d.Cost, d.Bound, true)
	if d.Usage == (Usage{}) {
		t.Uncounted = 1
	}
	a := Answer{Seq: e.Seq, Hash: d.Hash, Provider: d.Provider, Model: d.Model, Usage: d.Usage, Cost: t.Cost}
	q := st.open(e.Scope)
	q.answers = append(q.answers, a)
	st.count(e.Scope, a.of(), t)
}

func (st *WorkflowState) judged(at Scope, d CallJudged) {
	q := st.peek(at)
	for i := 0; q != nil && i < len(q.answers); i++ {
		if q.answers[i].Seq == d.Of {
			st.waste(at, &q.answers[i])
		}
	}
}

func (st *WorkflowState) waste(at Scope, a *Answer) {
	if a.Wasted {
		return
	}
	a.Wasted = true
	st.count(at, a.of(), Totals{Waste: a.Usage, WasteCost: a.Cost})
}

func (st *WorkflowState) replayed(at Scope, d CallReplayed) {
	of := ModelID{d.Provider, d.Model}
	if q := st.peek(at); q != nil {
		for i := range q.answers {
			if a := &q.answers[i]; a.Seq == d.Of {
				of = a.of()
			}
		}
	}
	st.count(at, of, Totals{Replayed: 1})
}

func (st *WorkflowState) doCompleted(e Event, d DoCompleted) {
	q := st.open(e.Scope)
	r := DoResult{Seq: e.Seq, Key: d.Key, Queue: d.Queue}
	if inner := q.inner[d.Key]; e.Do == "" && inner != nil {
		// The calls inside are not looked at any more, but for what they cost.
		r.Paid = slices.DeleteFunc(inner.answers, func(a Answer) bool { return a.Wasted })
		for _, done := range inner.dos {
			r.Paid = append(r.Paid, done.Paid...)
		}
		delete(q.inner, d.Key)
	}
	q.dos = append(q.dos, r)
}

// attemptFailed kills what the failed attempt must not find again, and counts it as waste.
func (st *WorkflowState) attemptFailed(e Event, d AttemptFailed) {
	st.atStep(e.Step, func(s *StepState, _ *stepFold) {
		if e.Item == "" {
			s.Attempts++
		}
	})
	if d.Next != NextGiveUp { // what gives up is told by the item or step that fails with it
		st.fail(e, ErrorEntry{Class: d.Class, Message: d.Message, Next: d.Next})
	}
	if d.KeepTo == nil {
		return
	}
	at := Scope{Step: e.Step, Item: e.Item}
	q := st.open(at)
	st.kill(at, q, *d.KeepTo)
	for key, in := range q.inner {
		st.kill(Scope{Step: e.Step, Item: e.Item, Do: key}, in, *d.KeepTo)
	}
}

func (st *WorkflowState) kill(at Scope, q *queue, keepTo uint64) {
	q.answers = slices.DeleteFunc(q.answers, func(a Answer) bool {
		if a.Seq <= keepTo {
			return false
		}
		st.waste(at, &a)
		return true
	})
	q.dos = slices.DeleteFunc(q.dos, func(r DoResult) bool {
		if r.Seq <= keepTo {
			return false
		}
		for _, a := range r.Paid {
			st.waste(Scope{Step: at.Step, Item: at.Item, Do: r.Key}, &a)
		}
		return true
	})
}

// drop takes a scope's queue away: what it was answered is not used any more, and waste from now on.
func (st *WorkflowState) drop(at Scope) {
	at.Do = ""
	q := st.fold.queues[at]
	if q == nil {
		return
	}
	st.kill(at, q, 0)
	for key, in := range q.inner {
		st.kill(Scope{Step: at.Step, Item: at.Item, Do: key}, in, 0)
	}
	delete(st.fold.queues, at)
}

// Answers returns the live answers of an open scope, in journal order.
func (st *WorkflowState) Answers(at Scope) []Answer {
	if q := st.peek(at); q != nil {
		return slices.Clone(q.answers)
	}
	return nil
}

// DoResults returns the live Do results of an open scope, in journal order.
func (st *WorkflowState) DoResults(at Scope) []DoResult {
	if q := st.peek(at); q != nil {
		return slices.Clone(q.dos)
	}
	return nil
}

func (st *WorkflowState) peek(at Scope) *queue {
	q := st.fold.queues[Scope{Step: at.Step, Item: at.Item}]
	if q == nil || at.Do == "" {
		return q
	}
	return q.inner[at.Do]
}
