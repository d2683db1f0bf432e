package resilience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/avast/retry-go/v4"
)

// Retry calls fn until it succeeds or the policy gives up, and returns its value or its last error. There is no other
// provider here, so a Rule's Switch does not count.
//
// Attempts are counted for each class; together they are at most [MaxTries], or the largest Attempts of a rule. Retry also
// gives up, with fn's error, when the server asks for a wait longer than the rule's MaxWait, and when the wait would not
// end before ctx's deadline. Waits go through [Sleep]. When ctx ends or the run pauses, the error joins the reason with fn's
// last error, so that errors.Is and errors.As find both. fn is not called when ctx is done or the run is pausing already. A
// panic of fn passes through.
func Retry[T any](ctx context.Context, p Policy, fn func(context.Context) (T, error)) (T, error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &attempts{ctx: ctx, policy: p, cancel: cancel, counts: make(map[Class]int)}
	v, err := retry.DoWithData(func() (T, error) {
		var zero T
		if err := Sleep(ctx, 0, ""); err != nil {
			a.stop = err
			return zero, err
		}
		v, err := fn(ctx)
		if err != nil {
			a.last = err
		}
		return v, err
	},
		retry.Context(inner),
		retry.Attempts(a.limit()),
		retry.LastErrorOnly(true),
		retry.RetryIf(a.again),
		retry.DelayType(func(uint, error, *retry.Config) time.Duration { return a.wait }),
		retry.WithTimer(a),
	)
	if err == nil {
		return v, nil
	}
	var zero T
	return zero, a.result(err)
}

// attempts is the state of one Retry. Only the goroutine of Retry uses it.
type attempts struct {
	ctx    context.Context // of the call; lives as long as Retry
	policy Policy
	cancel context.CancelCauseFunc // ends retry-go's own select
	counts map[Class]int
	wait   time.Duration // before the next attempt
	last   error         // fn's last error
	stop   error         // why nothing may start any more
}

// limit is the largest number of calls of fn.
func (a *attempts) limit() uint {
	n := MaxTries
	for c := range a.policy.Rules {
		n = max(n, a.policy.Rule(c).Attempts)
	}
	return uint(n)
}

// again decides whether fn is called again after err, and how long to wait before.
func (a *attempts) again(err error) bool {
	if a.stop != nil || a.ctx.Err() != nil {
		return false
	}
	class, rule := a.policy.RuleFor(err)
	a.counts[class]++
	if a.counts[class] >= rule.Attempts {
		return false
	}
	if told, ok := RetryAfter(err); ok && told > max(rule.MaxWait, 0) {
		return false
	}
	a.wait = a.policy.Delay(err, a.counts[class])
	if deadline, ok := a.ctx.Deadline(); ok && time.Until(deadline) < a.wait {
		return false
	}
	return true
}

// After is retry-go's timer: the wait itself goes through Sleep. A channel that never fires leaves retry-go's select to
// the context, which was cancelled here.
func (a *attempts) After(d time.Duration) <-chan time.Time {
	if err := Sleep(a.ctx, d, a.why()); err != nil {
		a.stop = err
		a.cancel(err)
		return nil
	}
	fired := make(chan time.Time, 1)
	fired <- time.Now()
	return fired
}

func (a *attempts) why() string {
	class := a.policy.ClassOf(a.last)
	if provider := providerOf(a.last); provider != "" {
		return fmt.Sprintf("%s at %s", class, provider)
	}
	return string(class)
}

// result is the error that Retry returns after retry-go returned err.
func (a *attempts) result(err error) error {
	if a.stop == nil && a.ctx.Err() != nil {
		a.stop = context.Cause(a.ctx)
	}
	switch {
	case a.stop == nil:
		return err
	case a.last == nil || errors.Is(a.last, a.stop):
		if a.last != nil {
			return a.last
		}
		return a.stop
	}
	return errors.Join(a.stop, a.last)
}
