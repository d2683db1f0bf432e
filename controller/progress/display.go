package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/dogear-go/dogear/state"
)

// Options of [New]. The zero value draws on a terminal and prints lines anywhere else.
type Options struct {
	// NoColor uses neither colour nor characters beyond ASCII of its own. Defaults to what the terminal has; NO_COLOR in
	// the environment takes the colour alone away.
	NoColor bool

	// Plain prints lines on a terminal too, as does TERM=dumb or CI in the environment. Defaults to drawing.
	Plain bool

	// Summary is how often plain lines tell how far the whole run is, while something happens; negative is never.
	// Defaults to a minute.
	Summary time.Duration
}

// every is how often is drawn at most.
const every = 100 * time.Millisecond

// mostText is how many bytes of lines are kept for a terminal that takes none. What comes then is counted and left out:
// the run goes on.
const mostText = 1 << 20

// Display shows one run. Its methods are safe for concurrent use, and none but Close ever waits for w.
type Display struct {
	w       io.Writer
	now     func() time.Time
	size    func() (columns, height int)
	style   style
	summary time.Duration
	screen  *screen // nil: plain lines
	bars    *bars   // nil: plain lines

	mu     sync.Mutex // guards the fields below
	board  *board
	text   []byte    // whole lines to be printed
	left   int       // lines that were left out
	rest   []byte    // a line that Writer has not been given the end of
	told   time.Time // of the last summary
	closed bool

	wake  chan struct{} // capacity 1; sent by whoever adds to text, received by the painter
	stop  chan struct{} // closed by Close
	ended chan struct{} // closed by the painter when it ends
	resumed
}

// environment is what a display finds where it runs.
type environment struct {
	terminal bool
	signals  bool // listen to those of the process
	getenv   func(string) string
	size     func() (columns, height int)
	now      func() time.Time
}

// New makes a display that shows a run on w. Close must be called.
func New(w io.Writer, o Options) *Display {
	env := environment{signals: true, getenv: os.Getenv, now: time.Now}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		env.terminal = prepare(f)
		env.size = func() (int, int) {
			columns, height, err := term.GetSize(int(f.Fd()))
			if err != nil || columns <= 0 || height <= 0 {
				return 80, 24 // some terminals don't know
			}
			return columns, height
		}
	}
	return open(w, o, env)
}

