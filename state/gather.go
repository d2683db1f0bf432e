package state

import (
	"runtime"
	"time"
)

// A sync of sixteen records takes hardly longer than one of a single record, so what makes many writers fast is that
// they share each sync. Writers that were released by one batch are likely to come back together: the Recorder waits
// for them before it begins the next sync, but never for long, and never for a lone writer.

// herd is what the Recorder's goroutine knows of the writers it released. The zero value waits for nobody.
type herd struct {
	size   int           // how many are expected back: released by the last batch, or waiting already then; 0: waited for
	since  time.Time     // when they were released
	sync   time.Duration // what a sync takes: the smallest of late
	missed int           // how many releases are passed over after the next wait in vain
	skip   int           // how many still are
}

const (
	// patience is the share of a sync within which the next one of the herd must come; all together get one sync. Who
	// stays out longer has gone off to do something else.
	patience = 4
	// maxYields bounds a wait where the clock stands still (testing/synctest).
	maxYields = 10_000
	// maxSkip bounds how many releases pass until the herd is waited for again.
	maxSkip = 31
)

// synced takes in how long an append with its sync took. One that was held up by something else counts little.
func (h *herd) synced(d time.Duration) {
	if d < h.sync || h.sync == 0 {
		h.sync = d
		return
	}
	h.sync += min(d-h.sync, h.sync) / 16
}

// released takes in that n writers go on, or wait already.
func (h *herd) released(n int) {
	if h.size, h.since = n, time.Now(); h.skip > 0 {
		h.size = 0
		h.skip--
	}
}

// returned takes in whether all came back in time. Waits in vain become rare, however often the herd scatters.
func (h *herd) returned(all bool) {
	h.size = 0
	if all {
		h.missed = 0
		return
	}
	h.skip = h.missed
	h.missed = min(2*h.missed+1, maxSkip)
}

// gather waits until those who were woken by the last batch have handed over their next events. It yields the processor
// to them: a timer so short is not to be had, since the runtime rounds them up to a millisecond.
func (r *Recorder) gather() {
	h := &r.herd
	if h.size < 2 {
		return
	}
	here, last := int(r.waiting.Load()), h.since
	for range maxYields {
		now := time.Now()
		if here >= h.size || now.Sub(last) >= h.sync/patience || now.Sub(h.since) >= h.sync || r.full() {
			break
		}
		runtime.Gosched()
		if n := int(r.waiting.Load()); n > here {
			here, last = n, time.Now()
		}
	}
	h.returned(here >= h.size)
}

// full says that there is nothing to wait for.
func (r *Recorder) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closing || r.failed != nil || r.bytes >= maxBytes || len(r.pending) >= maxBatch
}
