package estimate

import "time"

// briefWait is the longest wait that may be the pace of a provider's limits, which are given by the second or the
// minute. A longer one is an outage or a day's allowance, and says nothing of what comes.
const briefWait = time.Minute

// often is how many times waits must have come before they are taken for the pace of the run.
const often = 3

// pace knows how much of its time an item waits, where waits come again and again.
type pace struct {
	times  int     // that waits came, with an item ended since the time before
	since  bool    // something ended since the last of them
	began  bool    // there was a wait
	waited float64 // seconds in brief waits of the items that ended since the first wait; newer ones weigh more
	items  float64 // those items, the same way
}

// waits notes that something waits.
func (p *pace) waits() {
	if !p.began || p.since {
		p.times++
	}
	p.began, p.since = true, false
}

// ended notes an item that ended, and how long it had waited.
func (p *pace) ended(brief time.Duration) {
	p.since = true
	if !p.began {
		return
	}
	const keep = 1 - 1.0/recent
	p.waited = p.waited*keep + brief.Seconds()
	p.items = p.items*keep + 1
}

// counts says that waits are the pace of the run.
func (p *pace) counts() bool { return p.times >= often && p.items > 0 }

// perItem is how long an item waits, in seconds, where that counts.
func (p *pace) perItem() float64 {
	if !p.counts() {
		return 0
	}
	return p.waited / p.items
}
