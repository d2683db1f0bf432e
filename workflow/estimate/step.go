package estimate

import (
	"hash/maphash"
	"time"

	"github.com/dogear-go/dogear/state"
)

// phase is how far a step is in this session.
type phase uint8

const (
	pending phase = iota
	running
	over // nothing more is done in it in this session, but in the next one
	done
)

// step is what is measured of a step.
type step struct {
	def   state.StepDef
	phase phase
	items ledger
	took  durations       // of items, or of a step of one result
	runs  map[uint64]*run // what runs now: items by the hash of their key, a step of one result as 0
	seen  concurrency     // of items
	pace  pace            // of waits
}

// run is one item, or step of one result, that runs now.
type run struct {
	started time.Time
	whole   bool          // its start was seen
	waited  time.Duration // in waits that ended
	brief   time.Duration // the part of waited in brief waits
	wait    *wait         // nil: it works
}

type wait struct {
	since, until time.Time
}

func newStep() *step { return &step{runs: map[uint64]*run{}} }

// single says that the step has one result, and no items.
func (s *step) single() bool { return s.def.Kind != state.KindEach }

func (s *step) observe(ev state.Event, seed maphash.Seed) {
	id := uint64(0)
	if ev.Item != "" {
		id = keyHash(seed, ev.Item)
	}
	s.resume(id, ev.Time)
	switch d := ev.Data.(type) {
	case state.StepItems:
		s.items.list(d, seed)
	case state.StepStarted:
		s.phase = running
		if s.single() {
			s.start(0, ev.Time)
		}
	case state.StepCompleted:
		s.endStep(ev.Time, done)
	case state.StepFailed, state.StepPartial:
		s.endStep(ev.Time, over)
	case state.ItemStarted:
		s.phase = running
		s.items.set(id, itemTodo)
		s.start(id, ev.Time)
	case state.ItemCompleted:
		s.end(id, ev.Time)
		s.items.set(id, itemDone)
	case state.ItemFailed:
		s.end(id, ev.Time)
		s.items.set(id, itemFailed)
	case state.ItemRetired:
		for _, key := range d.Keys {
			s.items.remove(keyHash(seed, key))
		}
	case state.ResultEdited:
		s.edited(ev.Item, id)
	case state.Waiting:
		s.wait(id, ev.Time, time.Duration(d.ForMS)*time.Millisecond)
	}
}

func (s *step) edited(item string, id uint64) {
	if item != "" {
		s.items.set(id, itemDone)
		return
	}
	s.phase = done
}

func (s *step) start(id uint64, at time.Time) {
	s.seen.advance(at, len(s.runs), s.took.scale())
	s.runs[id] = &run{started: at, whole: true}
	s.seen.begin()
}

// end measures what ended.
func (s *step) end(id uint64, at time.Time) {
	r := s.runs[id]
	if r == nil {
		return
	}
	s.seen.advance(at, len(s.runs), s.took.scale())
	delete(s.runs, id)
	if r.whole {
		s.took.add(r.worked(at))
		s.pace.ended(r.brief)
	}
}

func (s *step) endStep(at time.Time, as phase) {
	if s.single() {
		s.end(0, at)
	}
	s.settle()
	s.phase = as
}

// wait begins a wait; it ends with the next event of the same item.
func (s *step) wait(id uint64, at time.Time, d time.Duration) {
	r := s.runs[id]
	if r == nil || d <= 0 {
		return
	}
	r.wait = &wait{since: at, until: at.Add(d)}
	s.pace.waits()
}

// resume ends a wait.
func (s *step) resume(id uint64, at time.Time) {
	r := s.runs[id]
	if r == nil || r.wait == nil {
		return
	}
	took := max(0, at.Sub(r.wait.since))
	r.waited += took
	if took <= briefWait {
		r.brief += took
	}
	r.wait = nil
}

// worked is how long it has worked, without its waits.
func (r *run) worked(now time.Time) time.Duration {
	d := now.Sub(r.started) - r.waited
	if r.wait != nil {
		d -= max(0, now.Sub(r.wait.since))
	}
	return max(0, d)
}

// settle forgets what runs.
func (s *step) settle() {
	clear(s.runs)
	s.seen.stop(s.took.scale())
	if s.phase == running {
		s.phase = pending
	}
}

// again begins a session with another number of workers.
func (s *step) again(before, workers int) {
	s.items.retry()
	s.seen.scale(before, workers)
	if s.phase == over {
		s.phase = pending
	}
}

func (s *step) invalidate(item string, seed maphash.Seed) {
	s.phase = pending
	if item != "" {
		s.items.set(keyHash(seed, item), itemTodo)
	}
}

// begin takes over what a run knows of the step.
func (s *step) begin(st *state.WorkflowState, from *state.StepState, seed maphash.Seed) {
	s.settle()
	switch from.Status {
	case state.StatusCompleted:
		s.phase = done
	case state.StatusTolerated, state.StatusFailed, state.StatusPartial:
		s.phase = over
	case state.StatusRunning:
		s.phase = running
		if s.single() {
			s.runs[0] = &run{started: st.Updated}
		}
	default:
		s.phase = pending
	}
	if !from.Items.Known {
		return
	}
	s.items = ledger{known: true}
	for it := range st.Items(from.Name) {
		id := keyHash(seed, it.Key)
		s.items.add(id, statusOf(it.Status))
		if it.Status == state.StatusRunning {
			s.runs[id] = &run{started: st.Updated}
		}
	}
	s.items.sort()
}

func keyHash(seed maphash.Seed, key string) uint64 { return max(1, maphash.String(seed, key)) }
