package resilience

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// script returns a function that fails with the errors in turn, then succeeds, and notes when it was called.
func script(calls *[]time.Duration, errs ...error) func(context.Context) (string, error) {
	start := time.Now()
	return func(context.Context) (string, error) {
		*calls = append(*calls, time.Since(start))
		if n := len(*calls); n <= len(errs) {
			return "partial", errs[n-1]
		}
		return "ok", nil
	}
}

var steady = func() float64 { return 0.5 } // no jitter for computed waits

func TestRetry(t *testing.T) {
	const s = time.Second
	class := func(c Class) error { return &Error{Class: c, Err: errors.New(string(c))} }
	told := func(d time.Duration) error { return &Error{Class: RateLimit, After: d} }
	cases := []struct {
		name string
		errs []error
		want []time.Duration // when fn was called
		ok   bool
	}{
		{"at once", nil, []time.Duration{0}, true},
		{"rate limit", []error{class(RateLimit), class(RateLimit)}, []time.Duration{0, 5 * s, 20 * s}, true},
		{"rate limit, exhausted", []error{class(RateLimit), class(RateLimit), class(RateLimit)}, []time.Duration{0, 5 * s, 20 * s}, false},
		{"network", []error{class(Network), class(Network)}, []time.Duration{0, 5 * s, 15 * s}, true},
		{"empty", []error{class(EmptyResponse), class(EmptyResponse)}, []time.Duration{0, 5 * s, 12500 * time.Millisecond}, true},
		{"unknown once", []error{errors.New("?"), errors.New("?")}, []time.Duration{0, 5 * s}, false},
		{"auth never", []error{class(Auth)}, []time.Duration{0}, false},
		{"truncated never", []error{class(Truncated)}, []time.Duration{0}, false},
		{"canceled never", []error{context.Canceled}, []time.Duration{0}, false},
		{"classes are counted apart", []error{class(Network), class(RateLimit), class(Network)}, []time.Duration{0, 5 * s, 10 * s, 20 * s}, true},
		{"the server's word", []error{told(7 * s)}, []time.Duration{0, 7*s + 350*time.Millisecond}, true},
		{"a word beyond the bound", []error{told(time.Hour)}, []time.Duration{0}, false},
		{
			"eight in all",
			[]error{class(Network), class(Server), class(RateLimit), class(Network), class(Server), class(RateLimit), class(EmptyResponse), class(Overloaded), class(Overloaded)},
			[]time.Duration{0, 5 * s, 10 * s, 15 * s, 25 * s, 35 * s, 50 * s, 55 * s}, false,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []time.Duration
				got, err := Retry(t.Context(), Policy{Rand: steady}, script(&calls, c.errs...))
				require.Equal(t, c.want, calls)
				if c.ok {
					require.NoError(t, err)
					require.Equal(t, "ok", got)
					return
				}
				require.Equal(t, c.errs[len(calls)-1], err, "the bare last error")
				require.Empty(t, got)
			})
		})
	}
}

func TestRetryMoreThanEight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		errs := make([]error, 30)
		for i := range errs {
			errs[i] = &Error{Class: Overloaded}
		}
		_, err := Retry(t.Context(), Policy{Rules: map[Class]Rule{Overloaded: {Attempts: 20, Wait: Never}}}, script(&calls, errs...))
		require.Error(t, err)
		require.Len(t, calls, 20)
	})
}

// TestRetryKeepsLastError: when ctx ends during a wait, both the cause and what the provider said are found.
func TestRetryKeepsLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		last := &Error{Class: RateLimit, Provider: "groq"}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(boom) })
		var calls []time.Duration
		_, err := Retry(ctx, Policy{}, script(&calls, last, last))
		require.ErrorIs(t, err, boom)
		require.ErrorIs(t, err, last)
		require.Len(t, calls, 1)

		_, err = Retry(ctx, Policy{}, script(&calls))
		require.Equal(t, boom, err)
		require.Len(t, calls, 1, "a ctx that is done calls nothing")
	})
}

func TestRetryPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pause := make(chan struct{})
		paused := errors.New("paused")
		var why string
		ctx := WithHooks(t.Context(), Hooks{Pause: pause, PauseErr: func() error { return paused }, Waiting: func(_ context.Context, _ time.Duration, w string) { why = w }})
		time.AfterFunc(time.Second, func() { close(pause) })
		last := &Error{Class: RateLimit, Provider: "groq"}
		var calls []time.Duration
		start := time.Now()
		_, err := Retry(ctx, Policy{}, script(&calls, last, last))
		require.ErrorIs(t, err, paused)
		require.ErrorIs(t, err, last)
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, "rate_limit at groq", why)
		_, err = Retry(ctx, Policy{}, script(&calls))
		require.Equal(t, paused, err)
		require.Len(t, calls, 1, "a paused run calls nothing")
	})
}

// TestRetryDeadline: a wait that can't end before the deadline does not begin.
func TestRetryDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		last := &Error{Class: Network}
		var calls []time.Duration
		start := time.Now()
		_, err := Retry(ctx, Policy{}, script(&calls, last))
		require.Equal(t, last, err)
		require.Zero(t, time.Since(start))
	})
}

func TestRetryPanics(t *testing.T) {
	require.PanicsWithValue(t, "mine", func() {
		_, _ = Retry(t.Context(), Policy{}, func(context.Context) (int, error) { panic("mine") })
	})
}

// TestRetryCanceledDuringCall: fn's own error and the reason are both kept.
func TestRetryCanceledDuringCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	last := &Error{Class: Server}
	n := 0
	_, err := Retry(ctx, Policy{}, func(context.Context) (int, error) { n++; cancel(); return 0, last })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, last)
	require.Equal(t, Canceled, Classify(err))
	require.Equal(t, 1, n)
}
