package progress

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// terminal is a model of one, as far as a display needs it: lines that scroll, a cursor, and lines that are broken up
// anew when the window changes, as today's terminals do. It panics at a sequence that it does not know.
type terminal struct {
	mu      sync.Mutex // guards everything
	columns int
	height  int
	lines   [][]cell // all there ever were
	soft    []bool   // of each line: the next one goes on with it, because it was too long
	row     int      // of the cursor, in lines
	col     int
	nowrap  bool
	pending []byte
	writes  int
}

type cell string // a character with its marks; "" is the second half of a wide one

func newTerminal(columns, height int) *terminal {
	return &terminal{columns: columns, height: height, lines: make([][]cell, 1), soft: make([]bool, 1)}
}

func (t *terminal) size() (int, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.columns, t.height
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes++
	in := append(t.pending, p...)
	for len(in) > 0 {
		if in[0] == 0x1b {
			n := t.sequence(in)
			if n == 0 {
				break
			}
			in = in[n:]
			continue
		}
		if !utf8.FullRune(in) {
			break
		}
		r, n := utf8.DecodeRune(in)
		t.put(r)
		in = in[n:]
	}
	t.pending = append([]byte(nil), in...)
	return len(p), nil
}

func (t *terminal) sequence(in []byte) int {
	for i := 2; i < len(in); i++ {
		if in[i] < 0x40 {
			continue
		}
		arg := string(in[2:i])
		n, _ := strconv.Atoi(arg)
		switch kind := in[i]; {
		case kind == 'A':
			t.row = max(t.top(), t.row-max(1, n))
		case kind == 'J' && arg == "":
			t.erase()
			for r := t.row + 1; r < len(t.lines); r++ {
				t.lines[r], t.soft[r] = nil, false
			}
		case kind == 'K' && arg == "":
			t.erase()
		case kind == 'm':
		case kind == 'l' && arg == "?7":
			t.nowrap = true
		case kind == 'h' && arg == "?7":
			t.nowrap = false
		default:
			panic("unknown sequence " + strconv.Quote(string(in[:i+1])))
		}
		return i + 1
	}
	return 0
}

// top is the first line of the window.
func (t *terminal) top() int { return max(0, len(t.lines)-t.height) }

func (t *terminal) erase() {
	t.lines[t.row] = t.lines[t.row][:min(t.col, len(t.lines[t.row]))]
	t.soft[t.row] = false
}

func (t *terminal) put(r rune) {
	w := runewidth.RuneWidth(r)
	switch {
	case r == '\n':
		t.down()
		t.col = 0 // as the terminal's driver has it
		return
	case r == '\r':
		t.col = 0
		return
	case r == '\t':
		t.col = min(t.columns-1, t.col/8*8+8)
		return
	case r < 0x20 || r == 0x7f:
		panic("control character " + strconv.QuoteRune(r))
	case w == 0:
		if line := t.lines[t.row]; t.col > 0 && t.col <= len(line) {
			line[t.col-1] += cell(r)
		}
		return
	}
	if t.col+w > t.columns {
		if t.nowrap {
			t.col = t.columns - w
		} else {
			t.soft[t.row] = true
			t.down()
			t.col = 0
		}
	}
	line := t.lines[t.row]
	for len(line) < t.col+w {
		line = append(line, " ")
	}
	line[t.col] = cell(r)
	if w == 2 {
		line[t.col+1] = ""
	}
	t.lines[t.row] = line
	t.col += w
}

func (t *terminal) down() {
	if t.row++; t.row == len(t.lines) {
		t.lines, t.soft = append(t.lines, nil), append(t.soft, false)
	}
}

// resize breaks all lines up anew, and keeps the cursor in its line.
func (t *terminal) resize(columns, height int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old, soft, row := t.lines, t.soft, t.row
	t.columns, t.height, t.lines, t.soft = columns, height, nil, nil
	var whole []cell
	for i, line := range old {
		whole = append(whole, line...)
		if soft[i] && i != row {
			continue
		}
		for len(whole) > columns {
			n := columns
			if whole[n] == "" {
				n-- // a wide character is not broken
			}
			t.lines, t.soft = append(t.lines, whole[:n:n]), append(t.soft, true)
			whole = whole[n:]
		}
		if i == row {
			t.row = len(t.lines)
		}
		t.lines, t.soft = append(t.lines, append([]cell(nil), whole...)), append(t.soft, false)
		whole = nil
	}
}

// text is everything on it, as whole lines, without blanks at their ends and lines below the last.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	line := ""
	for i := range t.lines {
		for _, c := range t.lines[i] {
			line += string(c)
		}
		if !t.soft[i] {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = ""
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (t *terminal) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}
