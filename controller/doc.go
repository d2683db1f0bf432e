// Package controller turns signals and requests into an orderly end of a run.
//
// A [Controller] goes through four states, never back: none, draining (no new calls start, calls in flight finish and are
// recorded), cancelling (calls in flight are cancelled) and dead. [Notify] makes one that listens to signals: the first
// drains, the second cancels, the third kills the process at once; what was recorded by then is safe. [New] makes one
// that only the program moves, for servers, which own their signals.
//
// A run that is given the controller watches [Controller.Draining] and [Controller.Canceling].
package controller
