package providers

import (
	"context"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// decision is what is done about one failure.
type decision struct {
	class   resilience.Class
	err     error
	next    string // resilience.NextRetry and its like
	wait    time.Duration
	exclude []int     // members that this call asks no more
	cool    bool      // the member rests, for all calls
	until   time.Time // of that; zero: out for the session
	block   time.Time // until when all requests to the member stay in line, because it asked for a short wait
	grow    int       // the larger limit to ask again with
	more    bool      // the answer is continued
}

// decide finds what the class of a failure asks for. It changes nothing but this call's counts.
func (k *call) decide(ctx context.Context, m *member, err error, resp *llms.ContentResponse) decision {
	class, rule := k.chain.cfg.Policy.RuleFor(err)
	r := &k.records[m.index]
	if r.counts == nil {
		r.counts = map[resilience.Class]int{}
	}
	r.counts[class]++
	d := decision{class: class, err: err, next: resilience.NextGiveUp}
	delivered, own := k.sink.state()
	over := ctx.Err() != nil || own != nil || k.tries >= k.chain.cfg.MaxTries
	final := over || class == resilience.Canceled || delivered
	switch class {
	case resilience.Canceled:
	case resilience.Truncated:
		k.decideTruncated(ctx, &d, m, resp, final)
	case resilience.Auth, resilience.Permission, resilience.NotFound, resilience.Quota:
		d.cool = true
		if told, ok := resilience.RetryAfter(err); ok && told > 0 && class == resilience.Quota {
			k.decideRenewed(&d, m, told, final)
			break
		}
		d.exclude = []int{m.index}
		k.onward(&d, m, final)
	case resilience.InvalidRequest:
		d.exclude = []int{m.index}
		k.onward(&d, m, final || k.invalid)
		k.invalid = true
	case resilience.ContextLength:
		d.exclude = k.noLarger(m)
		k.onward(&d, m, final)
	case resilience.ContentPolicy:
		d.exclude = []int{m.index}
		k.onward(&d, m, final)
	default:
		k.decideTransient(ctx, &d, m, rule, r.counts[class], final)
	}
	if ctx.Err() != nil || own != nil { // tells about the caller, not about the provider
		d.cool, d.block = false, time.Time{}
	}
	return d
}

// decideTruncated asks for more: the same request would be cut again, and by another provider too. Where the limit can't be raised,
// the answer is continued.
func (k *call) decideTruncated(ctx context.Context, d *decision, m *member, resp *llms.ContentResponse, final bool) {
	switch {
	case final:
	case len(k.parts) > 0 || m.longest(k.limit, resp):
		if k.continuable(ctx, resp) {
			d.more, d.next = true, resilience.NextRetry
		}
	case k.grown < maxGrowth:
		d.grow, d.next = larger(k.limit, resp), resilience.NextRetry
	}
}

// longest says whether an answer was cut by the most that the member can give.
func (m *member) longest(limit int, resp *llms.ContentResponse) bool {
	used := float64(resilience.UsageOf(resp).Output)
	return m.MaxOutput > 0 && (limit >= m.MaxOutput || limit == 0 && used >= 0.95*float64(m.MaxOutput))
}

// decideRenewed is for an allowance that comes back by itself, such as a day's: another provider now, or else this one then.
func (k *call) decideRenewed(d *decision, m *member, told time.Duration, final bool) {
	d.until = time.Now().Add(told)
	now, _, _ := k.others(m, nil)
	switch {
	case final:
	case now:
		d.next = resilience.NextSwitch
	default:
		d.next, d.wait = resilience.NextWait, told // pick waits for whoever is back first, or says until when
	}
}

// decideTransient weighs trying again here against the next provider.
func (k *call) decideTransient(ctx context.Context, d *decision, m *member, rule resilience.Rule, n int, final bool) {
	d.wait = k.chain.cfg.Policy.Delay(d.err, n)
	told, _ := resilience.RetryAfter(d.err)
	toldWait := told > 0 // a server that asks for no wait does not ask to be left alone
	now, later, _ := k.others(m, nil)
	turn := now && rule.Switch > 0 && (n >= rule.Switch || (toldWait && told > rule.Wait))
	again := n < rule.Attempts
	brief := d.class == resilience.RateLimit && again && !turn && d.wait <= k.chain.cfg.MaxWait
	switch {
	case brief && toldWait && told <= rule.Wait:
		d.block = time.Now().Add(d.wait) // nobody is asked in its place for so little: all wait in line
	case brief && !toldWait && m.limiter.Known():
		line, _ := m.limiter.Wait(k.hooks.Run, estimate(k.asked(), k.limit), time.Now())
		d.wait = min(d.wait, spread(line+100*time.Millisecond)) // what is known of its limits says more than the rule
	case turn || !again || d.wait > k.chain.cfg.MaxWait || toldWait:
		d.cool, d.until = true, time.Now().Add(d.wait)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d.wait {
		again = false
	}
	switch {
	case final:
		d.wait = 0
	case turn:
		d.next, d.wait = resilience.NextSwitch, 0
	case again && d.wait > k.chain.cfg.MaxWait:
		k.onward(d, m, !now && !later)
		if d.next == resilience.NextGiveUp {
			d.next = resilience.NextWait // pick says until when
		}
	case again:
		d.next = resilience.NextRetry
	default:
		d.exclude = []int{m.index}
		k.onward(d, m, false)
	}
}

// onward goes on to another provider, now or once one has cooled down.
func (k *call) onward(d *decision, m *member, final bool) {
	d.wait = 0
	now, later, until := k.others(m, d.exclude)
	switch {
	case final:
		d.next = resilience.NextGiveUp
	case now:
		d.next = resilience.NextSwitch
	case later:
		d.next = resilience.NextWait
		if !until.IsZero() {
			d.wait = max(time.Until(until), 0)
		}
	default:
		d.next = resilience.NextGiveUp
	}
}

// noLarger are the members whose window is not known to be larger than m's.
func (k *call) noLarger(m *member) (exclude []int) {
	for _, o := range k.chain.members {
		if o.index == m.index || (m.Context > 0 && o.Context > 0 && o.Context <= m.Context) {
			exclude = append(exclude, o.index)
		}
	}
	return exclude
}
