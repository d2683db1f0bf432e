package progress

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/mattn/go-runewidth"
)

// The terminal's control sequences (ECMA-48, and DECAWM of the VT100).
const (
	clearBelow = "\x1b[J"
	clearLine  = "\x1b[K"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

// screen is the console that the bars are drawn on: lines that scroll away above, and below them rows that are drawn
// again and again. It is an mpb.ConsoleWriter of its own because the usual one counts its rows wrong once the window
// has become narrower and the terminal has broken them up, and then leaves their remains behind.
//
// Everything of one frame is one write. The cursor stays in the line below the rows, so whatever else is printed (the
// ^C of the terminal, a panic) comes there.
type screen struct {
	out    io.Writer
	size   func() (columns, height int)
	breaks bool // the terminal breaks up lines that have become too long; else it cuts them

	above   bytes.Buffer // lines to be printed above the rows
	rows    []string     // of the frame that is being made
	shown   []string     // of the last one
	columns int          // of the window when they were drawn

	forget atomic.Bool   // somebody else has printed: the rows are drawn anew below it
	drawn  chan struct{} // one value for each frame, unless one is there already
	err    error         // of the last write; what can't be shown is lost, and the run goes on
}

func newScreen(out io.Writer, size func() (int, int), getenv func(string) string) *screen {
	// xterm, the Linux console and GNU screen cut; the others of today break.
	cuts := getenv("XTERM_VERSION") != "" || getenv("TERM") == "linux" || getenv("STY") != ""
	return &screen{out: out, size: size, breaks: !cuts, drawn: make(chan struct{}, 1)}
}

// IsTerminal is part of mpb.ConsoleWriter.
func (s *screen) IsTerminal() bool { return true }

// GetTermSize is the room for rows: the last line is the cursor's, and the last column stays free, where terminals
// differ in when they break a line.
func (s *screen) GetTermSize() (columns, height int, err error) {
	columns, height = s.room()
	return columns, height, nil
}

func (s *screen) room() (columns, height int) {
	columns, height = s.size()
	return max(1, columns-1), max(1, height-1)
}

// Write takes lines that are to stand above the rows.
func (s *screen) Write(p []byte) (int, error) { return s.above.Write(p) }

// ReadFrom takes one row; an empty one is left out.
func (s *screen) ReadFrom(r io.Reader) (int64, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	text := strings.TrimRight(string(raw), " \n")
	if text == "" {
		return 0, nil
	}
	s.rows = append(s.rows, text)
	return int64(len(raw)), nil
}

// Flush draws the frame. It counts the rows itself.
func (s *screen) Flush(int) error {
	s.draw()
	select {
	case s.drawn <- struct{}{}:
	default:
	}
	return nil // mpb would stop
}

func (s *screen) draw() {
	columns, _ := s.size()
	var b strings.Builder
	if s.forget.Swap(false) {
		s.shown = nil
		b.WriteString("\r" + clearLine)
	}
	if s.above.Len() == 0 && b.Len() == 0 && columns == s.columns && slices.Equal(s.rows, s.shown) {
		s.rows = s.rows[:0]
		return
	}
	b.WriteString("\r")
	if up := s.height(columns); up > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(up) + "A")
	}
	if s.above.Len() > 0 || columns != s.columns {
		b.WriteString(clearBelow)
	}
	_, _ = s.above.WriteTo(&b) // a Builder takes everything
	b.WriteString(wrapOff)
	for _, row := range s.rows {
		b.WriteString(clearLine + row + "\n")
	}
	b.WriteString(wrapOn + clearBelow)
	if _, err := io.WriteString(s.out, b.String()); err != nil {
		s.err = err
	}
	s.shown, s.rows, s.columns = s.rows, s.shown[:0], columns
}

// stale says that the rows must be drawn anew, whether they change or not. It is asked between two frames.
func (s *screen) stale(columns int) bool {
	return s.forget.Load() || columns != max(1, s.columns-1)
}

// height is how many lines of the window the rows take now, which may have become narrower.
func (s *screen) height(columns int) int {
	if !s.breaks || columns >= s.columns || columns <= 0 {
		return len(s.shown)
	}
	n := 0
	for _, row := range s.shown {
		n += broken(bare(row), columns)
	}
	return n
}

// broken is how many lines a text takes when it is broken up: a wide character is not.
func broken(text string, columns int) int {
	n, col := 1, 0
	for _, r := range text {
		w := runewidth.RuneWidth(r)
		if col+w > columns {
			n, col = n+1, 0
		}
		col += w
	}
	return n
}

// bare is a row without its colours. Nothing else of the kind is in it.
func bare(row string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(row, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, row, _ = strings.Cut(after, "m")
	}
}
