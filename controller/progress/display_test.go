package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// buffer is a file or a pipe.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func onTerminal(t *terminal, env map[string]string) environment {
	return environment{terminal: true, size: t.size, now: time.Now, getenv: func(name string) string { return env[name] }}
}

var utf = map[string]string{"LANG": "C.UTF-8", "TERM": "xterm-256color"}

func TestAnywhereElseEachEventIsALine(t *testing.T) {
	t.Parallel()
	var out buffer
	d := New(&out, Options{})
	past := func(e state.Event) {
		e.History = true
		d.Observe(e)
	}
	s := &story{tell: past, now: time.Now()}
	s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
	s.list("prose", 2)
	s.say(item("prose", 0), state.ItemStarted{})
	s.say(item("prose", 0), state.ItemCompleted{})
	s.tell = d.Observe
	s.say(state.Scope{}, state.SessionOpened{})
	s.say(item("prose", 1), state.ItemStarted{})
	fmt.Fprint(d.Writer(), "a log line\nand \x1b[31mhalf")
	fmt.Fprint(d.Writer(), " of one")
	s.say(item("prose", 1), state.ItemCompleted{})
	s.say(state.Scope{Step: "prose"}, state.StepCompleted{})
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	s.say(state.Scope{Step: "prose"}, state.StepStarted{})
	fmt.Fprint(d.Writer(), "after\n")
	require.Equal(t, `a log line
prose "1": done (2 of 2 items)
prose: completed (2 of 2 items)
and \x1b[31mhalf of one
after
`, out.String(), "the past is not told again, and counts go on from it")
}

func TestPlainLinesTellOnceAMinuteHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		d := open(&out, Options{}, environment{getenv: noEnv, now: time.Now})
		s := &story{tell: d.Observe, now: time.Now()}
		s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
		s.list("prose", 100)
		for i := range 20 {
			s.say(item("prose", i), state.ItemStarted{})
			time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock
			s.now = time.Now()
			s.say(item("prose", i), state.ItemCompleted{})
			synctest.Wait()
		}
		require.NoError(t, d.Close())
		require.Equal(t, 3, strings.Count(out.String(), "run: "), out.String())
		require.Contains(t, out.String(), "run: 6.0%, prose (6 of 100 items), ~16m left\n")
	})
}

func TestWhatKindOfDisplay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env   map[string]string
		o     Options
		live  bool
		style style
	}{
		"a terminal":      {env: utf, live: true, style: style{color: true, unicode: true}},
		"NO_COLOR":        {env: map[string]string{"LC_ALL": "de_DE.utf8", "NO_COLOR": "1"}, live: true, style: style{unicode: true}},
		"--no-color":      {env: utf, o: Options{NoColor: true}, live: true},
		"another charset": {env: map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, live: true, style: style{color: true}},
		"TERM=dumb":       {env: map[string]string{"TERM": "dumb", "LANG": "C.UTF-8"}},
		"CI":              {env: map[string]string{"CI": "true", "LANG": "C.UTF-8"}},
		"asked for lines": {env: utf, o: Options{Plain: true}},
	} {
		term := newTerminal(80, 24)
		d := open(term, c.o, onTerminal(term, c.env))
		require.Equal(t, c.live, d.bars != nil, name)
		require.Equal(t, c.style, d.style, name)
		require.NoError(t, d.Close())
	}
}

// TestOnATerminal: live lines, lines in between, folded steps, and nothing of it left but lines when it is closed.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(90, 24)
		d := open(term, Options{}, onTerminal(term, utf))
		tick := func(d time.Duration) {
			time.Sleep(d) //nolint:forbidigo // the bubble's clock
			synctest.Wait()
		}
		s := &story{tell: d.Observe, now: time.Now()}
		s.begin(state.StepDef{Name: "prose", Kind: state.KindEach}, state.StepDef{Name: "index", Kind: state.KindTask})
		s.list("prose", 4)
		for i := range 3 {
			s.say(item("prose", i), state.ItemStarted{})
			tick(5 * time.Second)
			s.now = time.Now()
			s.say(item("prose", i), state.ItemCompleted{})
		}
		fmt.Fprintln(d.Writer(), "a log line")
		tick(1200 * time.Millisecond)
		require.Equal(t, `a log line
prose    ━━━━━━━━━━━━━━━━━━━━━━━─────── 3/4 · 16s · ~5s left
37.5% · 16s · ~5s left, not counting index
`, term.text())
		s.now = time.Now()
		s.say(item("prose", 3), state.ItemFailed{Class: "unknown", Message: "boom"})
		s.say(state.Scope{Step: "prose"}, state.StepPartial{})
		s.say(state.Scope{Step: "index"}, state.StepStarted{})
		tick(1200 * time.Millisecond)
		term.resize(40, 24)
		tick(1200 * time.Millisecond)
		require.Equal(t, `a log line
prose "3": failed: unknown: boom (3 of 4 items, 1 failed)
! prose  incomplete · 3 of 4 items, 1 failed · 16s
index    2s
37.5% · time left not known: index
`, term.text())
		s.now = time.Now()
		s.say(state.Scope{}, state.RunStopped{Status: state.StatusPaused})
		fmt.Fprint(d.Writer(), "a last word")
		require.NoError(t, d.Close())
		fmt.Fprintln(d.Writer(), "and one after it")
		require.Equal(t, `a log line
prose "3": failed: unknown: boom (3 of 4 items, 1 failed)
! prose  incomplete · 3 of 4 items, 1 failed · 16s
- index  stopped · 2.4s
a last word
and one after it
`, term.text())
		require.False(t, term.nowrap)
	})
}

