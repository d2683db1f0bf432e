package resilience

import (
	"math/rand/v2"
	"time"
)

// Rule says what is done about failures of one class. In a [Policy], a field left zero takes the class's default, and -1
// ([Never]) says none.
type Rule struct {
	// Attempts is how many requests one provider gets for one call while they fail with this class, the first included:
	// 1 is no second try.
	Attempts int

	// Wait is the wait before the second attempt. [Never]: none.
	Wait time.Duration

	// Factor multiplies the wait for each further attempt. Values below 1 count as 1.
	Factor float64

	// MaxWait bounds the computed wait. A server that asks for more is not asked again earlier: [Retry] gives up then, and a
	// chain of providers goes on to the next.
	MaxWait time.Duration

	// Switch is after how many failures of this class in a row a chain goes on to the next provider, if it has one: 1 is
	// at once, n keeps n requests with the same provider, [Never] stays. Without another provider Attempts alone counts.
	Switch int
}

// Never is the value of a Rule's field that means none: no wait, no switch.
const Never = -1

// MaxTries bounds the requests of one [Retry] over all classes, unless a rule allows one class alone more.
const MaxTries = 8

// Policy decides what is done about an error. The zero value has the defaults:
//
//	rate_limit                    3 attempts, 5 s × 3ⁿ, at most 5 min, switch after 2
//	network overloaded server     3 attempts, 5 s × 2ⁿ, at most 1 min, switch after 2
//	timeout                       2 attempts, 5 s × 2ⁿ, at most 1 min, switch after 2
//	empty_ and invalid_response   3 attempts, 5 s × 1.5ⁿ, at most 1 min, switch after 2
//	unknown                       2 attempts, 5 s × 2ⁿ, at most 1 min, switch after 2
//	auth quota permission not_found invalid_request context_length content_policy: never again, switch at once
//	truncated canceled: never again, never switch
//
// The waits are those of the program that Dogear descends from, bounded and with jitter. A Policy is a value: copy it
// freely; it is safe for concurrent use as long as nobody changes the map and both functions are safe.
type Policy struct {
	// Rules change what is done about a class, field by field. Defaults to none.
	Rules map[Class]Rule

	// Classify, when it returns true, decides the class of an error before [Classify] is asked. Defaults to nil.
	Classify func(error) (Class, bool)

	// Rand gives the jitter's numbers in [0, 1). Defaults to math/rand/v2.
	Rand func() float64
}

// defaultRule is what is done about a class without a user's rule.
func defaultRule(c Class) Rule {
	const wait, minute = 5 * time.Second, time.Minute
	switch c {
	case RateLimit:
		return Rule{Attempts: 3, Wait: wait, Factor: 3, MaxWait: 5 * minute, Switch: 2}
	case Network, Overloaded, Server:
		return Rule{Attempts: 3, Wait: wait, Factor: 2, MaxWait: minute, Switch: 2}
	case EmptyResponse, InvalidResponse:
		return Rule{Attempts: 3, Wait: wait, Factor: 1.5, MaxWait: minute, Switch: 2}
	case Auth, Quota, Permission, NotFound, InvalidRequest, ContextLength, ContentPolicy:
		return Rule{Attempts: 1, Wait: wait, Factor: 2, MaxWait: minute, Switch: 1}
	case Truncated, Canceled:
		return Rule{Attempts: 1, Wait: wait, Factor: 2, MaxWait: minute, Switch: Never}
	}
	return Rule{Attempts: 2, Wait: wait, Factor: 2, MaxWait: minute, Switch: 2} // Timeout, Unknown, a user's own
}

// Rule returns the rule of a class, with the defaults filled in. Canceled is never tried again, whatever Rules say.
func (p Policy) Rule(c Class) Rule {
	r := defaultRule(c)
	own, ok := p.Rules[c]
	if !ok || c == Canceled {
		return r
	}
	if own.Attempts != 0 {
		r.Attempts = max(own.Attempts, 1)
	}
	if own.Wait != 0 {
		r.Wait = max(own.Wait, Never)
	}
	if own.Factor != 0 {
		r.Factor = own.Factor
	}
	if own.MaxWait != 0 {
		r.MaxWait = max(own.MaxWait, Never)
	}
	if own.Switch != 0 {
		r.Switch = max(own.Switch, Never)
	}
	r.MaxWait = max(r.MaxWait, r.Wait) // a longer Wait alone is meant
	return r
}

// RuleFor returns the class of an error and what is done about it. It differs from Rule(ClassOf(err)) for an error that
// is known to be permanent (see [Error].Permanent; a certificate that is not trusted): one attempt, switch at once.
func (p Policy) RuleFor(err error) (Class, Rule) {
	c := p.ClassOf(err)
	r := p.Rule(c)
	if permanent(err) {
		r.Attempts = 1
		if r.Switch > 1 {
			r.Switch = 1
		}
	}
	return c, r
}

// ClassOf returns the class of an error; nil has the class "".
func (p Policy) ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	if p.Classify != nil {
		if c, ok := p.Classify(err); ok && c != "" {
			return c
		}
	}
	return Classify(err)
}

// Delay returns how long to wait after the n-th failure (from 1) with this error. What the server asked for wins over
// the rule, however long, and is never shortened: only a little is added to it. A server that asks for no wait is taken at its
// word after the first failure; from the second on the rule's own wait counts, so that nobody hammers.
func (p Policy) Delay(err error, n int) time.Duration {
	if d, ok := RetryAfter(err); ok && (d > 0 || n <= 1) {
		return afterTold(d, p.random())
	}
	_, r := p.RuleFor(err)
	return r.Jittered(n, p.random)
}

func (p Policy) random() float64 {
	if p.Rand != nil {
		return p.Rand()
	}
	return rand.Float64()
}
