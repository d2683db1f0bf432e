package limit

import (
	"fmt"
	"slices"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// guessed is the source of an allowance that nobody told: it was found by being refused.
const guessed = "refusals"

// Outcome is what is known when a request is over.
type Outcome struct {
	Used     resilience.Usage       // zero: unknown
	Answered bool                   // an answer came
	Class    resilience.Class       // of the failure
	AtOnce   bool                   // the provider asks to come again at once, so it was not that there were too many
	Told     bool                   // the provider tells how long to wait, which paces what comes next
	Allows   []resilience.Allowance // what the answer's headers say
	Took     time.Duration
}

// Done settles a request: what it was expected to use against what it used.
func (l *Limiter) Done(t *Ticket, e Outcome) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill(now)
	l.inFlight--
	var before map[*bucket]mark
	if len(e.Allows) > 0 {
		before = make(map[*bucket]mark, len(l.buckets))
		for _, b := range l.buckets {
			before[b] = mark{b.level, b.expected}
		}
	}
	l.settle(t, e)
	if e.Answered {
		l.took += (e.Took - l.took) / 8
	}
	told := l.learn(t, e.Allows, before, now)
	if e.Class == resilience.RateLimit && !e.AtOnce {
		l.slow(t, told, e.Told, now)
	} else {
		l.ease(now)
	}
	l.dispatch(now)
}

func (l *Limiter) settle(t *Ticket, e Outcome) {
	known := e.Used != (resilience.Usage{})
	if known {
		l.guess.learn(t.plain, e.Used)
	}
	for b := range t.marks {
		b.expected -= b.need(t.expected)
		switch {
		case b.resource == requests:
		case known:
			b.move(b.need(t.expected) - b.resource.of(e.Used))
		case !e.Answered && refusedUnread(e.Class):
			b.move(b.need(t.expected))
		}
	}
}

// refusedUnread says whether a failure means that the provider did not work on the request, and so counts no tokens for it.
func refusedUnread(c resilience.Class) bool {
	switch c {
	case resilience.RateLimit, resilience.Quota, resilience.Auth, resilience.Permission, resilience.NotFound,
		resilience.InvalidRequest, resilience.ContextLength, resilience.Overloaded:
		return true
	}
	return false
}

// learn takes in what the headers say. It returns whether they say that an allowance does not suffice for the request.
func (l *Limiter) learn(t *Ticket, allows []resilience.Allowance, before map[*bucket]mark, now time.Time) (told bool) {
	for _, a := range allows {
		r := resource(a.Resource)
		if a.Limit <= 0 || (r != requests && r != tokens && r != inputTokens && r != outputTokens) {
			continue
		}
		source := headerSource(a)
		b := l.bucket(r, source)
		if b == nil {
			b = newBucket(r, source, float64(a.Limit), rateOf(a, float64(a.Limit)/60), now)
			if a.Remaining >= 0 {
				b.level = min(b.level, float64(a.Remaining))
			}
			l.buckets = append(l.buckets, b)
			continue
		}
		b.capacity = float64(a.Limit)
		b.rate = rateOf(a, b.rate)
		if a.Remaining < 0 {
			continue
		}
		sent, ok := t.marks[b]
		if !ok {
			sent = before[b]
		}
		b.agree(float64(a.Remaining), sent, before[b])
		told = told || float64(a.Remaining) < b.need(t.expected)
	}
	return told
}

// rateOf is how fast an allowance fills, by the time that it takes until it is full again. What is too small or too coarse to
// tell leaves the rate as it is.
func rateOf(a resilience.Allowance, known float64) float64 {
	if a.Window > 0 {
		return float64(a.Limit) / a.Window.Seconds()
	}
	missing := float64(a.Limit - a.Remaining)
	if a.Remaining < 0 || !a.ResetKnown || missing <= 0 || a.Reset < 20*time.Millisecond {
		return known
	}
	rate := missing / a.Reset.Seconds()
	for _, window := range []float64{60, 3600, 86400} { // times are rounded: a known window that is near is meant
		if usual := float64(a.Limit) / window; rate > usual/1.5 && rate < usual*1.5 {
			return usual
		}
	}
	if a.Reset%time.Second == 0 && a.Reset < 10*time.Second {
		return known
	}
	return rate
}

// agree brings the level to what the provider says was left. When that was, between the request's leaving and now, is not
// known; requests in flight may be counted in it or not, and with more or less than was expected of them. So it only corrects what
// none of this explains.
func (b *bucket) agree(remaining float64, sent, before mark) {
	told := remaining - (b.capacity - b.usable())
	low := min(b.level, sent.level, before.level)
	high := max(b.level, sent.level, before.level) + max(sent.expected, before.expected)
	switch {
	case told > high:
		b.move(told - high)
	case told < low:
		b.move(told - low)
	}
}

// slow makes room after a refusal. A refusal that the headers explain, or that a request met which left before the last one
// was noticed, says nothing new.
func (l *Limiter) slow(t *Ticket, told, waits bool, now time.Time) {
	l.passed--
	if told || !t.at.After(l.slowed) {
		return
	}
	l.slowed, l.eased = now, now
	if !slices.ContainsFunc(l.buckets, (*bucket).short) {
		rate := l.observed(now)
		l.buckets = append(l.buckets, newBucket(requests, guessed, max(1, rate), rate, now))
	}
	for _, b := range l.buckets {
		if b.short() {
			b.lower(waits)
		}
	}
}

// observed is at what rate requests left of late that were not refused, a second.
func (l *Limiter) observed(now time.Time) float64 {
	return max(1, float64(l.passed)/max(now.Sub(l.counted).Seconds(), 1))
}

// ease raises what refusals lowered.
func (l *Limiter) ease(now time.Time) {
	elapsed := now.Sub(l.eased)
	if elapsed < 100*time.Millisecond {
		return
	}
	l.eased = now
	kept := l.buckets[:0]
	for _, b := range l.buckets {
		if gone := b.raise(elapsed, now.Sub(l.slowed)); !gone {
			kept = append(kept, b)
		}
	}
	l.buckets = kept
}

// headerSource names an allowance that a header told.
func headerSource(a resilience.Allowance) string {
	switch {
	case a.Window == time.Minute:
		return a.Resource + " a minute, told by the provider"
	case a.Window > 0:
		return fmt.Sprintf("%s in %s, told by the provider", a.Resource, a.Window)
	}
	return a.Resource + ", told by the provider"
}
