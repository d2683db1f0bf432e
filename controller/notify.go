package controller

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Notify makes a controller that listens to SIGINT, SIGTERM and SIGHUP. The first signal drains, the second cancels, the
// third kills the process; a request of the program counts as a signal here, so that Ctrl+C after it cancels. SIGHUP counts
// as SIGTERM. A signal that the process ignored when it was started (nohup, a background job of a shell) stays ignored.
//
// Close must be called: until then the signals don't have their usual effect.
func Notify(cfg Config) *Controller {
	signals := make(chan os.Signal, 8)
	if s := listened(); len(s) > 0 { // an empty list would mean every signal
		signal.Notify(signals, s...)
	}
	return start(cfg, signals, make(chan os.Signal, 1))
}

// listened are the signals to listen to.
func listened() []os.Signal {
	var s []os.Signal
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			s = append(s, sig)
		}
	}
	return s
}

// messages is room for every message of one controller: a pause, a cancellation.
const messages = 4

// start runs a controller on a channel of signals, which it stops when it is closed. pipes may be nil.
func start(cfg Config, signals, pipes chan os.Signal) *Controller {
	if cfg.Out == nil {
		cfg.Out = os.Stderr
	}
	if cfg.Drain == 0 {
		cfg.Drain = DefaultDrain
	}
	if cfg.Exit == nil {
		cfg.Exit = die
	}
	c := New()
	c.resume = cfg.Resume
	c.say = make(chan string, messages)
	c.pipes = pipes
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { write(cfg.Out, c.say) })
	running.Go(func() { c.listen(cfg, signals, done) })
	c.stop = func() {
		signal.Stop(signals)
		close(done)
		c.mu.Lock()
		c.closed = true
		close(c.say)
		c.mu.Unlock()
		running.Wait()
		if pipes != nil {
			signal.Stop(pipes)
		}
	}
	return c
}

func write(out io.Writer, say <-chan string) {
	for text := range say {
		_, _ = io.WriteString(out, text)
	}
}

// listen moves the controller with each signal, and when the time for draining is over.
func (c *Controller) listen(cfg Config, signals <-chan os.Signal, done <-chan struct{}) {
	var over <-chan time.Time
	for {
		select {
		case <-done:
			return
		case <-over:
			c.mu.Lock()
			c.cancel(c.by, "the time for calls in flight is over")
			c.mu.Unlock()
		case sig := <-signals:
			if limit := c.signalled(cfg, sig); limit > 0 {
				timer := time.NewTimer(limit)
				defer timer.Stop() // once: only the first signal has a limit
				over = timer.C
			}
		}
	}
}

// signalled does what a signal says in the present state. It returns how long calls in flight have; zero: no limit.
func (c *Controller) signalled(cfg Config, sig os.Signal) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := signalName(sig)
	switch c.state {
	case None:
		limit := cfg.Drain
		if sig == os.Interrupt {
			limit = cfg.DrainInterrupt
		}
		limit = max(limit, 0)
		c.drain("signal "+name, name, limit)
		return limit
	case Draining:
		c.cancel("signal "+name, name)
	case Cancelling:
		c.state = Dead
		c.mu.Unlock() // Exit may ask the controller, and may not return
		defer c.mu.Lock()
		cfg.Exit(sig)
	}
	return 0
}

// signalName is the name that people know, the same on every system.
func signalName(sig os.Signal) string {
	switch sig {
	case os.Interrupt:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return sig.String()
}
