package controller

import (
	"io"
	"os"
	"sync"
	"time"
)

// State is how far a controller has gone. It only moves forward.
type State string

// The states.
const (
	None       State = "none"       // nobody asked for anything
	Draining   State = "draining"   // start nothing new, let calls in flight finish
	Cancelling State = "cancelling" // cancel calls in flight
	Dead       State = "dead"       // the process is being killed
)

// DefaultDrain is how long calls in flight may take after SIGTERM or SIGHUP. Supervisors commonly kill 30 s after
// SIGTERM (Kubernetes) or later (systemd: 90 s), so five seconds remain to record and close.
const DefaultDrain = 25 * time.Second

// Config is what [Notify] needs. The zero value works.
type Config struct {
	// Out gets a line about what happens at each step, and Resume. Errors of writing are ignored. Defaults to os.Stderr.
	Out io.Writer

	// Resume is the command by which a person goes on with the run. Defaults to none shown.
	Resume string

	// Drain is how long calls in flight may take after SIGTERM or SIGHUP before they are cancelled; negative is without a
	// limit. Defaults to [DefaultDrain].
	Drain time.Duration

	// DrainInterrupt is the same after SIGINT, where a person decides when to press again. Defaults to no limit.
	DrainInterrupt time.Duration

	// Exit is called with the third signal, on a goroutine of the controller, and should end the process. Defaults to
	// the signal's own effect: the process dies of it, as a shell or supervisor expects.
	Exit func(os.Signal)
}

// Controller tells a run to pause or to cancel. It is made by [New] or [Notify], and safe for concurrent use.
type Controller struct {
	say chan string // messages for Out; nil: nobody listens. Sent under mu, closed by Close; one goroutine receives

	// mu guards the fields below.
	mu     sync.Mutex
	state  State
	by     string
	reason string
	closed bool

	draining   chan struct{} // closed when the state reaches draining
	cancelling chan struct{} // closed when the state reaches cancelling

	resume string
	pipes  chan os.Signal // see keepPipes; nil: not of Notify. Never received from
	stop   func()         // of Notify: gives the signals back and waits for the goroutines
	once   sync.Once
}

// New makes a controller that listens to no signals: only Pause and Cancel move it.
func New() *Controller {
	return &Controller{state: None, draining: make(chan struct{}), cancelling: make(chan struct{})}
}

// Pause asks the run to drain: nothing new starts, calls in flight finish and are recorded. Only the first request counts.
func (c *Controller) Pause(reason string) { c.PauseBy("program", reason) }

// PauseBy is Pause with who asks, in words for people and for the run's record: "pause file", "dashboard".
func (c *Controller) PauseBy(by, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drain(by, reason, 0)
}

// Cancel asks the run to cancel calls in flight as well. It implies Pause; only the first request counts.
func (c *Controller) Cancel(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel("program", reason)
}

// Draining is closed when the run is to start nothing new.
func (c *Controller) Draining() <-chan struct{} { return c.draining }

// Canceling is closed when calls in flight are to be cancelled. Draining is closed before it.
func (c *Controller) Canceling() <-chan struct{} { return c.cancelling }

// State returns how far the controller has gone.
func (c *Controller) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Reason returns why the first request was made; empty when there was none.
func (c *Controller) Reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// By returns who made the first request: "signal SIGINT", "program" or what PauseBy was given; empty when there was none.
func (c *Controller) By() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by
}

// Close gives the signals back to whoever had them and returns when the controller's goroutines have ended and its lines
// are written. Pause and Cancel still work afterwards, silently. It may be called again; the error is always nil.
func (c *Controller) Close() error {
	c.once.Do(func() {
		if c.stop != nil {
			c.stop()
		}
	})
	return nil
}

// drain moves to draining and says so. limit is how long calls in flight have; zero: no limit. mu is held.
func (c *Controller) drain(by, reason string, limit time.Duration) bool {
	if c.state != None {
		return false
	}
	c.state, c.by, c.reason = Draining, by, reason
	c.keepPipes() // before anybody hears of it and writes about it
	close(c.draining)
	c.tell(drainText(by, reason, limit, c.resume))
	return true
}

// cancel moves to cancelling and says so. mu is held.
func (c *Controller) cancel(by, reason string) {
	if c.state == None {
		c.state, c.by, c.reason = Draining, by, reason
		c.keepPipes()
		close(c.draining)
	}
	if c.state != Draining {
		return
	}
	c.state = Cancelling
	close(c.cancelling)
	c.tell(cancelText(reason, c.resume))
}

// keepPipes keeps a broken pipe on stdout or stderr from killing the process while it drains: in "app | tee log" Ctrl+C ends
// tee too, and the next line would kill the app with its calls in flight. mu is held.
func (c *Controller) keepPipes() {
	if c.pipes != nil && !c.closed {
		catchPipes(c.pipes)
	}
}

// tell hands a message to the goroutine that writes: a terminal that is stopped must not stop the signals. mu is held.
func (c *Controller) tell(text string) {
	if c.say == nil || c.closed {
		return
	}
	select {
	case c.say <- text:
	default: // there is room for every message that can come
	}
}
