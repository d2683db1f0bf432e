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
	grow    int       // the larger limit to ask again with
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
	final := ctx.Err() != nil || class == resilience.Canceled || own != nil || delivered || k.tries >= k.chain.cfg.MaxTries
	switch class {
	case resilience.Canceled:
	case resilience.Truncated:
		k.decideTruncated(&d, m, resp, final)
	case resilience.Auth, resilience.Permission, resilience.NotFound, resilience.Quota:
		d.exclude, d.cool = []int{m.index}, true
		if told, ok := resilience.RetryAfter(err); ok && told > 0 && class == resilience.Quota {
			d.until = time.Now().Add(told)
		}
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
		d.cool = false
	}
	return d
}

// decideTruncated asks for more: the same request would be cut again, and by another provider too.
func (k *call) decideTruncated(d *decision, m *member, resp *llms.ContentResponse, final bool) {
	if final || k.grown >= maxGrowth || (m.MaxOutput > 0 && k.limit >= m.MaxOutput) {
		return
	}
	d.grow, d.next = larger(k.limit, resp), resilience.NextRetry
}

// decideTransient weighs trying again here against the next provider.
func (k *call) decideTransient(ctx context.Context, d *decision, m *member, rule resilience.Rule, n int, final bool) {
	d.wait = k.chain.cfg.Policy.Delay(d.err, n)
	told, _ := resilience.RetryAfter(d.err)
	toldWait := told > 0 // a server that asks for no wait does not ask to be left alone
	now, later, _ := k.others(m, nil)
	turn := now && rule.Switch > 0 && (n >= rule.Switch || (toldWait && told > rule.Wait))
	again := n < rule.Attempts
	if turn || !again || d.wait > k.chain.cfg.MaxWait || toldWait {
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