func open(w io.Writer, o Options, env environment) *Display {
	d := &Display{
		w: w, now: env.now, size: env.size, summary: o.Summary, board: newBoard(),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	if d.summary == 0 {
		d.summary = time.Minute
	}
	if env.terminal && !o.Plain && draws(env.getenv) {
		d.style = styleOf(o.NoColor, env.getenv)
		d.screen = newScreen(w, env.size, env.getenv)
		d.bars = newBars(d.screen, d.style)
		if env.signals {
			d.listen(func() { d.screen.forget.Store(true) })
		}
		go d.paint()
	} else {
		go d.print()
	}
	return d
}

// Observe is told of an event; it is a [state.Observer].
func (d *Display) Observe(e state.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	stopped := []string(nil)
	if _, ok := e.Data.(state.RunStopped); ok && d.bars != nil {
		for _, s := range d.board.running() {
			at := e
			at.Step = s.Name
			stopped = append(stopped, d.fold(at, d.board.started[s.Name]))
		}
	}
	d.board.apply(e)
	if e.History {
		return
	}
	for _, line := range stopped {
		d.line(line)
	}
	d.line(d.tell(e))
}

// tell is the line for an event: on a terminal only what should stay on the screen.
func (d *Display) tell(e state.Event) string {
	if d.bars == nil {
		return describe(&d.board.st, e)
	}
	switch e.Data.(type) {
	case state.StepCompleted, state.StepPartial, state.StepFailed:
		return d.fold(e, d.board.ended)
	case state.ItemFailed, state.RunWarning, state.JournalMark, state.ProviderState, state.GateOpened:
		return describe(&d.board.st, e)
	}
	return ""
}

// fold is the line that a step leaves behind.
func (d *Display) fold(e state.Event, began time.Time) string {
	parts := d.board.folded(e)
	if !began.IsZero() {
		parts = append(parts, took(e.Time.Sub(began)))
	}
	head := map[state.Type]string{
		state.TypeStepCompleted: "✓ ", state.TypeStepFailed: "✗ ", state.TypeStepPartial: "! ", state.TypeRunStopped: "- ",
	}[e.Type]
	if !d.style.unicode {
		head = map[state.Type]string{state.TypeStepCompleted: "done: "}[e.Type]
	}
	return head + oneLine(e.Step) + strings.Repeat(" ", 2) + strings.Join(parts, d.style.between())
}

// line adds a line. mu is held.
func (d *Display) line(text string) {
	if text == "" {
		return
	}
	d.add([]byte(strings.ReplaceAll(state.Printable(text), "\n", " ") + "\n"))
}

// add adds whole lines. mu is held.
func (d *Display) add(lines []byte) {
	if len(d.text) > 0 && len(d.text)+len(lines) > mostText {
		d.left += bytes.Count(lines, []byte{'\n'})
		return
	}
	d.text = append(d.text, lines...)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be printed. mu is held.
func (d *Display) take() []byte {
	text := d.text
	d.text = nil
	if d.left > 0 {
		text = fmt.Appendf(text, "%s left out, because nothing was taken here\n", plural(d.left, "line"))
		d.left = 0
	}
	return text
}

// Writer returns where everything else goes that is printed while the run goes on: its lines stand above the live ones.
// Control characters in them are shown, not obeyed. A line is printed when it is whole, or when the display is closed.
// After that it writes to w itself.
func (d *Display) Writer() io.Writer { return (*writer)(d) }

type writer Display

// Write takes lines, or parts of them.
func (w *writer) Write(p []byte) (int, error) {
	d := (*Display)(w)
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		<-d.ended // what came before it is printed before it
		return d.w.Write(p)
	}
	defer d.mu.Unlock()
	d.rest = append(d.rest, p...)
	if end := bytes.LastIndexByte(d.rest, '\n') + 1; end > 0 {
		d.add([]byte(state.Printable(string(d.rest[:end]))))
		d.rest = append([]byte(nil), d.rest[end:]...)
	} else if len(d.rest) > mostText {
		d.add([]byte(state.Printable(string(d.rest)) + "\n"))
		d.rest = nil
	}
	return len(p), nil
}

// Close prints what is left, takes the live lines away, and returns when w has taken that. It may be called again.
func (d *Display) Close() error {
	d.mu.Lock()
	if !d.closed {
		if len(d.rest) > 0 {
			d.add([]byte(state.Printable(string(d.rest)) + "\n"))
		}
		d.closed = true
		close(d.stop)
	}
	d.mu.Unlock()
	<-d.ended
	return nil
}

// paint draws until the display is closed.
func (d *Display) paint() {
	defer close(d.ended)
	defer d.unlisten()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var second time.Time
	for {
		select {
		case <-tick.C:
		case <-d.stop:
			d.mu.Lock()
			text := d.take()
			d.mu.Unlock()
			d.bars.close(text)
			return
		}
		columns, height := d.screen.room()
		now := d.now()
		d.mu.Lock()
		text := d.take()
		fresh := d.board.changed || len(text) > 0 || now.Sub(second) >= time.Second || d.screen.stale(columns)
		var rows []row
		if fresh {
			rows = d.board.frame(now, columns, height, d.style)
			d.board.changed = false
		}
		d.mu.Unlock()
		if fresh {
			second = now
			d.bars.paint(text, rows)
		}
	}
}

// print prints plain lines until the display is closed.
func (d *Display) print() {
	defer close(d.ended)
	for open := true; open; {
		select {
		case <-d.wake:
		case <-d.stop:
			open = false
		}
		d.mu.Lock()
		if open {
			d.summarise()
		}
		text := d.take()
		d.mu.Unlock()
		if len(text) > 0 {
			_, _ = d.w.Write(text) // nobody can be told, and the run goes on
		}
	}
}

// summarise adds a line on the whole run when the last one is long ago. mu is held.
func (d *Display) summarise() {
	now := d.now()
	if d.told.IsZero() {
		d.told = now
	}
	if d.summary < 0 || now.Sub(d.told) < d.summary || !d.board.live || d.board.st.Status != state.StatusOpen {
		return
	}
	d.told = now
	d.line(d.board.summary(now))
}
