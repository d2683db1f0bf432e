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
