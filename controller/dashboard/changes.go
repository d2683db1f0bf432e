package dashboard

import (
	"slices"

	"github.com/dogear-go/dogear/state"
)

// changes are what happened in a run since the last tick, as far as a stream tells it.
type changes struct {
	events []EventView         // the last maxTickEvents
	items  map[string]indexes  // by step: positions of items that changed
	stale  map[string]struct{} // steps whose list changed, or too much of it
}

type indexes map[int]struct{}

// What one tick tells. Nobody reads a thousand lines a second: of more events the last ones are told, and of more items
// that the grid is to be read again.
const (
	maxTickEvents = 100
	maxTickItems  = 1000
)

func newChanges() *changes {
	return &changes{items: map[string]indexes{}, stale: map[string]struct{}{}}
}

// before notes what an event is about to change. It is called before the event is folded: what a session left running is
// known only then.
func (c *changes) before(st *state.WorkflowState, e state.Event) {
	switch e.Data.(type) {
	case state.SessionOpened, state.RunStopped:
		c.running(st)
	case state.PipelineChanged:
		c.all(st)
	}
}

// all says that nothing is known of what changed.
func (c *changes) all(st *state.WorkflowState) {
	for i := range st.Steps {
		c.relisted(st.Steps[i].Name)
	}
}

// after notes what an event changed.
func (c *changes) after(st *state.WorkflowState, e state.Event) {
	if len(c.events) == 2*maxTickEvents {
		c.events = append(c.events[:0], c.events[maxTickEvents:]...)
	}
	c.events = append(c.events, eventView(e))
	switch d := e.Data.(type) {
	case state.StepItems, state.ItemRetired:
		c.relisted(e.Step)
	case state.StepFailed:
		for _, key := range d.Pending {
			c.item(st, e.Step, key)
		}
	case state.Invalidated:
		for _, at := range d.Scopes {
			c.item(st, at.Step, at.Item)
		}
	case state.CallSent, state.AttemptFailed, state.Waiting: // which change nothing that is shown of an item
	default:
		c.item(st, e.Step, e.Item)
	}
}

// past notes what an event of the past changed. The state is a later one; what it says of items that changed is what counts.
func (c *changes) past(st *state.WorkflowState, e state.Event) {
	switch e.Data.(type) {
	case state.SessionOpened, state.RunStopped, state.PipelineChanged: // what ran then is not known any more
		c.all(st)
	default:
		c.after(st, e)
	}
}

// running notes the items that run: they are about to go back to pending.
func (c *changes) running(st *state.WorkflowState) {
	for i := range st.Steps {
		if st.Steps[i].Items.Running > 0 {
			c.relisted(st.Steps[i].Name)
		}
	}
}

func (c *changes) relisted(step string) {
	c.stale[step] = struct{}{}
	delete(c.items, step)
}

func (c *changes) item(st *state.WorkflowState, step, key string) {
	if key == "" {
		return
	}
	if _, ok := c.stale[step]; ok {
		return
	}
	i := st.ItemIndex(step, key)
	if i < 0 {
		return
	}
	set := c.items[step]
	if set == nil {
		set = indexes{}
		c.items[step] = set
	}
	set[i] = struct{}{}
	if len(set) > maxTickItems {
		c.relisted(step)
	}
}

// told is what a stream is told of the changes, in the pipeline's order.
func (c *changes) told(st *state.WorkflowState, held bool) (events []EventView, list []Change) {
	for i := range st.Steps {
		name := st.Steps[i].Name
		if _, ok := c.stale[name]; ok {
			if st.Steps[i].Kind == state.KindEach {
				list = append(list, Change{Step: name, Seq: st.Seq, Items: []ItemView{}, Stale: true})
			}
			continue
		}
		set := c.items[name]
		if len(set) == 0 {
			continue
		}
		s := shared{st.ItemList(name), st.Seq, held}
		change := Change{Step: name, Seq: st.Seq, Items: make([]ItemView, 0, len(set))}
		for at := range set {
			change.Items = append(change.Items, s.view(at))
		}
		slices.SortFunc(change.Items, func(a, b ItemView) int { return a.Index - b.Index })
		list = append(list, change)
	}
	return c.events[max(0, len(c.events)-maxTickEvents):], list
}
