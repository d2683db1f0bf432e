package limit

import (
	"math"

	"github.com/dogear-go/dogear/resilience"
)

// unlimitedOutput is how long an answer is taken to be when nobody said and none was seen yet.
const unlimitedOutput = 1024

// estimator learns from answers how estimates relate to what is used. Not safe for concurrent use.
type estimator struct {
	input  average // used ÷ estimated
	output average // tokens
}

// average is a mean and deviation that forget slowly.
type average struct {
	n          int
	mean, diff float64
}

func (a *average) add(x float64) {
	const weight = 0.1
	a.n++
	w := max(weight, 1/float64(a.n))
	a.diff += w * (math.Abs(x-a.mean) - a.diff)
	if a.n == 1 {
		a.diff = 0
	}
	a.mean += w * (x - a.mean)
}

// enough is from how many answers on the average counts.
const enough = 3

func (e *estimator) learn(estimated, used resilience.Usage) {
	if estimated.Input > 0 && used.Input > 0 {
		e.input.add(float64(used.Input) / float64(estimated.Input))
	}
	if used.Output > 0 {
		e.output.add(float64(used.Output))
	}
}

// adjust is what a request will likely use: no more than its limit allows, and somewhat more than the average.
func (e *estimator) adjust(u resilience.Usage) resilience.Usage {
	if e.input.n >= enough {
		u.Input = int64(math.Ceil(float64(u.Input) * e.input.mean))
	}
	likely := float64(unlimitedOutput)
	switch {
	case e.output.n >= enough:
		likely = math.Ceil(e.output.mean + e.output.diff)
	case u.Output > 0:
		likely = float64(u.Output)
	}
	if u.Output <= 0 || float64(u.Output) > likely {
		u.Output = int64(likely)
	}
	return u
}
