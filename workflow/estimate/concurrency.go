package estimate

import (
	"math"
	"time"
)

// concurrency is how many items ran side by side lately.
type concurrency struct {
	last   time.Time // zero: nothing ran since the session began
	mean   float64
	weight float64 // seconds that the mean is made of
	full   float64 // the mean when the last item began; nothing begins any more when a session comes to its end
	held   bool    // the session comes to its end
}

// advance counts the time up to now, in which n items ran. scale is about how long one takes, in seconds: how far back
// is looked, so that the end of some lanes is noticed within the time of an item.
func (c *concurrency) advance(now time.Time, n int, scale float64) {
	if n > 0 && !c.last.IsZero() && !c.held {
		if dt := now.Sub(c.last).Seconds(); dt > 0 {
			c.weight *= math.Exp(-dt / max(scale, 1e-3))
			c.mean = (c.mean*c.weight + float64(n)*dt) / (c.weight + dt)
			c.weight += dt
		}
	}
	c.last = now
}

// stop ends the counting until something runs again. Then what was seen counts for a quarter of an item, so that the
// moment in which the first of many has begun is not taken for one of few.
func (c *concurrency) stop(scale float64) {
	c.last, c.held, c.weight = time.Time{}, false, min(c.weight, scale/4)
	if c.full > 0 {
		c.mean = c.full
	}
}

// begin notes that an item begins.
func (c *concurrency) begin() { c.full = c.mean }

// hold ends the counting for this session: what runs only comes to its end.
func (c *concurrency) hold() { c.held = true }

// scale follows a change of the number of workers.
func (c *concurrency) scale(before, now int) {
	if before > 0 && now > 0 {
		c.mean *= float64(now) / float64(before)
		c.full = 0
	}
}

// at is the mean now, at least one; n items run since the last change.
func (c *concurrency) at(now time.Time, n int, scale float64) float64 {
	copied := *c
	copied.advance(now, n, scale)
	if copied.weight == 0 && n > 0 {
		return float64(n)
	}
	return max(1, copied.mean)
}
