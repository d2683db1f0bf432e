package progress

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// story is the events of a run, told by hand.
type story struct {
	tell func(state.Event)
	now  time.Time
	seq  uint64
}

func (s *story) say(at state.Scope, data state.Payload) {
	s.seq++
	e := state.New(at, data)
	e.Seq, e.Time, e.Epoch, e.Attempt = s.seq, s.now, 1, 1
	s.tell(e)
}

func (s *story) later(d time.Duration) { s.now = s.now.Add(d) }

func (s *story) begin(steps ...state.StepDef) {
	s.say(state.Scope{}, state.RunCreated{Steps: steps})
	s.say(state.Scope{}, state.SessionOpened{Concurrency: 2})
}

func (s *story) list(step string, n int) {
	items := state.StepItems{Total: n}
	for i := range n {
		items.Items = append(items.Items, state.ItemDef{Key: fmt.Sprint(i)})
	}
	s.say(state.Scope{Step: step}, items)
	s.say(state.Scope{Step: step}, state.StepStarted{})
}

func item(step string, i int) state.Scope { return state.Scope{Step: step, Item: fmt.Sprint(i)} }

var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func priced(micro int64) *int64 { return &micro }

// book is a run in the middle of its work.
func book(tell func(state.Event), name string) *story {
	s := &story{tell: tell, now: midnight}
	s.begin(state.StepDef{Name: name, Kind: state.KindEach}, state.StepDef{Name: "index", Kind: state.KindTask})
	s.list(name, 30)
	for i := range 12 {
		s.say(item(name, i), state.ItemStarted{})
		s.say(item(name, i), state.CallSent{Call: fmt.Sprint(i), Try: 1, Provider: "groq", Model: "m"})
		s.later(10 * time.Second)
		answer := state.CallAnswered{Call: fmt.Sprint(i), Try: 1, Provider: "groq", Model: "m", Answer: []byte(`"x"`),
			Usage: state.Usage{Input: 1000, Output: 400}, Cost: priced(25_000)}
		if i == 3 {
			answer.Cost = nil
		}
		s.say(item(name, i), answer)
		if i == 5 {
			s.say(item(name, i), state.ItemFailed{Class: "unknown", Message: "boom"})
		} else {
			s.say(item(name, i), state.ItemCompleted{})
		}
	}
	s.say(item(name, 12), state.ItemStarted{})
	s.say(item(name, 12), state.CallSent{Call: "a", Try: 1, Provider: "groq", Model: "m"})
	s.say(item(name, 13), state.ItemStarted{})
	s.say(item(name, 13), state.Waiting{Why: "rate limit", Provider: "groq", ForMS: 34_000, Until: s.now.Add(34 * time.Second)})
	return s
}

