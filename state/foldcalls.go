package state

import "slices"

// The part of the fold that is about model calls, Dos and the replay queues.

// count changes the totals of the run, of a provider and of the step at once, so that they always agree.
func (st *WorkflowState) count(at Scope, provider string, change func(*Totals)) {
	change(&st.Usage)
	t := st.Providers[provider]
	change(&t)
	st.Providers[provider] = t
	st.atStep(at.Step, func(s *StepState, _ *stepFold) { change(&s.Usage) })
}

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
	st.count(e.Scope, d.Provider, func(t *Totals) {
		t.FailedCalls++
		t.Usage = t.Usage.Add(d.Usage)
		t.Waste = t.Waste.Add(d.Usage)
		if d.Cost != nil {
			t.Cost += *d.Cost
			t.WasteCost += *d.Cost
		}
	})
	if d.Class != "canceled" && d.Next != NextGiveUp { // what gives up is told by the item or step that fails with it
		st.fail(e, ErrorEntry{Class: d.Class, Provider: d.Provider, Message: d.Message, Attempt: d.Try, Next: d.Next})
	}
}

func (st *WorkflowState) callAnswered(e Event, d CallAnswered) {
	delete(st.fold.sent, tryKey{d.Call, d.Try})
	a := Answer{Seq: e.Seq, Hash: d.Hash, Provider: d.Provider, Usage: d.Usage}
	if d.Cost != nil {
		a.Cost = *d.Cost
	}
	q := st.open(e.Scope)
	q.answers = append(q.answers, a)
	st.count(e.Scope, d.Provider, func(t *Totals) {
		t.Calls++
		t.Usage = t.Usage.Add(d.Usage)
		t.Cost += a.Cost
		if d.Cost == nil {
			t.Unpriced++
		}
		if d.Usage == (Usage{}) {
			t.Uncounted++
		}
	})
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
	st.count(at, a.Provider, func(t *Totals) {
		t.Waste = t.Waste.Add(a.Usage)
		t.WasteCost += a.Cost
	})
}

func (st *WorkflowState) replayed(at Scope, d CallReplayed) {
	provider := d.Provider
	for _, a := range st.Answers(at) {
		if a.Seq == d.Of {
			provider = a.Provider
		}
	}
	st.count(at, provider, func(t *Totals) { t.Replayed++ })
}

func (st *WorkflowState) doCompleted(e Event, d DoCompleted) {
	q := st.open(e.Scope)
	q.dos = append(q.dos, DoResult{Seq: e.Seq, Key: d.Key, Queue: d.Queue})
	if e.Do == "" {
		delete(q.inner, d.Key) // the calls inside are not looked at any more
	}
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
	q.dos = slices.DeleteFunc(q.dos, func(r DoResult) bool { return r.Seq > keepTo })
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
