//go:build unix

package progress

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/dogear-go/dogear/state"
)

// TestInARealTerminal draws on a pseudo terminal of the system, which breaks lines itself and tells its size, and looks
// at what comes out at its other end.
func TestInARealTerminal(t *testing.T) {
	for name, value := range map[string]string{"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": "", "CI": "", "XTERM_VERSION": "", "STY": ""} {
		t.Setenv(name, value)
	}
	master, tty, err := pty.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(tty.Close(), master.Close())) }()
	screen := newTerminal(90, 24)
	resize := func(columns, height int) {
		require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: uint16(height), Cols: uint16(columns)}))
		screen.resize(columns, height)
	}
	resize(90, 24)
	before, err := term.GetState(int(tty.Fd()))
	require.NoError(t, err)
	var raw buffer
	go func() { _, _ = io.Copy(io.MultiWriter(screen, &raw), master) }() // ends when the terminal is closed
	shows := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(screen.text(), text) }, 10*time.Second, 10*time.Millisecond, "%s", text)
	}

	d := New(tty, Options{})
	require.NotNil(t, d.bars)
	s := &story{tell: d.Observe, now: time.Now()}
	s.begin(state.StepDef{Name: "夜の物語", Kind: state.KindEach}, state.StepDef{Name: "index", Kind: state.KindTask})
	s.list("夜の物語", 4)
	s.say(item("夜の物語", 0), state.ItemStarted{})
	shows("夜の物語 ────────────────────────────── 0/4")
	fmt.Fprintln(d.Writer(), "a log line with \x1b[2Jsomething in it, and long enough for the terminal to break it up in two lines")
	s.say(item("夜の物語", 0), state.ItemCompleted{})
	shows("夜の物語 ━━━━━━━━")
	resize(40, 24)
	s.say(item("夜の物語", 1), state.ItemStarted{})
	s.say(item("夜の物語", 1), state.ItemCompleted{})
	shows("2/4")
	_, err = io.WriteString(master, "\x03") // what the terminal echoes of a Ctrl+C, in the line of the cursor
	require.NoError(t, err)
	shows("^C")
	for i := range 2 {
		s.say(item("夜の物語", 2+i), state.ItemStarted{})
		s.say(item("夜の物語", 2+i), state.ItemCompleted{})
	}
	s.say(state.Scope{Step: "夜の物語"}, state.StepCompleted{})
	shows("✓ 夜の物語  4 of 4 items")
	resize(120, 30)
	require.NoError(t, d.Close())
	fmt.Fprintln(d.Writer(), "the end")
	shows("the end")
	text := screen.text()
	require.Regexp(t, `^a log line with \\x1b\[2Jsomething in it, and long enough for the terminal to break it up in two lines
✓ 夜の物語  4 of 4 items · \d\.\ds
the end
$`, text)
	after, err := term.GetState(int(tty.Fd()))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NotContains(t, raw.String(), "\x1b[?25l", "the cursor is never hidden: who kills the process finds it")
	require.Equal(t, strings.Count(raw.String(), wrapOff), strings.Count(raw.String(), wrapOn))
}
