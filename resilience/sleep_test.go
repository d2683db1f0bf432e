package resilience

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		pause := make(chan struct{})
		ctx := WithHooks(t.Context(), Hooks{Pause: pause, Waiting: func(_ context.Context, d time.Duration, why string) {
			require.Equal(t, "rate_limit", why)
			told = append(told, d)
		}})
		start := time.Now()
		require.NoError(t, Sleep(ctx, time.Minute, "rate_limit"))
		require.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, Sleep(ctx, 0, ""), "nothing to wait for, nothing told")
		require.NoError(t, Sleep(ctx, -time.Hour, ""))
		require.Equal(t, []time.Duration{time.Minute}, told)

		start = time.Now()
		time.AfterFunc(time.Second, func() { close(pause) })
		require.ErrorIs(t, Sleep(ctx, time.Hour, "rate_limit"), ErrPausing)
		require.Equal(t, time.Second, time.Since(start), "the pause ended the wait at once")

		require.ErrorIs(t, Sleep(ctx, time.Hour, "rate_limit"), ErrPausing, "no wait starts any more")
		require.ErrorIs(t, Sleep(ctx, 0, ""), ErrPausing)
		require.Equal(t, time.Second, time.Since(start))
		require.Len(t, told, 2, "a wait that does not begin is not told")
	})
}

func TestSleepEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(boom) })
		start := time.Now()
		require.Equal(t, boom, Sleep(ctx, time.Hour, ""))
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, boom, Sleep(ctx, time.Hour, ""))
		require.Equal(t, boom, Sleep(ctx, 0, ""))
		require.Equal(t, time.Second, time.Since(start))
	})
}

// TestSleepPauseAtTheEnd: a pause in the instant in which the wait is over still counts.
func TestSleepPauseAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			pause := make(chan struct{})
			mine := errors.New("mine")
			ctx := WithHooks(t.Context(), Hooks{Pause: pause, PauseErr: func() error { return mine }, Waiting: func(context.Context, time.Duration, string) { close(pause) }})
			require.Equal(t, mine, Sleep(ctx, time.Nanosecond, ""))
		}
	})
}

// TestAwait: until something is ready; a wait that is longer than it seemed is told after a second.
func TestAwait(t *testing.T) {
	for name, c := range map[string]struct {
		seems, lasts time.Duration
		told         []time.Duration
	}{
		"long":           {3 * time.Second, 4 * time.Second, []time.Duration{3 * time.Second}},
		"brief":          {10 * time.Millisecond, 500 * time.Millisecond, nil},
		"longer than it": {0, time.Minute, []time.Duration{time.Second}},
		"none":           {time.Hour, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var told []time.Duration
			ctx := WithHooks(t.Context(), Hooks{Waiting: func(_ context.Context, d time.Duration, _ string) { told = append(told, d) }})
			ready, start := make(chan struct{}), time.Now()
			if c.lasts == 0 {
				close(ready)
			} else {
				time.AfterFunc(c.lasts, func() { close(ready) })
			}
			require.NoError(t, Await(ctx, ready, c.seems, "a limit"))
			require.Equal(t, c.lasts, time.Since(start), name)
			require.Equal(t, c.told, told, name)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		pause := make(chan struct{})
		ctx := WithHooks(t.Context(), Hooks{Pause: pause})
		time.AfterFunc(time.Second, func() { close(pause) })
		require.ErrorIs(t, Await(ctx, make(chan struct{}), 0, ""), ErrPausing)
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, Await(limited, make(chan struct{}), 0, ""), context.DeadlineExceeded)
	})
}
