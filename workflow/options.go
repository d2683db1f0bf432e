package workflow

import (
	"fmt"
	"reflect"
	"time"
)

// StepOption changes how a step runs. One that is wrong for its step is reported by [New].
type StepOption struct {
	name  string
	only  string // the kind of step it is for; empty: any
	apply func(*stepOptions)
}

type stepOptions struct {
	version      string
	concurrency  int
	lane         any // func(In) string
	laneFor      reflect.Type
	attempts     int
	allowPartial bool
	timeout      time.Duration
	optional     bool
	faults       []error
}

func gather(kind string, opts []StepOption) stepOptions {
	var o stepOptions
	for _, opt := range opts {
		if opt.apply == nil {
			continue
		}
		if opt.only != "" && opt.only != kind {
			o.faults = append(o.faults, fmt.Errorf("%s is an option for an %s, not for a %s", opt.name, opt.only, kind))
		}
		opt.apply(&o)
	}
	return o
}

// Version is recorded with the step's results. Change it when the step's code or prompts change what it gives.
func Version(v string) StepOption {
	return StepOption{name: "Version", apply: func(o *stepOptions) { o.version = v }}
}

// Concurrency is how many items, or lanes, of an Each run side by side. Defaults to Config.Concurrency.
func Concurrency(n int) StepOption {
	return StepOption{name: "Concurrency", only: "each", apply: func(o *stepOptions) {
		o.concurrency = n
		if n < 1 {
			o.faults = append(o.faults, fmt.Errorf("Concurrency(%d): at least 1 is needed", n))
		}
	}}
}

// Lane puts the items of an Each into lanes: items of one lane run in list order, one after another, and may read the
// one before with [Previous]; lanes run side by side. When an item fails, those behind it in its lane stay pending.
func Lane[In any](lane func(In) string) StepOption {
	return StepOption{name: "Lane", only: "each", apply: func(o *stepOptions) {
		o.lane, o.laneFor = lane, reflect.TypeFor[In]()
		if lane == nil {
			o.faults = append(o.faults, fmt.Errorf("Lane needs a function"))
		}
	}}
}

// Attempts is how often a Task, or an item of an Each, is attempted in a session when it is rejected or fails for an
// unknown reason. What failed for the provider's sake is not attempted again: the call has been retried already.
// Defaults to 3 for a Task and 2 for an item.
func Attempts(n int) StepOption {
	return StepOption{name: "Attempts", apply: func(o *stepOptions) {
		o.attempts = n
		if n < 1 {
			o.faults = append(o.faults, fmt.Errorf("Attempts(%d): at least 1 is needed", n))
		}
	}}
}

// AllowPartial lets a step run although an earlier one is incomplete. It is run again when that became more complete. A
// Parallel may run so when all its steps may.
func AllowPartial() StepOption {
	return StepOption{name: "AllowPartial", apply: func(o *stepOptions) { o.allowPartial = true }}
}

// Timeout bounds one attempt of a Task, or of an item of an Each. Defaults to none.
func Timeout(d time.Duration) StepOption {
	return StepOption{name: "Timeout", apply: func(o *stepOptions) {
		o.timeout = d
		if d <= 0 {
			o.faults = append(o.faults, fmt.Errorf("Timeout(%s): more than zero is needed", d))
		}
	}}
}

// Optional lets the run complete although this step failed. The step's status is then tolerated, and a resume tries it
// again.
func Optional() StepOption {
	return StepOption{name: "Optional", apply: func(o *stepOptions) { o.optional = true }}
}
