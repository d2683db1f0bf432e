package dashboard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dogear-go/dogear/state"
)

// costHistory is the cost of each provider over time: a bounded number of points, whatever the length of the run. The
// fold tells the sums; so they are those of the run, in-doubt calls and waste included.
type costHistory struct {
	complete bool
	gap      time.Duration // least time between two points
	series   map[string]*series
}

// series are the points of a provider: of each stretch of time, the last.
type series struct{ points []CostPoint }

// maxPoints is how many points a provider has at most. A plot is seldom wider than so many pixels in steps of two.
const maxPoints = 400

func newCostHistory() *costHistory { return &costHistory{series: map[string]*series{}} }

// add notes the sums after an event.
func (h *costHistory) add(st *state.WorkflowState, t time.Time) {
	for name, sum := range st.Providers {
		s := h.series[name]
		if s == nil {
			s = &series{}
			h.series[name] = s
		}
		h.addTo(s, CostPoint{Time: t, Cost: sum.Cost, Waste: sum.WasteCost, Tokens: sum.Usage.Input + sum.Usage.Output})
	}
}

func (h *costHistory) addTo(s *series, p CostPoint) {
	if n := len(s.points); n > 0 && sameSums(s.points[n-1], p) {
		return
	}
	// A point that follows the one before it closely takes its place, but for the first, which is where the line begins.
	if n := len(s.points); n > 1 && p.Time.Sub(s.points[n-2].Time) < h.gap {
		s.points[n-1] = p
		return
	}
	s.points = append(s.points, p)
	if len(s.points) > maxPoints {
		h.thin()
	}
}

func sameSums(a, b CostPoint) bool {
	return a.Cost == b.Cost && a.Waste == b.Waste && a.Tokens == b.Tokens
}

// thin doubles the gap, and drops every second point but the first and the last of each provider.
func (h *costHistory) thin() {
	h.gap = max(2*h.gap, time.Second/4)
	for _, s := range h.series {
		kept := s.points[:0]
		for i, p := range s.points {
			if i%2 == 0 || i == len(s.points)-1 {
				kept = append(kept, p)
			}
		}
		s.points = kept
	}
}

// view copies the points.
func (h *costHistory) view() CostSeries {
	v := CostSeries{Complete: h.complete, Providers: []CostPoints{}}
	for _, name := range slices.Sorted(maps.Keys(h.series)) {
		v.Providers = append(v.Providers, CostPoints{Provider: name, Points: slices.Clone(h.series[name].points)})
	}
	return v
}

// spends says that an event may change what was spent.
func spends(e state.Event) bool {
	switch e.Data.(type) {
	case state.CallAnswered, state.CallFailed, state.CallJudged, state.AttemptFailed, state.SessionOpened:
		return true
	}
	return false
}

// costSeries is the cost of a run over time. What has not been read yet is read in the background.
func (d *Dashboard) costSeries(ctx context.Context, run string) (CostSeries, error) {
	f, err := d.follow(ctx, run)
	if err != nil {
		return CostSeries{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || f.st == nil {
		return CostSeries{Providers: []CostPoints{}}, f.err
	}
	if f.costs == nil {
		h := newCostHistory()
		if !d.life.start(func() { f.readCosts(d.ctx, h) }) {
			return CostSeries{}, errClosed
		}
		f.costs = h
	}
	return f.costs.view(), nil
}

// readCosts folds the run from its beginning until it has reached what the follower knows. One run is read at a time, and
// not all the time, so that a run that is worked on beside it keeps most of the machine.
func (f *follower) readCosts(ctx context.Context, h *costHistory) {
	select {
	case f.d.reading <- struct{}{}:
		defer func() { <-f.d.reading }()
	case <-ctx.Done():
		return
	}
	st := &state.WorkflowState{}
	for !f.joined(h, st) {
		began := time.Now()
		err := f.readCostBatch(ctx, h, st)
		if err != nil {
			f.mu.Lock()
			if f.costs == h {
				f.costs = nil // who asks again begins again
			}
			f.mu.Unlock()
			return
		}
		select {
		case <-time.After(min(time.Since(began), time.Second)):
		case <-ctx.Done():
			return
		}
	}
}

// costBatch is how many events are read before others have their turn.
const costBatch = 2000

// readCostBatch folds some events more.
func (f *follower) readCostBatch(ctx context.Context, h *costHistory, st *state.WorkflowState) error {
	n := 0
	for e, err := range f.d.cfg.Store.Events(ctx, f.run, state.Query{From: st.Seq + 1, Limit: costBatch}) {
		if err == nil {
			err = st.Apply(e)
		}
		if err != nil {
			return err
		}
		n++
		if spends(e) {
			f.mu.Lock()
			h.add(st, e.Time)
			f.mu.Unlock()
		}
	}
	if n == 0 {
		return fmt.Errorf("run %q: %w", f.run, state.ErrNotFound) // it was replaced by a shorter one
	}
	return nil
}

// joined says that nothing is left to do: the history has reached what the follower knows, or nobody wants it any more.
func (f *follower) joined(h *costHistory, st *state.WorkflowState) bool {
	f.ctl.Lock()
	gone := f.gone
	f.ctl.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case gone || f.costs != h || f.st == nil:
		return true
	case st.Seq < f.st.Seq:
		return false
	}
	// Ahead: the follower sees these events with its next poll, and adds nothing, since the sums are the same.
	h.complete = st.RunID == f.st.RunID
	return true
}
