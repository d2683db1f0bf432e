package providers

import (
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// condition is how a member stands at a moment.
type condition int

const (
	well    condition = iota
	probing           // its cooldown is over and one call is finding out; others prefer other members
	cooling           // not to be asked before a time
	out               // not in this session: its key, its money or its model is missing
)

// health is what all calls of a chain know about its members.
type health struct {
	mu      sync.Mutex // guards members
	members []memberHealth
}

type memberHealth struct {
	until   time.Time // cooling; zero: not
	out     bool
	probing bool
	class   resilience.Class
	err     error // why
}

func newHealth(n int) *health { return &health{members: make([]memberHealth, n)} }

// state tells how a member stands. known is the end of a cooldown that the run knows of.
func (h *health) state(i int, now, known time.Time) (c condition, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := &h.members[i]
	until = m.until
	if known.After(until) {
		until = known
	}
	switch {
	case m.out:
		return out, time.Time{}
	case until.After(now):
		return cooling, until
	case m.probing:
		return probing, time.Time{}
	}
	return well, time.Time{}
}

// take begins a request to a member; after a cooldown it is the probe.
func (h *health) take(i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := &h.members[i]; !m.until.IsZero() {
		m.probing = true
	}
}

// free ends a request that told nothing about the member.
func (h *health) free(i int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[i].probing = false
}

// answered makes a member well; recovered says that it was not.
func (h *health) answered(i int) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := &h.members[i]
	recovered = !m.until.IsZero() || m.out
	*m = memberHealth{}
	return recovered
}

// cool keeps a member from being asked until a time; zero takes it out for the session. A shorter time does not replace a longer one.
func (h *health) cool(i int, until time.Time, class resilience.Class, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := &h.members[i]
	m.probing = false
	m.out = m.out || until.IsZero()
	if m.class == "" || until.IsZero() || until.After(m.until) {
		m.class, m.err = class, err
	}
	if until.After(m.until) {
		m.until = until
	}
}

// why returns what a member suffers from.
func (h *health) why(i int) (resilience.Class, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.members[i].class, h.members[i].err
}
