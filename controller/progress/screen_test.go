package progress

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state/storetest/sizes"
)

func noEnv(string) string { return "" }

// TestRowsLeaveNothingBehind: whatever is printed above, and however the window changes, the screen shows the lines
// above, whole and in order, and the last rows, once.
func TestRowsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	seed := sizes.Seed()
	words := []string{"prose", "夜の物語", "e\u0301te\u0301", "👩‍👩‍👧 family", "━━━━━━━─────", "12/30", "~3m left", "$0.0123"}
	for run := range uint64(sizes.Get().Screens) {
		r := rand.New(rand.NewPCG(seed, run))
		term := newTerminal(30+r.IntN(80), 16+r.IntN(10))
		s := newScreen(term, term.size, noEnv)
		b := newBars(s, style{color: r.IntN(2) == 0, unicode: true})
		var above, rows []string
		for range 30 {
			if r.IntN(3) == 0 {
				term.resize(30+r.IntN(90), 16+r.IntN(10)) // what has scrolled out of a window can't be taken back
			}
			var text strings.Builder
			for range r.IntN(3) {
				line := fmt.Sprintf("line %d %s", len(above), strings.Repeat(words[r.IntN(len(words))]+" ", r.IntN(12)))
				above = append(above, strings.TrimRight(line, " "))
				text.WriteString(line + "\n")
			}
			columns, _ := s.room()
			rows = nil
			var frame []row
			for range r.IntN(4) {
				text := cut(strings.TrimRight(strings.Repeat(words[r.IntN(len(words))]+" ", 1+r.IntN(20)), " "), columns, "…")
				text = strings.TrimRight(text, " ")
				rows = append(rows, text)
				frame = append(frame, row{left: text, leftInk: bold})
			}
			b.paint([]byte(text.String()), frame)
			want := strings.TrimRight(strings.Join(append(append([]string{}, above...), rows...), "\n"), "\n") + "\n"
			require.Equal(t, want, term.text(), "%s=%d, run %d", sizes.SeedVariable, seed, run)
		}
		b.close(nil)
		require.Equal(t, strings.TrimRight(strings.Join(above, "\n"), "\n")+"\n", term.text())
	}
}

func TestTheSameFrameIsNotDrawnTwice(t *testing.T) {
	t.Parallel()
	term := newTerminal(80, 24)
	b := newBars(newScreen(term, term.size, noEnv), style{})
	for range 3 {
		b.paint(nil, []row{{left: "prose"}})
	}
	require.Equal(t, 1, term.count())
	b.screen.forget.Store(true)
	_, _ = term.Write([]byte("$ fg\n")) // what the shell printed stays
	b.paint(nil, []row{{left: "prose"}})
	require.Equal(t, "prose\n$ fg\nprose\n", term.text())
	b.close(nil)
}

// TestATerminalThatCutsLosesNoLineAbove: there the rows do not take more lines when the window becomes narrower.
func TestATerminalThatCutsLosesNoLineAbove(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{{"XTERM_VERSION": "XTerm(390)"}, {"TERM": "linux"}, {"STY": "1.pts"}} {
		s := newScreen(newTerminal(80, 24), func() (int, int) { return 20, 24 }, func(name string) string { return env[name] })
		s.shown, s.columns = []string{strings.Repeat("x", 70)}, 80
		require.Equal(t, 1, s.height(20))
	}
	s := newScreen(newTerminal(80, 24), func() (int, int) { return 20, 24 }, noEnv)
	s.shown, s.columns = []string{strings.Repeat("x", 70), "\x1b[1mshort\x1b[0m"}, 80
	require.Equal(t, 5, s.height(20))
}
