package estimate

import "time"

// left is how long the step still takes; known is false when nothing like it has ended.
func (s *step) left(now time.Time) (d time.Duration, known bool) {
	if s.single() {
		return s.singleLeft(now)
	}
	todo := s.items.todo()
	switch {
	case !s.items.known || !s.took.known() && todo > 0:
		return 0, false
	case todo == 0:
		return 0, true
	}
	worked := make([]float64, 0, len(s.runs))
	for _, r := range s.runs {
		worked = append(worked, r.worked(now).Seconds())
	}
	take := s.took.survive(worked)
	queued := max(0, todo-len(worked))
	if queued == 0 {
		return seconds(take.last(worked)) + s.stall(now), true
	}
	work := float64(queued) * (take.mean() + s.pace.perItem())
	for _, w := range worked {
		work += take.rest(w)
	}
	workers := min(s.seen.at(now, len(s.runs), s.took.scale()), float64(todo))
	return seconds(work/workers+take.tail(workers)) + s.stall(now), true
}

// singleLeft is for a step of one result: what it took before, less what it has worked. One that takes longer than it
// did is unknown again.
func (s *step) singleLeft(now time.Time) (time.Duration, bool) {
	if !s.took.known() {
		return 0, false
	}
	whole := seconds(s.took.scale())
	r := s.runs[0]
	if r == nil {
		return whole, true
	}
	rest := whole - r.worked(now)
	return max(0, rest) + s.stall(now), rest >= 0
}

// stall is how long everything that runs still waits, where the pace does not count that already.
func (s *step) stall(now time.Time) time.Duration {
	if len(s.runs) == 0 {
		return 0
	}
	first := longest
	for _, r := range s.runs {
		if r.wait == nil || s.pace.counts() && r.wait.until.Sub(r.wait.since) <= briefWait {
			return 0
		}
		first = min(first, max(0, r.wait.until.Sub(now)))
	}
	return first
}

func seconds(s float64) time.Duration {
	if s >= longest.Seconds() {
		return longest
	}
	return time.Duration(s * float64(time.Second))
}
