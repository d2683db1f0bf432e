package limit

import (
	"fmt"
	"sync"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// Limiter lets the requests to one model at one provider leave when its limits allow it. Requests that must wait stand in
// line; runs take turns, by what their requests use. Without limits nothing waits.
//
// A request is counted by an estimate when it leaves, and by its usage when it ended. What the answers' headers say is
// learned, and a refusal that was not foreseen slows down.
//
// The zero Limiter knows no limits and is ready to use. It is safe for concurrent use, and must not be copied.
type Limiter struct {
	mu       sync.Mutex // guards all fields
	buckets  []*bucket
	inFlight int
	most     int           // in flight; zero: no limit
	line     line          // those who wait
	blocked  time.Time     // the provider asked to wait until then
	timer    *time.Timer   // for the head of the line; nil: none is set
	guess    estimator     // what requests use
	took     time.Duration // of a request, on average
	passed   int           // requests that left since counted, without those refused
	counted  time.Time
	eased    time.Time // when rates were last raised
	slowed   time.Time // when they were last lowered
}

// observing is how long requests are counted to know their rate.
const observing = 5 * time.Second

// Ticket is the leave to make one request, or a place in line for it.
type Ticket struct {
	ready    chan struct{}
	run      string
	plain    resilience.Usage // the request's estimate
	expected resilience.Usage // the same, by what requests used of late
	tag      float64          // place in line, see line
	seq      uint64
	granted  bool
	at       time.Time
	marks    map[*bucket]mark // just after it was counted
}

// Ready is closed when the request may leave.
func (t *Ticket) Ready() <-chan struct{} { return t.ready }

// At is when the request was let go. It may be asked once Ready is closed.
func (t *Ticket) At() time.Time { return t.at }

func (l *Limiter) bucket(of resource, source string) *bucket {
	for _, b := range l.buckets {
		if b.resource == of && b.source == source {
			return b
		}
	}
	return nil
}

// Known says whether any allowance is known for certain.
func (l *Limiter) Known() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.buckets {
		if b.source != guessed {
			return true
		}
	}
	return l.most > 0
}

// Wait is how long a request of a run would stand in line, roughly, and what for.
func (l *Limiter) Wait(run string, u resilience.Usage, now time.Time) (d time.Duration, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill(now)
	u = l.guess.adjust(u)
	d, why = l.delay(u, l.line.before(run), now)
	if l.most > 0 && l.inFlight+l.line.len() >= l.most {
		rounds := (l.inFlight+l.line.len()-l.most)/l.most + 1
		if busy := time.Duration(rounds) * l.took; busy >= d { // also when nobody knows yet how long a request takes
			d, why = busy, fmt.Sprintf("%d requests are in flight, and no more may be", l.most)
		}
	}
	return d, why
}

// delay is how long a request waits for the allowances, behind others.
func (l *Limiter) delay(u resilience.Usage, ahead []*Ticket, now time.Time) (d time.Duration, why string) {
	if l.blocked.After(now) {
		d, why = l.blocked.Sub(now), "it asked to wait"
	}
	for _, b := range l.buckets {
		level := b.need(u)
		for _, t := range ahead {
			level += b.need(t.expected)
		}
		if w := b.until(level); w > d {
			d, why = w, b.why()
		}
	}
	return d, why
}

// Enter stands in line. The caller waits for the ticket to be ready, makes the request and then calls Done; or Leave, when it does
// not want to make it any more.
func (l *Limiter) Enter(run string, u resilience.Usage, now time.Time) *Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill(now)
	t := &Ticket{ready: make(chan struct{}), run: run, plain: u, expected: l.guess.adjust(u)}
	l.line.add(t, l.share(t.expected))
	l.dispatch(now)
	return t
}

// share is how much of the scarcest allowance a request uses, in seconds of its flow.
func (l *Limiter) share(u resilience.Usage) float64 {
	most := 1e-3
	for _, b := range l.buckets {
		most = max(most, b.need(u)/max(b.rate, 1e-9))
	}
	return most
}

// Leave gives a ticket back without having made the request.
func (l *Limiter) Leave(t *Ticket) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.granted {
		l.refill(now)
		l.inFlight--
		for b := range t.marks {
			b.expected -= b.need(t.expected)
			b.move(b.need(t.expected))
		}
	} else {
		l.line.remove(t)
	}
	l.dispatch(now)
}

func (l *Limiter) refill(now time.Time) {
	for _, b := range l.buckets {
		b.refill(now)
	}
}

// dispatch lets go whoever may go, and sees to it that it is called again when the next one may. The head of the line is never
// overtaken, or large requests would wait for ever.
func (l *Limiter) dispatch(now time.Time) {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	for l.line.len() > 0 {
		if l.most > 0 && l.inFlight >= l.most {
			return // the end of a request calls again
		}
		t := l.line.head()
		if d, _ := l.delay(t.expected, nil, now); d > 0 {
			l.timer = time.AfterFunc(d, l.tick)
			return
		}
		l.line.pop()
		l.grant(t, now)
	}
}

// tick is the timer's.
func (l *Limiter) tick() {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refill(now)
	l.dispatch(now)
}

func (l *Limiter) grant(t *Ticket, now time.Time) {
	t.granted, t.at = true, now
	l.inFlight++
	if now.Sub(l.counted) > observing {
		l.passed, l.counted = 0, now
	}
	l.passed++
	if len(l.buckets) > 0 {
		t.marks = make(map[*bucket]mark, len(l.buckets))
	}
	for _, b := range l.buckets {
		b.level -= b.need(t.expected)
		b.expected += b.need(t.expected)
		t.marks[b] = mark{b.level, b.expected}
	}
	close(t.ready)
}

// Block keeps requests back until a time that the provider asked for.
func (l *Limiter) Block(until time.Time) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.blocked) {
		l.blocked = until
	}
	l.refill(now)
	l.dispatch(now)
}
