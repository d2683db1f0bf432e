package estimate

import (
	"time"

	"github.com/dogear-go/dogear/state"
)

// Left is how long something still takes.
type Left struct {
	// Duration is the time that the measured part of it takes from now on, zero or more. It means something only when
	// Known.
	Duration time.Duration

	// Known says that at least some of it could be measured, or that there is nothing left.
	Known bool

	// Unknown names the steps that are not in Duration, because nothing like them ran yet. In the pipeline's order.
	Unknown []string
}

// Estimator is fed the events of one run, in their order, and tells how long the run still takes. It takes its clock
// from the events and from who asks. It is not safe for concurrent use.
type Estimator struct {
}

// New makes an estimator that has seen nothing. It can be fed from a run's first event on, or from anywhere after
// [Estimator.Begin].
func New() *Estimator { return &Estimator{} }

// Begin takes over what a run is like at one moment, for an estimator that is fed the events that follow it. What was
// measured stays. The state is only read.
func (e *Estimator) Begin(st *state.WorkflowState) {}

// Observe takes the next event in.
func (e *Estimator) Observe(ev state.Event) {}

// Step is how long a step still takes; a step that is done takes no time, and one that the run does not have is unknown.
func (e *Estimator) Step(name string, now time.Time) Left { return Left{Unknown: []string{name}} }

// Run is how long the steps that are left take, one after another, and those of a Parallel side by side.
func (e *Estimator) Run(now time.Time) Left { return Left{} }
