package providers

import (
	"context"
	"errors"
	"time"

	"github.com/avast/retry-go/v4"
	"github.com/tmc/langchaingo/llms"
)

// errGoOn asks for another try.
var errGoOn = errors.New("go on")

// fatal is an error that ends the call as it is: of a hook, a pause, the context.
type fatal struct{ error }

// rest is the wait before the next try.
type rest struct {
	wait time.Duration
	why  string
	due  bool // false: the next try follows at once
}

// run makes tries until one is accepted or none may follow. How often, where and after which wait is decided try by try; retry-go
// makes the loop. The context is left to the tries and to the waits, which know what its end means.
func (k *call) run(ctx context.Context) (*llms.ContentResponse, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w := &waits{k: k, ctx: ctx, cancel: cancel}
	resp, err := retry.DoWithData(func() (*llms.ContentResponse, error) { return k.try(ctx) },
		retry.Context(own),
		retry.Attempts(uint(k.chain.cfg.MaxTries)+1), // a try beyond MaxTries is decided against, never made
		retry.LastErrorOnly(true),
		retry.RetryIf(func(err error) bool { return errors.Is(err, errGoOn) }),
		retry.DelayType(func(uint, error, *retry.Config) time.Duration { return k.rest.wait }),
		retry.WithTimer(w),
	)
	var end fatal
	switch {
	case w.err != nil:
		return nil, w.err
	case errors.As(err, &end):
		return nil, end.error
	}
	return resp, err
}

// waits is retry-go's timer: a wait is one that a pause ends.
type waits struct {
	k      *call
	ctx    context.Context // of the call; lives as long as run
	cancel context.CancelFunc
	err    error // what ended a wait
}

// After returns when the wait is over. A channel that never fires leaves retry-go's select to its context, which ended here.
func (w *waits) After(time.Duration) <-chan time.Time {
	r := w.k.rest
	w.k.rest = rest{}
	if r.due {
		if w.err = w.k.sleep(w.ctx, r.wait, r.why); w.err != nil {
			w.cancel()
			return nil
		}
	}
	fired := make(chan time.Time, 1)
	fired <- time.Now()
	return fired
}
