package price

import "github.com/dogear-go/dogear/resilience"

// Price is what a model costs, in micro-dollars for a million tokens: $1 for a million tokens is 1,000,000. What a model
// thinks is output, and costs as much.
type Price struct {
	Input   int64
	Output  int64
	Cached  int64 // input that the provider had in its cache
	Written int64 // input that the provider wrote into its cache; zero: as Input
	Long    *Long // what long prompts cost; nil: the same
}

// Long is what a request costs whose prompt is longer than Above tokens, all of it.
type Long struct {
	Above   int64
	Input   int64
	Output  int64
	Cached  int64
	Written int64 // zero: as Input
}

// Cost is the price of an answer in micro-dollars, rounded up.
func (p Price) Cost(u resilience.Usage) int64 {
	const million = 1_000_000
	if l := p.Long; l != nil && u.Input > l.Above {
		p = Price{Input: l.Input, Output: l.Output, Cached: l.Cached, Written: l.Written}
	}
	if p.Written == 0 {
		p.Written = p.Input
	}
	cached := min(u.Cached, u.Input)
	written := min(u.Written, u.Input-cached)
	sum := (u.Input-cached-written)*p.Input + cached*p.Cached + written*p.Written + u.Output*p.Output
	return (sum + million - 1) / million
}
