package dashboard

import (
	"context"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// eventList is a part of the history of a run.
func (d *Dashboard) eventList(ctx context.Context, run string, q eventQuery) (EventList, error) {
	list := EventList{Events: []EventView{}}
	f, err := d.follow(ctx, run)
	if err != nil {
		return list, err
	}
	var last uint64
	err = f.read(func(st *state.WorkflowState, _ state.Head) error {
		last = st.Seq
		return nil
	})
	if err != nil {
		return list, err
	}
	from, limit := q.span(last)
	if limit == 0 {
		return list, nil
	}
	for e, err := range d.cfg.Store.Events(ctx, run, state.Query{From: from, Limit: limit}) {
		if err != nil {
			return list, err
		}
		list.Events = append(list.Events, eventView(e))
	}
	return list, nil
}

// span is where the events begin that the query wants, and how many they are.
func (q eventQuery) span(last uint64) (from uint64, limit int) {
	n := uint64(page(q.Limit, maxEventPage))
	if q.After > 0 {
		if q.After >= last {
			return 0, 0
		}
		return q.After + 1, int(min(n, last-q.After))
	}
	end := last + 1 // exclusive
	if q.Before > 0 {
		end = min(end, q.Before)
	}
	from = 1
	if end > n {
		from = end - n
	}
	return from, int(end - from)
}

func eventView(e state.Event) EventView {
	return EventView{Seq: e.Seq, Time: e.Time, Type: e.Type, Step: e.Step, Item: e.Item, Text: state.Describe(e.Data), Bad: bad(e)}
}

// bad says that an event is a failure.
func bad(e state.Event) bool {
	if d, ok := e.Data.(state.RunStopped); ok {
		return d.Status == state.StatusFailed || d.Status == state.StatusPartial
	}
	return strings.HasSuffix(string(e.Type), ".failed")
}
