package workflow

import (
	"context"
	"errors"
	"net"
	"slices"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// worst is the most that a request can cost.
type worst struct {
	micro     *int64 // nil: unknown
	unpriced  bool   // because the price is
	unbounded bool   // because the length of the answer is
}

// probe is enough tokens to tell a price from nothing.
const probe = 1 << 20

// worst prices the most that a try can use. What costs nothing at any length needs no bound.
func (c Config) worst(t resilience.Try) worst {
	price := func(u state.Usage) (int64, bool) {
		if c.Price == nil {
			return 0, false
		}
		return c.Price(t.Provider, t.Model, u)
	}
	some, ok := price(state.Usage{Input: probe, Output: probe})
	switch {
	case !ok:
		return worst{unpriced: true}
	case some == 0:
		return worst{micro: new(int64(0))}
	case t.Most.Input <= 0 || t.Most.Output <= 0:
		return worst{unbounded: true}
	}
	u := state.Usage{Input: t.Most.Input, Output: t.Most.Output}
	plain, ok := price(u)
	u.Cached, u.Written = u.Input, 0
	cached, ok2 := price(u)
	u.Cached, u.Written = 0, u.Input // some charge more for what they keep
	written, ok3 := price(u)
	if !ok || !ok2 || !ok3 {
		return worst{unpriced: true}
	}
	return worst{micro: new(max(plain, cached, written))}
}

// bill is what an answer or a failed try cost.
type bill struct {
	cost     *int64
	bound    bool // at most
	unpriced bool // it may have been billed, and nobody knows how much
}

// micro is what counts against a budget.
func (b bill) micro() int64 {
	if b.cost == nil {
		return 0
	}
	return *b.cost
}

// bill says what a try cost. Where nobody saw the bill, it is the most that it can have been.
func (c Config) bill(t resilience.Try, w worst) bill {
	var exact *int64
	if c.Price != nil && t.Usage != (resilience.Usage{}) {
		if micro, ok := c.Price(t.Provider, t.Model, usage(t.Usage)); ok {
			exact = &micro
		}
	}
	atMost := bill{cost: w.micro, unpriced: w.micro == nil}
	if w.micro != nil {
		if exact != nil && *exact > *w.micro {
			atMost.cost = exact
		}
		atMost.bound = *atMost.cost > 0
	}
	switch {
	case t.Err != nil && notBilled(t), t.Err == nil && exact != nil, t.Err != nil && exact != nil && answeredWhole(t.Class):
		return bill{cost: exact}
	}
	return atMost
}

// answeredWhole says that a try of this class failed for what was in an answer that came to its end, so that the tokens told
// with it are all.
func answeredWhole(c resilience.Class) bool {
	return slices.Contains([]resilience.Class{resilience.EmptyResponse, resilience.Truncated, resilience.ContentPolicy}, c)
}

// notBilled says that a failed try did no work for which a provider asks money: it was refused, or never arrived. One that
// was cut short may have been billed as if it had been answered.
func notBilled(t resilience.Try) bool {
	switch t.Class {
	case resilience.RateLimit, resilience.Quota, resilience.Auth, resilience.Permission, resilience.NotFound, resilience.InvalidRequest,
		resilience.ContextLength, resilience.Overloaded:
		return true
	case resilience.Timeout: // the gateway lost patience; the provider may have gone on
		return false
	}
	if t.Status >= 400 || t.Class == resilience.Server && t.Status != 200 {
		return true
	}
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	return t.Class == resilience.Network && (errors.As(t.Err, &dns) || errors.As(t.Err, &op) && op.Op == "dial")
}

// callKey is the key under which a context carries the call that is being made with it.
type callKey struct{}

// holding is what the calls around this one hold: a streaming function may make calls of its own.
func holding(ctx context.Context) (micro int64) {
	for c, _ := ctx.Value(callKey{}).(*call); c != nil; c = c.outer {
		if h := c.hold.Load(); h != nil {
			micro += h.micro
		}
	}
	return micro
}

// reserve makes sure that the call can be paid, as far as there is a budget. It waits for calls in flight to be settled
// when the money for this one may be left over then; when there is too little in any case, the run pauses.
func (c *call) reserve(ctx context.Context, t resilience.Try, w worst) error {
	s := c.scope.session
	account, limited := s.money.limited(c.scope.at.Step)
	if !limited {
		return nil
	}
	if w.micro == nil {
		return c.tooDear(t, &BudgetError{Step: account, Limit: s.money.limits[account], Spent: s.money.spentOn(account), Unpriced: w.unpriced, Unbounded: w.unbounded})
	}
	for told := false; ; told = true {
		h, settled, why := s.money.reserve(c.scope.at.Step, *w.micro, holding(ctx))
		switch {
		case why != nil:
			return c.tooDear(t, why)
		case h != nil:
			c.hold.Store(h)
			return nil
		case !told:
			s.log.Debug("waiting for calls in flight, which hold what is left of the budget", zap.String("step", c.scope.at.Step), zap.String("item", c.scope.at.Item))
		}
		select {
		case <-settled:
		case <-s.stopping:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := c.scope.begin(); err != nil {
			return err
		}
	}
}

// tooDear pauses the run.
func (c *call) tooDear(t resilience.Try, why *BudgetError) error {
	why.Provider, why.Model = t.Provider, t.Model
	c.scope.session.halt(why)
	if err := c.scope.refused(); err != nil {
		return err
	}
	return why
}

// settle books what the call cost. One that cost more than the most that it could is told of: a price, or a bound, is wrong.
func (c *call) settle(t resilience.Try, b bill) {
	h := c.hold.Swap(nil)
	if h == nil {
		return
	}
	c.scope.session.money.settle(h, b.micro())
	if b.micro() > h.micro {
		c.scope.warn("budget_exceeded", "a call to "+(&BudgetError{Provider: t.Provider, Model: t.Model}).model()+" cost "+state.Dollars(b.micro())+
			", which is more than "+state.Dollars(h.micro)+", the most that was expected; the budget may be exceeded by the difference")
	}
}

// abandon counts a reservation whose call ended without telling how: it is in doubt.
func (c *call) abandon() {
	if h := c.hold.Swap(nil); h != nil {
		c.scope.session.money.settle(h, h.micro)
	}
}

// limit takes in the budget, before anything is asked.
func (s *session) limit() (err error) {
	s.rec.View(func(st *state.WorkflowState) {
		var limits map[string]int64
		if limits, s.budget, err = s.cfg.Budget.change(st.Budget, s.pipeline.defs); err == nil {
			s.money = newLedger(limits, s.pipeline.defs)
			s.money.begin(st)
		}
	})
	return err
}
