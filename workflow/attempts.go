package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// work is a step or item to be attempted.
type work struct {
	kind    scopeKind
	at      state.Scope
	gen     int
	parent  *attempt
	prev    string
	hasPrev bool
	most    int // attempts in this session
	timeout time.Duration
	fn      func(context.Context) error
}

// outcome is how the attempts of a step or item ended.
type outcome struct {
	last   *attempt
	number int   // attempts made
	err    error // nil: the last one succeeded
	class  resilience.Class
	stop   error // the engine refused to go on: nothing is recorded as completed or failed
}

// attempts makes attempts until one succeeds or there is no point in another.
func (s *session) attempts(ctx context.Context, w work) outcome {
	panics := 0
	for n := 1; ; n++ {
		if stop := s.refusal(w.at.Step); stop != nil {
			return outcome{stop: stop}
		}
		sc, err := s.attemptOnce(ctx, w, n)
		a := sc.attempt
		err = a.quiet(err)
		if stop := a.poisoned(); stop != nil {
			return outcome{stop: stop}
		}
		if err == nil {
			sc.closeOrphans(context.WithoutCancel(ctx))
			return outcome{last: a, number: n}
		}
		if stop := s.cutShort(ctx); stop != nil {
			a.poisonWith(stop)
			return outcome{stop: stop}
		}
		v := s.judge(a, err)
		if v.panicked {
			s.logPanic(w.at, n, err)
			panics++
			v.again = v.again && panics == 1
		}
		failed := state.AttemptFailed{Class: string(v.class), Message: brief(err), KeepTo: v.keepTo, Next: state.NextRetry}
		if !v.again || n >= w.most {
			failed.Next = state.NextGiveUp
			s.post(sc.event(failed)) // durable with the failure that follows
			s.logFailure(sc.event(failed), err)
			s.disinherit(w.at, v.keepTo)
			return outcome{last: a, number: n, err: err, class: v.class}
		}
		var wait time.Duration
		if v.wait {
			wait = s.cfg.Policy.Delay(err, n)
		}
		failed.WaitMS = wait.Milliseconds()
		if _, err := s.commit(sc.event(failed)); err != nil {
			a.poisonWith(err)
			return outcome{stop: err}
		}
		s.disinherit(w.at, v.keepTo)
		s.logFailure(sc.event(failed), err)
		if stop := s.waitFor(ctx, sc, wait); stop != nil {
			return outcome{stop: stop}
		}
	}
}

// attemptOnce runs the function in a fresh scope, which is closed when it returns.
func (s *session) attemptOnce(ctx context.Context, w work, n int) (*scope, error) {
	sc := &scope{kind: w.kind, session: s, source: s, at: w.at, gen: w.gen, prev: w.prev, hasPrev: w.hasPrev,
		attempt: &attempt{number: n, parent: w.parent}}
	s.rec.View(sc.load)
	if w.gen > 0 {
		if err := s.inherit(ctx, sc); err != nil {
			if stop := s.cutShort(ctx); stop != nil {
				err = stop
			}
			sc.attempt.poisonWith(err)
			return sc, err
		}
	}
	inner := withScope(ctx, sc)
	if w.timeout > 0 {
		var cancel context.CancelFunc
		inner, cancel = context.WithTimeoutCause(inner, w.timeout,
			fmt.Errorf("%s took longer than its timeout of %s: %w", sc.name(), w.timeout, context.DeadlineExceeded))
		defer cancel()
	}
	defer sc.close()
	return sc, safely(func() error { return w.fn(inner) })
}

// cutShort says that an attempt's error came from the end of the session rather than from the attempt.
func (s *session) cutShort(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if stop := s.refusal(""); stop != nil {
		return stop
	}
	return context.Cause(ctx) // of a context that a wrapper of the step made
}

func (s *session) waitFor(ctx context.Context, sc *scope, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	waiting := resilience.WithHooks(ctx, sc.hooks())
	if err := resilience.Sleep(waiting, d, "before the next attempt"); err != nil {
		sc.attempt.poisonWith(err)
		return err
	}
	return nil
}

// verdict is what a failed attempt means.
type verdict struct {
	class    resilience.Class
	again    bool
	wait     bool
	panicked bool
	keepTo   *uint64 // answers above it are dead; nil: all live
}

// judge decides what a failed attempt means for its answers, and whether another one is worth it. The scope remembers:
// a call that was exhausted decides the class, whatever error came up.
func (s *session) judge(a *attempt, err error) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	var p *panicError
	var keep *keepError
	var v verdict
	switch x := a.exhausted; {
	case errors.Is(err, ErrRejected):
		v = verdict{class: s.cfg.Policy.ClassOf(err), again: true}
		if len(a.consumed) > 0 {
			v.keepTo = keepBefore(slices.Min(a.consumed))
		}
		if v.class == resilience.Unknown {
			v.class = resilience.InvalidResponse
		}
	case x != nil:
		v = verdict{class: x.class, keepTo: keepBefore(x.from)}
	case errors.As(err, &p):
		v = verdict{class: resilience.Unknown, again: true, panicked: true}
	case hopeless(err):
		v = verdict{class: resilience.InvalidRequest}
	default:
		v = verdict{class: s.cfg.Policy.ClassOf(err)}
		v.again = v.class == resilience.Unknown
		v.wait = v.again
		if !harmless(v.class) {
			v.keepTo = keepBefore(a.last)
		}
	}
	if errors.As(err, &keep) {
		v.keepTo = nil
	}
	return v
}

// keepBefore keeps what stands before an answer; nil, with zero, kills nothing.
func keepBefore(seq uint64) *uint64 {
	if seq == 0 {
		return nil
	}
	keep := seq - 1
	return &keep
}

// harmless says that a failure of this class says nothing against the answers that were given before it.
func harmless(c resilience.Class) bool {
	return slices.Contains([]resilience.Class{
		resilience.Network, resilience.RateLimit, resilience.Quota, resilience.Auth, resilience.Permission, resilience.NotFound,
		resilience.Overloaded, resilience.Server, resilience.Timeout, resilience.Canceled,
	}, c)
}
