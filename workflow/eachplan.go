package workflow

import (
	"math/bits"
	"slices"

	"github.com/dogear-go/dogear/state"
)

// eachPlan is what a session has to do in an Each, in units: a single item, or the items of a lane that are not done. It
// takes a bit an item, and eight bytes more where there are lanes.
type eachPlan struct {
	heads  []uint64 // a bit for each item, set for the first item of a unit
	units  int
	next   int     // position from which take looks on
	follow []int32 // with lanes: the item that follows in the unit, by position + 1; zero: none
	before []int32 // with lanes: the item before it in its lane, done or not, by position + 1; zero: none
}

// plan makes the units of work: lanes, or single items, without what is done.
func (r *eachRun) plan() {
	var list state.ItemList
	r.session.rec.View(func(st *state.WorkflowState) { list = st.ItemList(r.scope.at.Step) })
	n, lanes := r.list.n, newLanes(r.list)
	r.todo = eachPlan{heads: make([]uint64, (n+63)/64)}
	if lanes != nil {
		r.todo.follow, r.todo.before = make([]int32, n), make([]int32, n)
	}
	skip := r.skips()
	for i := range n {
		it := list.At(i)
		status := it.Status()
		left := status == state.StatusFailed && skip(it)
		done := status == state.StatusCompleted || left
		switch {
		case lanes != nil:
			lanes.add(&r.todo, i, done, left)
		case !done:
			r.todo.begin(i)
		}
	}
	r.list.lanes = nil
}

// skips tells which failed items this session leaves alone.
func (r *eachRun) skips() func(state.Item) bool {
	only, selecting := r.session.cfg.Retry[r.scope.at.Step]
	return func(it state.Item) bool {
		return r.session.cfg.Retry != nil && (!selecting || (len(only) > 0 && !slices.Contains(only, it.Key())))
	}
}

func (p *eachPlan) begin(i int) {
	p.heads[i/64] |= 1 << (i % 64)
	p.units++
}

// take returns the first item of the next unit, -1 after the last.
func (p *eachPlan) take() int {
	for word := p.next / 64; word < len(p.heads); word++ {
		if left := p.heads[word] >> (p.next % 64); left != 0 {
			i := p.next + bits.TrailingZeros64(left)
			p.next = i + 1
			return i
		}
		p.next = (word + 1) * 64
	}
	return -1
}

// following is the item that comes after one in its unit, -1 after the last.
func (p *eachPlan) following(i int) int {
	if p.follow == nil {
		return -1
	}
	return int(p.follow[i]) - 1
}

// previous is the item before one in its lane, -1 before the first.
func (p *eachPlan) previous(i int) int {
	if p.before == nil {
		return -1
	}
	return int(p.before[i]) - 1
}

// laneEnds is where the lanes end, while a plan is made.
type laneEnds struct {
	of      []int32 // the lane of each item
	last    []int32 // of each lane: its last item so far, by position + 1
	unit    []int32 // of each lane: the last item of its unit, the same way
	blocked []bool  // of each lane: an item is left alone, so those behind it stay pending
}

func newLanes(l *itemList) *laneEnds {
	if l.lanes == nil {
		return nil
	}
	n := int32(0)
	for _, lane := range l.lanes {
		n = max(n, lane+1)
	}
	return &laneEnds{of: l.lanes, last: make([]int32, n), unit: make([]int32, n), blocked: make([]bool, n)}
}

// add puts the next item into its lane; left says that a failed one is left alone.
func (l *laneEnds) add(p *eachPlan, i int, done, left bool) {
	lane := l.of[i]
	p.before[i], l.last[lane] = l.last[lane], int32(i+1)
	l.blocked[lane] = l.blocked[lane] || left
	if done || l.blocked[lane] {
		return
	}
	if end := l.unit[lane]; end > 0 {
		p.follow[end-1] = int32(i + 1)
	} else {
		p.begin(i)
	}
	l.unit[lane] = int32(i + 1)
}
