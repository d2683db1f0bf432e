package estimate_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dogear-go/dogear/state"
)

// simulation plays a run of one Each on a clock of its own, as the events that the run would have written.
type simulation struct {
	rnd     *rand.Rand
	items   int
	workers int
	lanes   int                            // 0: none
	takes   func(*rand.Rand) time.Duration // the work of one item
	fails   float64                        // share of the items that fail
	pauses  int                            // sessions before the last
	kills   bool                           // they end without a word, and what runs is lost
	waits   float64                        // share of the items that wait for 10 s first
	outage  time.Duration                  // one that everything waits for, halfway

	now      time.Time
	work     time.Duration // of all sessions so far, without the outage
	ended    int           // in all sessions
	seq      uint64
	moments  []moment
	steps    timetable
	running  map[int]bool
	draining bool
	stall    time.Duration
	longest  time.Duration // work of one item
}

// moment is an event, and what was over when it happened.
type moment struct {
	event state.Event
	work  time.Duration
	ended int
	stall time.Duration // of the outage that is on
}

// timetable is what happens next, the soonest first.
type timetable []entry

type entry struct {
	at time.Duration // of work
	do func()
}

func (t timetable) Len() int           { return len(t) }
func (t timetable) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timetable) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timetable) Push(x any)        { *t = append(*t, x.(entry)) }
func (t *timetable) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

const each = "each"

func atItem(i int) state.Scope { return state.Scope{Step: each, Item: fmt.Sprintf("item/%d", i)} }

func (s *simulation) emit(at state.Scope, data state.Payload) {
	e := state.New(at, data)
	s.seq++
	e.Seq, e.Time = s.seq, s.now
	s.moments = append(s.moments, moment{e, s.work, s.ended, s.stall})
}

// play plays all sessions. After the last one only the items that failed in it are left.
func (s *simulation) play() []moment {
	s.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.emit(state.Scope{}, state.RunCreated{Steps: []state.StepDef{{Name: each, Kind: state.KindEach}}})
	left := make([]int, s.items)
	for i := range left {
		left[i] = i
	}
	for session := 0; session <= s.pauses; session++ {
		s.emit(state.Scope{}, state.SessionOpened{Concurrency: s.workers})
		if session == 0 {
			s.list()
		}
		s.emit(state.Scope{Step: each}, state.StepStarted{})
		stop := len(left) + 1
		if session < s.pauses {
			stop = 1 + s.rnd.IntN(max(1, len(left)/2))
		}
		left = s.session(left, stop)
		s.now = s.now.Add(time.Duration(s.rnd.IntN(100)) * time.Hour)
	}
	return s.moments
}

func (s *simulation) list() {
	for first := 0; first < s.items; first += 1000 {
		chunk := state.StepItems{First: first, Total: s.items}
		for i := first; i < min(s.items, first+1000); i++ {
			chunk.Items = append(chunk.Items, state.ItemDef{Key: atItem(i).Item})
		}
		s.emit(state.Scope{Step: each}, chunk)
	}
}

// session works on what is left until some have ended; it returns those that did not complete.
func (s *simulation) session(left []int, stop int) []int {
	units := [][]int{}
	if s.lanes > 0 {
		units = make([][]int, s.lanes)
	}
	for _, item := range left {
		if s.lanes > 0 {
			units[item%s.lanes] = append(units[item%s.lanes], item)
		} else {
			units = append(units, []int{item})
		}
	}
	completed := map[int]bool{}
	s.steps, s.running, s.draining = nil, map[int]bool{}, false
	var take func()
	var work func(unit []int)
	work = func(unit []int) {
		if len(unit) == 0 {
			take()
			return
		}
		if s.draining {
			return
		}
		s.item(unit[0], func(ok bool) {
			completed[unit[0]] = ok
			if stop--; stop == 0 {
				s.draining = true
				if !s.kills {
					s.emit(state.Scope{}, state.PauseRequested{By: "test"})
				}
			}
			if ok || s.lanes == 0 {
				work(unit[1:])
			} else {
				take() // those behind it stay pending
			}
		})
	}
	take = func() {
		if len(units) > 0 {
			unit := units[0]
			units = units[1:]
			work(unit)
		}
	}
	for range s.workers {
		take()
	}
	for len(s.steps) > 0 && !(s.draining && s.kills) {
		next := heap.Pop(&s.steps).(entry)
		s.now, s.work = s.now.Add(next.at-s.work), next.at
		next.do()
		s.breakdown(len(left))
	}
	var rest []int
	for _, item := range left {
		if !completed[item] {
			rest = append(rest, item)
		}
	}
	switch {
	case len(rest) == 0:
		s.emit(state.Scope{Step: each}, state.StepCompleted{})
	case !s.draining:
		s.emit(state.Scope{Step: each}, state.StepPartial{})
	case !s.kills:
		s.emit(state.Scope{}, state.RunStopped{Status: state.StatusPaused})
	}
	return rest
}

// item plays one item: a wait at times, then its work.
func (s *simulation) item(i int, then func(ok bool)) {
	s.emit(atItem(i), state.ItemStarted{})
	s.running[i] = true
	begin := func() {
		takes := s.takes(s.rnd)
		s.longest = max(s.longest, takes)
		heap.Push(&s.steps, entry{s.work + takes, func() {
			ok := s.rnd.Float64() >= s.fails
			s.ended++
			delete(s.running, i)
			if ok {
				s.emit(atItem(i), state.ItemCompleted{})
			} else {
				s.emit(atItem(i), state.ItemFailed{Class: "unknown"})
			}
			then(ok)
		}})
	}
	if s.rnd.Float64() >= s.waits {
		begin()
		return
	}
	const wait = 10 * time.Second
	s.emit(atItem(i), state.Waiting{Why: "rate limit", ForMS: wait.Milliseconds(), Until: s.now.Add(wait)})
	heap.Push(&s.steps, entry{s.work + wait, func() {
		s.emit(atItem(i), state.CallSent{Call: "1", Try: 1})
		begin()
	}})
}

// breakdown lets everything that runs wait once.
func (s *simulation) breakdown(of int) {
	if s.outage == 0 || s.ended < of/2 {
		return
	}
	s.stall = s.outage
	for i := range s.running {
		s.emit(atItem(i), state.Waiting{Why: "provider down", ForMS: s.outage.Milliseconds(), Until: s.now.Add(s.outage)})
	}
	s.now = s.now.Add(s.outage)
	for i := range s.running {
		s.emit(atItem(i), state.CallSent{Call: "1", Try: 2})
	}
	s.outage, s.stall = 0, 0
}