// TestDrawsTenTimesASecond: however much happens.
func TestDrawsTenTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		term := newTerminal(90, 24)
		d := open(term, Options{}, onTerminal(term, utf))
		s := &story{tell: d.Observe, now: time.Now()}
		s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
		s.list("prose", 100_000)
		for i := range 2000 {
			s.say(item("prose", i), state.ItemStarted{})
			s.say(item("prose", i), state.ItemCompleted{})
			fmt.Fprintln(d.Writer(), "a log line")
			time.Sleep(time.Millisecond) //nolint:forbidigo // the bubble's clock
		}
		require.InDelta(t, 20, term.count(), 3)
		require.NoError(t, d.Close())
		require.Equal(t, 2000, strings.Count(term.text(), "a log line\n"))
	})
}

// stuck takes nothing until it is let go, like a terminal after Ctrl+S.
type stuck struct {
	io.Writer
	free chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	<-s.free
	return s.Writer.Write(p)
}

// TestATerminalThatStandsStillHoldsUpNothing: neither the run nor its log; and what comes is kept within bounds.
func TestATerminalThatStandsStillHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{true, false} {
		term := newTerminal(90, 24)
		var out buffer
		w := stuck{&out, make(chan struct{})}
		env := onTerminal(term, utf)
		env.terminal = live
		d := open(w, Options{}, env)
		s := &story{tell: d.Observe, now: time.Now()}
		s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
		s.list("prose", 10)
		long := strings.Repeat("x", 1000) + "\n"
		for range 3000 {
			s.say(item("prose", 1), state.ItemStarted{})
			s.say(item("prose", 1), state.ItemFailed{Class: "unknown"})
			_, err := io.WriteString(d.Writer(), long)
			require.NoError(t, err)
		}
		d.mu.Lock()
		require.LessOrEqual(t, len(d.text), mostText)
		left := d.left
		d.mu.Unlock()
		require.Positive(t, left)
		close(w.free)
		require.NoError(t, d.Close())
		require.Contains(t, out.String(), "lines left out, because nothing was taken here")
	}
}

// gone is a terminal that is no more.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestATerminalThatIsGoneEndsNothing(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{true, false} {
		env := onTerminal(newTerminal(80, 24), utf)
		env.terminal = live
		d := open(gone{}, Options{}, env)
		s := &story{tell: d.Observe, now: time.Now()}
		s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
		s.list("prose", 10)
		fmt.Fprintln(d.Writer(), "a log line")
		require.NoError(t, d.Close())
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	term := newTerminal(80, 24)
	d := open(term, Options{}, onTerminal(term, utf))
	s := &story{tell: d.Observe, now: time.Now()}
	s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
	s.list("prose", 1000)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range 1000 {
			s.say(item("prose", i), state.ItemStarted{})
			s.say(item("prose", i), state.ItemCompleted{})
		}
	})
	for n := range 4 {
		all.Go(func() {
			for i := range 200 {
				fmt.Fprintf(d.Writer(), "line %d of %d\n", i, n)
			}
		})
	}
	for range 2 {
		all.Go(func() { require.NoError(t, d.Close()) })
	}
	all.Wait()
}

func BenchmarkObserve(b *testing.B) {
	for _, live := range []bool{true, false} {
		b.Run(fmt.Sprintf("terminal=%v", live), func(b *testing.B) {
			env := onTerminal(newTerminal(80, 24), utf)
			env.terminal = live
			d := open(io.Discard, Options{}, env)
			s := &story{tell: d.Observe, now: time.Now()}
			s.begin(state.StepDef{Name: "prose", Kind: state.KindEach})
			s.list("prose", 1000)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if at := item("prose", i/2%1000); i%2 == 0 {
					s.say(at, state.ItemStarted{})
				} else {
					s.say(at, state.ItemCompleted{})
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			require.NoError(b, d.Close())
		})
	}
}
