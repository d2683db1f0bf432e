package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/dogear-go/dogear/state"
)

// shared is an Each as it was at one moment, to be read at leisure.
type shared struct {
	items state.ItemList
	seq   uint64
	held  bool
}

// itemsOf shares the items of a step.
func (d *Dashboard) itemsOf(ctx context.Context, run, step string) (s shared, err error) {
	f, err := d.follow(ctx, run)
	if err != nil {
		return s, err
	}
	err = f.read(func(st *state.WorkflowState, head state.Head) error {
		if st.Step(step) == nil {
			return noStep(run, step)
		}
		s = shared{st.ItemList(step), st.Seq, head.Holder != nil}
		return nil
	})
	return s, err
}

func noStep(run, step string) error {
	return &refusal{status: http.StatusNotFound, text: fmt.Sprintf("the run %q has no step %q", run, clip(step))}
}

func noItem(step, key string) error {
	return &refusal{status: http.StatusNotFound, text: fmt.Sprintf("the step %q has no item %q", step, clip(key))}
}

// status is what a reader sees: without a holder nothing runs.
func (s shared) status(i int) state.Status {
	status := s.items.At(i).Status()
	if status == state.StatusRunning && !s.held {
		return state.StatusPending
	}
	return status
}

func (s shared) view(i int) ItemView {
	it := s.items.At(i)
	cost, waste := it.Cost()
	return ItemView{Index: i, Key: it.Key(), Status: s.status(i), Edited: it.Edited(), Cost: cost, Waste: waste}
}

// itemList is one page of the items of an Each.
func (d *Dashboard) itemList(ctx context.Context, run string, q itemQuery) (ItemList, error) {
	s, err := d.itemsOf(ctx, run, q.Step)
	if err != nil {
		return ItemList{}, err
	}
	list := ItemList{Step: q.Step, Seq: s.seq, From: q.From, Items: []ItemView{}}
	limit := page(q.Limit, maxItemPage)
	if len(q.Status) == 0 {
		list.Total = s.items.Len()
		for i := q.From; i < list.Total && len(list.Items) < limit; i++ {
			list.Items = append(list.Items, s.view(i))
		}
		return list, nil
	}
	for i := range s.items.Len() {
		if !slices.Contains(q.Status, s.status(i)) {
			continue
		}
		if list.Total >= q.From && len(list.Items) < limit {
			list.Items = append(list.Items, s.view(i))
		}
		list.Total++
	}
	return list, nil
}

// grid is all items of an Each, one letter each.
func (d *Dashboard) grid(ctx context.Context, run, step string) (Grid, error) {
	s, err := d.itemsOf(ctx, run, step)
	if err != nil {
		return Grid{}, err
	}
	cells := make([]byte, s.items.Len())
	for i := range cells {
		cells[i] = letter(s.status(i))
	}
	return Grid{Step: step, Seq: s.seq, Total: len(cells), Cells: string(cells)}, nil
}

func letter(s state.Status) byte {
	switch s {
	case state.StatusRunning:
		return 'r'
	case state.StatusCompleted:
		return 'c'
	case state.StatusFailed:
		return 'f'
	}
	return 'p'
}
