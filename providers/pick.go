package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dogear-go/dogear/providers/internal/limit"
	"github.com/dogear-go/dogear/resilience"
)

// pick chooses who is asked next, waits for its turn there, and returns the leave to ask: the one that is to be tried again, else the
// first that is well and soon free, else one that is being probed. When all cool down it waits for the first to come back, or says
// until when one would have to wait.
func (k *call) pick(ctx context.Context, u resilience.Usage) (*member, *limit.Ticket, error) {
	if err := k.sleep(ctx, 0, ""); err != nil {
		return nil, nil, err
	}
	for {
		c := k.choose(u, time.Now())
		if c.member == nil {
			return nil, nil, k.exhausted()
		}
		wait := time.Until(c.until)
		if deadline, limited := ctx.Deadline(); wait > k.chain.cfg.MaxWait || (limited && deadline.Before(c.until)) {
			return nil, nil, k.mustWait(c)
		}
		if c.cooling {
			if err := k.sleep(ctx, spread(max(wait, time.Millisecond)), c.why); err != nil {
				return nil, nil, err
			}
			continue
		}
		if !c.member.health.take(c.probed) {
			continue // another call was faster to find out whether it is well
		}
		t := c.member.limiter.Enter(k.hooks.Run, u, time.Now())
		if err := resilience.Await(ctx, t.Ready(), wait, c.why); err != nil {
			k.leave(c.member, t)
			if ctx.Err() != nil {
				err = k.endedBy(ctx)
			}
			return nil, nil, err
		}
		if state, _ := k.state(c.member, time.Now()); state == out || state == cooling { // found out while this call stood in line
			k.leave(c.member, t)
			k.stick = -1
			continue
		}
		return c.member, t, nil
	}
}

// leave gives back the leave to ask.
func (k *call) leave(m *member, t *limit.Ticket) {
	m.limiter.Leave(t)
	m.health.free()
}

// candidate is who is to be asked, and when that may be.
type candidate struct {
	member  *member // nil: nobody is left
	until   time.Time
	cooling bool // nobody is well: until is the end of a cooldown
	probed  bool // another call is finding out whether the member is well, and nobody else is free
	why     string
}

// choose looks at all members that this call may still ask.
func (k *call) choose(u resilience.Usage, now time.Time) candidate {
	if k.stick >= 0 && k.usable(k.stick) {
		m := k.chain.members[k.stick]
		if state, _ := k.state(m, now); state != cooling { // another call may have been told to wait longer
			c := k.inLine(m, u, now)
			c.probed = state == probing
			if c.until.Sub(now) <= k.chain.cfg.Patience {
				return c
			}
		}
	}
	var free, probed, soonest candidate // the first to be free, probed, back
	for _, m := range k.chain.members {
		if !k.usable(m.index) {
			continue
		}
		switch state, end := k.state(m, now); state {
		case well:
			c := k.inLine(m, u, now)
			if c.until.Sub(now) <= k.chain.cfg.Patience {
				return c
			}
			free = earlier(free, c)
		case probing:
			if probed.member == nil {
				probed = k.inLine(m, u, now)
				probed.probed = true
			}
		case cooling:
			soonest = earlier(soonest, candidate{member: m, until: end, cooling: true, why: k.whyCooling(m)})
		}
	}
	if free.member == nil {
		free = probed
	}
	if free.member == nil || (soonest.member != nil && soonest.until.Before(free.until)) {
		return soonest
	}
	return free
}

// inLine is the candidate that a member is that is well.
func (k *call) inLine(m *member, u resilience.Usage, now time.Time) candidate {
	d, why := m.limiter.Wait(k.hooks.Run, u, now)
	if why != "" {
		why = m.Name + ": " + why
	}
	return candidate{member: m, until: now.Add(d), why: why}
}

func earlier(a, b candidate) candidate {
	if a.member == nil || b.until.Before(a.until) {
		return b
	}
	return a
}

func (k *call) whyCooling(m *member) string {
	if len(k.chain.members) == 1 {
		return m.Name + " is cooling down"
	}
	return fmt.Sprintf("every provider is cooling down; %s is the first to come back", m.Name)
}

// known is the end of a cooldown that the run knows of, and what the member suffers from.
func (k *call) known(m *member) (until time.Time, class resilience.Class) {
	if k.hooks.Cooling == nil {
		return time.Time{}, ""
	}
	return k.hooks.Cooling(m.Name, m.Model)
}

// why is what keeps a member from being asked, as far as this process or the run knows; nil: nothing.
func (k *call) why(m *member) error {
	if err := m.health.why(); err != nil {
		return err
	}
	until, class := k.known(m)
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	return &resilience.Error{Class: class, Provider: m.Name, Model: m.Model, After: left, Err: errors.New("known from before this session")}
}

func (k *call) state(m *member, now time.Time) (condition, time.Time) {
	known, _ := k.known(m)
	return m.health.state(now, known)
}

// usable says whether this call may ask a member, now or later.
func (k *call) usable(i int) bool {
	if k.records[i].excluded {
		return false
	}
	state, _ := k.chain.members[i].health.state(time.Now(), time.Time{})
	return state != out
}

// others says how the rest of the chain stands: one is well, one will be.
func (k *call) others(m *member, without []int) (now, later bool, until time.Time) {
	at := time.Now()
	for _, o := range k.chain.members {
		if o.index == m.index || slices.Contains(without, o.index) || !k.usable(o.index) {
			continue
		}
		state, end := k.state(o, at)
		if state == well {
			now = true
		}
		later = true
		if state == cooling && (until.IsZero() || end.Before(until)) {
			until = end
		}
	}
	return now, later, until
}

// exhausted is the error when nobody is left to ask.
func (k *call) exhausted() error {
	err := &ChainError{Failures: k.failures(), Tries: k.tries}
	if text := k.sink.partial(); text != "" {
		return &PartialError{Text: text, Err: err}
	}
	return err
}

// failures are those of this call, and what keeps members from being asked at all; the last is the decisive one.
func (k *call) failures() []Failure {
	var list []Failure
	order := map[[2]string]int{}
	for _, m := range k.chain.members {
		r := k.records[m.index]
		if r.err == nil {
			if why := k.why(m); why != nil {
				list = append(list, Failure{m.Name, m.Model, resilience.Classify(why), 0, why})
			}
			continue
		}
		order[[2]string{m.Name, m.Model}] = r.order
		list = append(list, Failure{m.Name, m.Model, resilience.Classify(r.err), r.tries, r.err})
	}
	slices.SortStableFunc(list, func(a, b Failure) int { // those from before this call come first
		return order[[2]string{a.Provider, a.Model}] - order[[2]string{b.Provider, b.Model}]
	})
	return list
}

// mustWait is the error when waiting would take too long.
func (k *call) mustWait(c candidate) error {
	m := c.member
	left := resilience.Error{Class: resilience.RateLimit, Provider: m.Name, Model: m.Model, Err: errors.New(c.why)} // its limits are used up
	if c.cooling {
		if e := (*resilience.Error)(nil); errors.As(k.why(m), &e) {
			left = *e
		}
	}
	left.After = time.Until(c.until)
	e := &WaitError{Until: c.until, Provider: m.Name, Err: &left}
	for _, f := range k.failures() {
		if f.Provider != m.Name || f.Model != m.Model {
			e.Others = append(e.Others, f)
		}
	}
	return e
}
