package state

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// compact is a WorkflowState as a snapshot holds it: all in JSON, but for the items, which follow it in blocks.
type compact struct {
	State      WorkflowState  `json:"state"`
	Models     []compactModel `json:"models,omitempty"`
	Steps      []compactStep  `json:"steps"`
	Removed    []compactGone  `json:"removed,omitempty"`
	Queues     []compactQueue `json:"queues,omitempty"`
	Sent       []compactTry   `json:"sent,omitempty"`
	ErrorCount int            `json:"error_count"`
	Repaired   bool           `json:"repaired,omitempty"`
}

// compactGone is a step that the pipeline no longer declares.
type compactGone struct {
	Step StepState   `json:"step"`
	Fold compactStep `json:"fold"`
}

type compactStep struct {
	Known    bool          `json:"known,omitempty"`
	Result   uint64        `json:"result,omitempty"`
	Reads    []Read        `json:"reads,omitempty"`
	Listed   []Read        `json:"listed,omitempty"`
	Items    *compactItems `json:"items,omitempty"` // nil: there are none
	Incoming *compactList  `json:"incoming,omitempty"`
}

// compactList is a list of items that is being given.
type compactList struct {
	Total int          `json:"total"`
	Given int          `json:"given"`
	Reads []Read       `json:"reads,omitempty"`
	Items compactItems `json:"items"`
}

// compactItems is how many items there are in the blocks.
type compactItems struct {
	Count int `json:"count"`

	list  ItemList   // to be written
	table *itemTable // that was read
}

type compactQueue struct {
	Scope
	Answers []Answer   `json:"answers,omitempty"`
	Dos     []DoResult `json:"dos,omitempty"`
	Warned  []string   `json:"warned,omitempty"`
}

type compactTry struct {
	Scope
	ModelID
	Call     string    `json:"call"`
	Try      int       `json:"try"`
	Role     string    `json:"role,omitempty"`
	Reserved *int64    `json:"reserved,omitempty"`
	Since    time.Time `json:"since"`
}

type compactModel struct {
	ModelID
	Totals Totals `json:"totals"`
}

// compact copies what a snapshot needs. It is quick, for it runs under the Recorder's lock; encode does the rest.
func (st *WorkflowState) compact() compact {
	c := compact{State: *st, ErrorCount: st.fold.errorCount, Repaired: st.fold.repaired}
	c.State.fold = foldState{}
	c.State.Steps = slices.Clone(st.Steps)
	c.State.Providers = maps.Clone(st.Providers)
	c.State.Models = nil
	c.State.Budget = maps.Clone(st.Budget)
	for id, t := range st.Models {
		c.Models = append(c.Models, compactModel{id, t})
	}
	c.State.Errors = slices.Clone(st.Errors)
	c.State.Warnings = slices.Clone(st.Warnings)
	c.State.Waits = slices.Clone(st.Waits)
	c.State.Cooling = slices.Clone(st.Cooling)
	for i, f := range st.fold.steps {
		c.Steps = append(c.Steps, f.compact(st.Steps[i].Items.Known))
	}
	for _, gone := range st.fold.removed {
		c.Removed = append(c.Removed, compactGone{gone.step, gone.fold.compact(gone.step.Items.Known)})
	}
	for at, q := range st.fold.queues {
		c.addQueue(at, q)
	}
	for key, try := range st.fold.sent {
		c.Sent = append(c.Sent, compactTry{try.at, try.of, key.call, key.try, try.role, try.reserved, try.since})
	}
	return c
}

func (f stepFold) compact(known bool) compactStep {
	s := compactStep{Known: known, Result: f.result, Reads: f.reads, Listed: f.listed}
	if f.items.len() > 0 {
		s.Items = &compactItems{Count: f.items.len(), list: f.items.share()}
	}
	if in := f.incoming; in != nil {
		s.Incoming = &compactList{in.total, in.given, in.reads, compactItems{Count: in.items.len(), list: in.items.share()}}
	}
	return s
}

func (c *compact) addQueue(at Scope, q *queue) {
	c.Queues = append(c.Queues, compactQueue{at, slices.Clone(q.answers), slices.Clone(q.dos), slices.Clone(q.warned)})
	for key, in := range q.inner {
		c.addQueue(Scope{at.Step, at.Item, key}, in)
	}
}

// sort makes equal states equal to the byte.
func (c *compact) sort() {
	slices.SortFunc(c.Queues, func(a, b compactQueue) int { return compareScopes(a.Scope, b.Scope) })
	slices.SortFunc(c.Sent, func(a, b compactTry) int {
		return cmp.Or(strings.Compare(a.Call, b.Call), cmp.Compare(a.Try, b.Try))
	})
	slices.SortFunc(c.Models, func(a, b compactModel) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	slices.SortFunc(c.Removed, func(a, b compactGone) int { return strings.Compare(a.Step.Name, b.Step.Name) })
}

// lists are the lists of items, in the order in which their blocks follow.
func (c *compact) lists() (all []*compactItems) {
	add := func(s *compactStep) {
		if s.Items != nil {
			all = append(all, s.Items)
		}
		if s.Incoming != nil {
			all = append(all, &s.Incoming.Items)
		}
	}
	for i := range c.Steps {
		add(&c.Steps[i])
	}
	for i := range c.Removed {
		add(&c.Removed[i].Fold)
	}
	return all
}

func compareScopes(a, b Scope) int {
	return cmp.Or(strings.Compare(a.Step, b.Step), strings.Compare(a.Item, b.Item), strings.Compare(a.Do, b.Do))
}
