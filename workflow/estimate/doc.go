// Package estimate tells how long a run still takes, from what its events tell of the work that was done.
//
// It measures the items of an Each: how long they took, and how many ran side by side. Of what never ran it knows
// nothing, and says so by name instead of guessing. A step of one result is known only when it ran before in this run,
// or failed an attempt of it.
//
//	est := estimate.New()
//	cfg.Observers = append(cfg.Observers, est.Observe)
//	left := est.Run(time.Now()) // under the observer's lock: see [Estimator]
package estimate
