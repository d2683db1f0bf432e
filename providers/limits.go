package providers

import (
	"time"

	"github.com/dogear-go/dogear/providers/internal/limit"
	"github.com/dogear-go/dogear/resilience"
)

// Limits are the allowances of one model at one provider. A field left zero is no limit: none is imposed, and none is
// guessed. What a provider says in its answers' headers is learned beside them, and the lower one counts. They are counted from the
// start of the process, over all chains of a [Pool]; how many tokens a request uses is estimated when it leaves and settled when it
// was answered.
type Limits struct {
	RequestsPerMinute     int
	TokensPerMinute       int // input and output together
	InputTokensPerMinute  int
	OutputTokensPerMinute int
	RequestsPerDay        int
	TokensPerDay          int

	// InFlight is how many requests may be on their way at a time.
	InFlight int

	// Burst is the part of a minute's allowance that may be used at once, in seconds' worth of it: 60 is all of it, as
	// with providers that count in a bucket of a minute's size; 1 spreads the requests evenly. Defaults to 60.
	Burst float64
}

// settled is what an outcome tells the member's limiter.
func (c *Chain) settled(o outcome) limit.Outcome {
	s := limit.Outcome{Used: o.usage, Answered: o.err == nil, Took: o.latency, Allows: resilience.Allowances(o.header, time.Now())}
	if o.err != nil {
		s.Class = c.cfg.Policy.ClassOf(o.err)
		told, ok := resilience.RetryAfter(o.err)
		s.AtOnce, s.Told = ok && told == 0, ok && told > 0
	}
	return s
}