// draw is a frame as a terminal shows it.
func draw(b *board, now time.Time, columns, height int, st style) string {
	term := newTerminal(columns, height)
	screen := newScreen(term, term.size, noEnv)
	bars := newBars(screen, st)
	columns, height = screen.room()
	bars.paint(nil, b.frame(now, columns, height, st))
	text := term.text()
	bars.close(nil)
	return text
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestFrames compares what terminals of many kinds show with testdata/frames.txt.
func TestFrames(t *testing.T) {
	t.Parallel()
	fancy := style{unicode: true}
	var all strings.Builder
	for _, c := range []struct {
		what            string
		name            string
		columns, height int
		style           style
		more            func(*story)
	}{
		{"wide", "prose", 100, 24, fancy, nil},
		{"ASCII", "prose", 100, 24, style{}, nil},
		{"narrow", "prose", 60, 24, fancy, nil},
		{"narrower", "prose", 40, 24, fancy, nil},
		{"as narrow as can be", "prose", 20, 24, fancy, nil},
		{"narrower than that", "prose", 5, 24, fancy, nil},
		{"wide characters", "夜の物語とその続き", 40, 24, fancy, nil},
		{"combining characters and emoji", "e\u0301te\u0301 👩\u200d👩\u200d👧", 60, 24, fancy, nil},
		{"control characters", "a\x1b[31m\nb\u202e", 60, 24, fancy, nil},
		{"low", "prose", 60, 3, fancy, nil},
		{"pausing", "prose", 100, 24, fancy, func(s *story) { s.say(state.Scope{}, state.PauseRequested{By: "test"}) }},
		{"a budget, and a failure", "prose", 100, 24, fancy, func(s *story) {
			s.say(state.Scope{}, state.RunBudget{Limit: 5_000_000})
			s.later(12 * time.Second)
			s.say(item("prose", 12), state.CallFailed{Call: "a", Try: 1, Provider: "groq", Class: "server", Message: "down", Next: state.NextSwitch})
		}},
		{"a step without items", "prose", 80, 24, fancy, func(s *story) {
			s.say(state.Scope{Step: "prose"}, state.StepPartial{})
			s.say(state.Scope{Step: "index"}, state.StepStarted{})
			s.later(3 * time.Second)
			s.say(state.Scope{Step: "index"}, state.CallAnswered{Call: "i", Try: 1, Answer: []byte(`"x"`)})
			s.later(40 * time.Second)
		}},
		{"a gate", "prose", 80, 24, fancy, func(s *story) { s.say(state.Scope{Step: "index"}, state.GateOpened{Shown: "x"}) }},
		{"stopped", "prose", 80, 24, fancy, func(s *story) { s.say(state.Scope{}, state.RunStopped{Status: state.StatusPaused}) }},
	} {
		b := newBoard()
		s := book(b.apply, c.name)
		if c.more != nil {
			c.more(s)
		}
		got := draw(b, s.now, c.columns, c.height, c.style)
		for line := range strings.Lines(got) {
			require.Less(t, width(strings.TrimSuffix(line, "\n")), c.columns)
		}
		fmt.Fprintf(&all, "--- %s, %d x %d\n%s", c.what, c.columns, c.height, got)
	}
	const golden = "testdata/frames.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(all.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), all.String())
}

func TestManyStepsFitIntoAWindow(t *testing.T) {
	t.Parallel()
	b := newBoard()
	s := &story{tell: b.apply, now: midnight}
	defs := []state.StepDef{{Name: "all", Kind: state.KindParallel}}
	for i := range 20 {
		defs = append(defs, state.StepDef{Name: fmt.Sprint("child", i), Kind: state.KindEach, Parent: "all"})
	}
	s.begin(defs...)
	for _, d := range defs[1:] {
		s.list(d.Name, 3)
	}
	text := draw(b, s.now, 60, 8, style{})
	require.Equal(t, 7, strings.Count(text, "\n"), text)
	require.Contains(t, text, "and 15 more steps\n0.0%")
	require.Empty(t, b.frame(s.now, 0, 0, style{}))
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for micro, want := range map[int64]string{0: "$0.0000", 12_345: "$0.0123", 999_999: "$0.9999", 1_200_000: "$1.20", 12_345_678_900: "$12345.67"} {
		require.Equal(t, want, money(micro))
	}
	require.Empty(t, costs(state.Totals{}, 0))
	require.Equal(t, "3 unpriced", costs(state.Totals{Unpriced: 3}, 0))
	require.Equal(t, "$0.0123 + 3 unpriced", costs(state.Totals{Cost: 12_345, Unpriced: 3}, 0))
	require.Equal(t, "$1.20 of $5.00", costs(state.Totals{Cost: 1_200_000}, 5_000_000))
	for d, want := range map[time.Duration]string{-1: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 3 * time.Hour: "3h00m", 100 * time.Hour: "4d04h"} {
		require.Equal(t, want, spell(d))
	}
	for d, want := range map[time.Duration]string{time.Millisecond: "<1s left", 7 * time.Second: "~7s left", 63 * time.Second: "~1m05s left", 44 * time.Minute: "~44m left", 90 * time.Minute: "~1h30m left"} {
		require.Equal(t, want, rough(d))
	}
	require.Equal(t, "~7s left, not counting a, b, 2 more", leftOf(estimate.Left{Duration: 7 * time.Second, Known: true, Unknown: []string{"a", "b", "c", "d"}}))
	require.Equal(t, "time left not known: a", leftOf(estimate.Left{Unknown: []string{"a"}}))
	require.Equal(t, "900 tok", tokens(state.Usage{Input: 900}))
	require.Equal(t, "1.5M tok", tokens(state.Usage{Input: 1_500_000}))
}
