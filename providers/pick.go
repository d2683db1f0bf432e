package providers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dogear-go/dogear/resilience"
)

// pick chooses who is asked next: the one that is to be tried again, else the first that is well, else one that is being
// probed. When all cool down it waits for the first to come back, or says until when one would have to wait.
func (k *call) pick(ctx context.Context) (*member, error) {
	if err := k.sleep(ctx, 0, ""); err != nil {
		return nil, err
	}
	if k.stick >= 0 && k.usable(k.stick) {
		m := k.chain.members[k.stick]
		if state, _ := k.state(m, time.Now()); state != cooling { // another call may have been told to wait longer
			k.chain.health.take(m.index)
			return m, nil
		}
	}
	for {
		best, soonest, until := k.survey(time.Now())
		switch {
		case best != nil:
			k.chain.health.take(best.index)
			return best, nil
		case soonest == nil:
			return nil, k.exhausted()
		}
		wait := time.Until(until)
		deadline, limited := ctx.Deadline()
		if wait > k.chain.cfg.MaxWait || (limited && deadline.Before(until)) {
			return nil, k.mustWait(soonest, until)
		}
		why := fmt.Sprintf("every provider is cooling down; %s is the first to come back", soonest.Name)
		if len(k.chain.members) == 1 {
			why = soonest.Name + " is cooling down"
		}
		if err := k.sleep(ctx, spread(max(wait, time.Millisecond)), why); err != nil {
			return nil, err
		}
	}
}

// survey looks at all members that this call may still ask.
func (k *call) survey(now time.Time) (best, soonest *member, until time.Time) {
	var probed *member
	for _, m := range k.chain.members {
		if !k.usable(m.index) {
			continue
		}
		state, end := k.state(m, now)
		switch state {
		case well:
			return m, nil, time.Time{}
		case probing:
			if probed == nil {
				probed = m
			}
		case cooling:
			if soonest == nil || end.Before(until) {
				soonest, until = m, end
			}
		}
	}
	return probed, soonest, until
}

func (k *call) state(m *member, now time.Time) (condition, time.Time) {
	var known time.Time
	if k.hooks.Cooling != nil {
		known = k.hooks.Cooling(m.Name, m.Model)
	}
	return k.chain.health.state(m.index, now, known)
}

// usable says whether this call may ask a member, now or later.
func (k *call) usable(i int) bool {
	if k.records[i].excluded {
		return false
	}
	state, _ := k.chain.health.state(i, time.Now(), time.Time{})
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
	e := &ChainError{Tries: k.tries}
	for _, m := range k.chain.members {
		r := k.records[m.index]
		if r.err == nil {
			if class, why := k.chain.health.why(m.index); class != "" && !k.usable(m.index) {
				e.Failures = append(e.Failures, Failure{m.Name, m.Model, class, 0, why})
			}
			continue
		}
		e.Failures = append(e.Failures, Failure{m.Name, m.Model, resilience.Classify(r.err), r.tries, r.err})
	}
	slices.SortStableFunc(e.Failures, func(a, b Failure) int { return k.when(a) - k.when(b) })
	return e
}

// when orders failures by time; those from before this call come first.
func (k *call) when(f Failure) int {
	for _, m := range k.chain.members {
		if m.Name == f.Provider && m.Model == f.Model && k.records[m.index].err != nil {
			return k.records[m.index].order
		}
	}
	return 0
}

// mustWait is the error when waiting would take too long.
func (k *call) mustWait(m *member, until time.Time) error {
	left := resilience.Error{Class: resilience.RateLimit, Provider: m.Name, Model: m.Model} // known from before this process
	if _, why := k.chain.health.why(m.index); why != nil {
		if e := (*resilience.Error)(nil); errors.As(why, &e) {
			left = *e
		}
	}
	left.After = time.Until(until)
	return &WaitError{Until: until, Provider: m.Name, Err: &left}
}
