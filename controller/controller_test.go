package controller

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	c := New()
	require.Equal(t, None, c.State())
	require.False(t, closed(c.Draining()))
	c.PauseBy("pause file", "asked for")
	require.Equal(t, Draining, c.State())
	require.True(t, closed(c.Draining()))
	require.False(t, closed(c.Canceling()))
	c.Pause("again")
	require.Equal(t, Draining, c.State(), "asking twice for a pause does not cancel")
	c.Cancel("enough")
	c.Cancel("enough")
	require.Equal(t, Cancelling, c.State())
	require.True(t, closed(c.Canceling()))
	require.Equal(t, "asked for", c.Reason())
	require.Equal(t, "pause file", c.By())
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
}

func TestCancelImpliesPause(t *testing.T) {
	t.Parallel()
	c := New()
	c.Cancel("enough")
	require.True(t, closed(c.Draining()))
	require.True(t, closed(c.Canceling()))
	require.Equal(t, "enough", c.Reason())
	require.Equal(t, "program", c.By())
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	for range 50 {
		c := start(Config{Out: io.Discard}, make(chan os.Signal, 8), nil)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { c.Pause("a") })
			all.Go(func() { c.Cancel("b") })
			all.Go(func() { _ = c.Close() })
			all.Go(func() { _ = c.Reason() + c.By() + string(c.State()) })
		}
		all.Wait()
		require.Equal(t, Cancelling, c.State())
	}
}

// output is a buffer that may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}
func (o *output) String() string { o.mu.Lock(); defer o.mu.Unlock(); return o.buf.String() }

// signalled runs a controller on injected signals in a bubble of synthetic time.
func signalled(t *testing.T, cfg Config, test func(c *Controller, send func(os.Signal), out *output)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out output
		cfg.Out = &out
		signals := make(chan os.Signal, 8)
		c := start(cfg, signals, nil)
		test(c, func(s os.Signal) { signals <- s; synctest.Wait() }, &out)
		require.NoError(t, c.Close())
	})
}

func TestThreeSignals(t *testing.T) {
	t.Parallel()
	var died []os.Signal
	cfg := Config{Resume: "novel --resume Ten", Exit: func(s os.Signal) { died = append(died, s) }}
	signalled(t, cfg, func(c *Controller, send func(os.Signal), out *output) {
		send(os.Interrupt)
		require.Equal(t, Draining, c.State())
		require.Equal(t, "signal SIGINT", c.By())
		require.Equal(t, "Pausing (signal SIGINT): calls in flight finish and are recorded. Press Ctrl+C again to cancel them.\nTo go on later: novel --resume Ten\n", out.String())
		<-time.After(1000 * time.Hour)
		synctest.Wait()
		require.Equal(t, Draining, c.State(), "no limit after SIGINT")
		send(os.Interrupt)
		require.Equal(t, Cancelling, c.State())
		require.Contains(t, out.String(), "Cancelling (SIGINT)")
		require.Empty(t, died)
		send(syscall.SIGTERM)
		require.Equal(t, Dead, c.State())
		require.Equal(t, []os.Signal{syscall.SIGTERM}, died)
		send(syscall.SIGTERM)
		require.Len(t, died, 1)
	})
}

func TestDrainLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cfg  Config
		sig  os.Signal
		want time.Duration // zero: no limit
	}{
		{"SIGTERM", Config{}, syscall.SIGTERM, 25 * time.Second},
		{"SIGHUP", Config{}, syscall.SIGHUP, 25 * time.Second},
		{"configured", Config{Drain: 3 * time.Second}, syscall.SIGTERM, 3 * time.Second},
		{"unlimited", Config{Drain: -1}, syscall.SIGTERM, 0},
		{"SIGINT", Config{Drain: time.Second}, os.Interrupt, 0},
		{"SIGINT configured", Config{DrainInterrupt: time.Minute}, os.Interrupt, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			signalled(t, c.cfg, func(ctl *Controller, send func(os.Signal), out *output) {
				begin := time.Now()
				send(c.sig)
				require.Equal(t, Draining, ctl.State())
				if c.want == 0 {
					return
				}
				require.Contains(t, out.String(), "After "+c.want.String())
				<-ctl.Canceling()
				require.Equal(t, c.want, time.Since(begin))
			})
		})
	}
}

// TestSignalAfterProgram: Ctrl+C after a pause from elsewhere cancels.
func TestSignalAfterProgram(t *testing.T) {
	t.Parallel()
	signalled(t, Config{}, func(c *Controller, send func(os.Signal), out *output) {
		c.PauseBy("pause file", "")
		synctest.Wait()
		require.Contains(t, out.String(), "Pausing (pause file)")
		send(os.Interrupt)
		require.Equal(t, Cancelling, c.State())
		require.Equal(t, "pause file", c.By())
	})
}

type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) { <-s; return len(p), nil }

// TestStuckOutput: a terminal that is stopped (Ctrl+S) does not stop the signals.
func TestStuckOutput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := make(stuck)
		died := make(chan struct{})
		signals := make(chan os.Signal, 8)
		c := start(Config{Out: out, Exit: func(os.Signal) { close(died) }}, signals, nil)
		for range 3 {
			signals <- os.Interrupt
		}
		<-died
		require.Equal(t, Dead, c.State())
		close(out)
		require.NoError(t, c.Close())
	})
}

// TestCloseWhileDraining: the limit's timer ends with the controller.
func TestCloseWhileDraining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 8)
		c := start(Config{Out: io.Discard}, signals, nil)
		signals <- syscall.SIGTERM
		<-c.Draining()
		require.NoError(t, c.Close())
		<-time.After(time.Hour)
		require.False(t, closed(c.Canceling()))
		c.Cancel("later")
		require.True(t, closed(c.Canceling()), "the program may still cancel")
	})
}

func TestAPauseIsToldOnce(t *testing.T) {
	for _, c := range []struct{ by, reason, says string }{
		{"pause request", "asked by a pause request", "Pausing (asked by a pause request): "},
		{"pause request", "asked by novel pause", "Pausing (pause request: asked by novel pause): "},
		{"signal SIGINT", "SIGINT", "Pausing (signal SIGINT): "},
		{"pause file", "", "Pausing (pause file): "},
	} {
		require.True(t, strings.HasPrefix(drainText(c.by, c.reason, 0, ""), c.says), drainText(c.by, c.reason, 0, ""))
	}
}
