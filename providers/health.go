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

// health is what all calls know about one member.
type health struct {
	mu     sync.Mutex // guards what follows
	until  time.Time  // cooling; zero: not
	since  time.Time  // when that was found out
	out    bool
	probed bool
	class  resilience.Class
	err    error // why
}

// state tells how the member stands. known is the end of a cooldown that the run knows of.
func (h *health) state(now, known time.Time) (c condition, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	until = h.until
	if known.After(until) {
		until = known
	}
	switch {
	case h.out:
		return out, time.Time{}
	case until.After(now):
		return cooling, until
	case h.probed:
		return probing, time.Time{}
	}
	return well, time.Time{}
}

// take begins a request; after a cooldown it is the probe. It is refused when another call was faster to probe, unless that is known.
func (h *health) take(known bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until.IsZero() {
		return true
	}
	if h.probed && !known {
		return false
	}
	h.probed = true
	return true
}

// free ends a request that told nothing about the member.
func (h *health) free() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probed = false
}

// answered makes the member well, unless the request left before it was found to be ill; recovered says that it was not well.
func (h *health) answered(sent time.Time) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !sent.After(h.since) && !h.since.IsZero() {
		return false
	}
	recovered = !h.until.IsZero() || h.out
	h.until, h.since, h.out, h.probed, h.class, h.err = time.Time{}, time.Time{}, false, false, "", nil
	return recovered
}

// cool keeps the member from being asked until a time; zero takes it out for the session. A shorter time does not replace a longer one.
func (h *health) cool(until time.Time, class resilience.Class, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.probed = false
	h.since = time.Now()
	h.out = h.out || until.IsZero()
	if h.class == "" || until.IsZero() || until.After(h.until) {
		h.class, h.err = class, err
	}
	if until.After(h.until) {
		h.until = until
	}
}

// why returns what the member suffers from.
func (h *health) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
