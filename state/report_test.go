package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

var reportSteps = []StepDef{
	{Name: "story_planning", Kind: KindTask}, {Name: "character_creation", Kind: KindTask},
	{Name: "location_creation", Kind: KindTask}, {Name: "chapter_outlining", Kind: KindTask},
	{Name: "scene_structuring", Kind: KindTask}, {Name: "prose_writing", Kind: KindEach},
	{Name: "editorial_refinement", Kind: KindEach}, {Name: "rag_sync", Kind: KindEach, Optional: true},
}

// reportState folds the events into a run of eight steps; a minute lies between one event and the next.
func reportState(t *testing.T, events ...Event) *WorkflowState {
	t.Helper()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	first := []Event{
		New(Scope{}, RunCreated{Format: Format, RunID: "r", Name: "Ten_Chapter_Novel", Pipeline: "novel", Steps: reportSteps}),
		New(Scope{}, SessionOpened{PID: 1, Host: "h"}),
	}
	st := &WorkflowState{}
	for i, e := range append(first, events...) {
		e.Seq, e.Epoch, e.Time = uint64(i+1), 1, start.Add(time.Duration(i)*time.Minute)
		require.NoError(t, st.Apply(e))
	}
	return st
}

func taskDone(steps ...string) []Event {
	var events []Event
	for _, step := range steps {
		at := Scope{Step: step}
		events = append(events, New(at, StepStarted{}), New(at, StepCompleted{Result: json.RawMessage(`"x"`), Hash: "00"}))
	}
	return events
}

func answered(at Scope, id, provider string) []Event {
	return []Event{
		New(at, CallSent{Call: id, Try: 1, Provider: provider, Model: "m", Hash: "h"}),
		New(at, CallAnswered{Call: id, Try: 1, Provider: provider, Model: "m", Hash: "h", Answer: json.RawMessage(`"secret text"`),
			Usage: Usage{Input: 1200, Output: 34567}}),
	}
}

func TestWriteStatusOfARunInTheMiddle(t *testing.T) {
	events := taskDone("story_planning", "character_creation", "location_creation")
	events = append(events, answered(Scope{Step: "location_creation"}, "c1", "groq")...)
	events = append(events, answered(Scope{Step: "location_creation"}, "c2", "anthropic")...)
	st := reportState(t, append(events, New(Scope{}, RunStopped{Status: StatusPaused, Reason: "interrupt"}))...)

	var b bytes.Buffer
	require.NoError(t, WriteStatus(&b, st))
	golden(t, "status_paused.txt", b.String())

	b.Reset()
	require.NoError(t, StatusStyle{Emoji: true, Color: true}.WriteStatus(&b, st))
	golden(t, "status_emoji.txt", b.String())
}

func TestWriteStatusOfAPartialRun(t *testing.T) {
	prose := Scope{Step: "prose_writing"}
	item := Scope{Step: "prose_writing", Item: "3/2"}
	events := taskDone("story_planning", "character_creation", "location_creation", "chapter_outlining", "scene_structuring")
	events = append(events,
		New(prose, StepStarted{}),
		New(prose, StepItems{Total: 3, Items: []ItemDef{{Key: "1/1", Hash: "a"}, {Key: "3/2", Hash: "b"}, {Key: "3/3", Hash: "c"}}}))
	events = append(events, answered(Scope{Step: "prose_writing", Item: "1/1"}, "c1", "groq")...)
	failed := New(item, CallFailed{Call: "c2", Try: 1, Provider: "groq", Class: "empty_response", Message: "\x1b[31mnothing\ncame back", Next: NextSwitch})
	failed.Attempt = 2
	events = append(events,
		New(Scope{Step: "prose_writing", Item: "1/1"}, ItemCompleted{Result: json.RawMessage(`"text"`), Hash: "00"}),
		New(item, CallSent{Call: "c2", Try: 1, Provider: "groq", Hash: "h"}), failed,
		New(item, ItemFailed{Class: "empty_response", Provider: "groq", Message: "all providers failed", Attempts: 2}),
		New(prose, StepPartial{Done: 1, Failed: 1}),
		New(Scope{}, RunWarning{Code: "unknown_name", Message: "the plan knows no \"Bob\""}),
		New(Scope{}, RunStopped{Status: StatusPartial, Reason: "1 of 3 items failed", Hint: "novel retry"}))

	var b bytes.Buffer
	require.NoError(t, WriteStatus(&b, reportState(t, events...)))
	golden(t, "status_partial.txt", b.String())
	require.NotContains(t, b.String(), "\x1b", "an escape of a provider's message must not reach the terminal")
	require.NotContains(t, b.String(), "secret text")
}

func TestWriteStatusReportsAFailingWriter(t *testing.T) {
	require.Error(t, WriteStatus(brokenWriter{}, reportState(t)))
	require.NoError(t, WriteStatus(&bytes.Buffer{}, &WorkflowState{}))
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"plain\n\ttext, é 日本", "plain\n\ttext, é 日本"},
		{"\x1b]0;owned\a", `\x1b]0;owned\a`},
		{"a\rb\x00", `a\rb\x00`},
		{"\u202egnp.exe", `\u202egnp.exe`},
		{"\u009b31m", `\u009b31m`},
		{"\x7f", `\x7f`},
		{"bad\xff", "bad\ufffd"},
		{"a\u2028b", `a\u2028b`},
	} {
		require.Equal(t, c.want, Printable(c.in), "%q", c.in)
	}
}

func TestStyleOf(t *testing.T) {
	t.Parallel()
	full := StatusStyle{Emoji: true, Color: true}
	for name, c := range map[string]struct {
		terminal bool
		goos     string
		env      map[string]string
		want     StatusStyle
	}{
		"pipe":             {false, "linux", map[string]string{"LANG": "en_US.UTF-8"}, StatusStyle{}},
		"terminal":         {true, "linux", map[string]string{"LANG": "en_US.UTF-8"}, full},
		"no colour":        {true, "linux", map[string]string{"LANG": "en_US.UTF-8", "NO_COLOR": "1"}, StatusStyle{}},
		"dumb":             {true, "linux", map[string]string{"LANG": "en_US.UTF-8", "TERM": "dumb"}, StatusStyle{}},
		"no UTF-8":         {true, "linux", map[string]string{"LANG": "C"}, StatusStyle{}},
		"no locale":        {true, "linux", nil, StatusStyle{}},
		"LC_ALL wins":      {true, "linux", map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, StatusStyle{}},
		"LC_CTYPE":         {true, "darwin", map[string]string{"LC_CTYPE": "UTF-8"}, full},
		"Windows, old":     {true, "windows", nil, StatusStyle{}},
		"Windows Terminal": {true, "windows", map[string]string{"WT_SESSION": "x"}, full},
	} {
		require.Equal(t, c.want, styleOf(c.terminal, c.goos, func(k string) string { return c.env[k] }), name)
	}
	require.Zero(t, StyleOf(&bytes.Buffer{}))
}

func TestWriteStatusSaysWhatIsWaitedForOnlyWhileItMatters(t *testing.T) {
	excluded := New(Scope{}, ProviderState{Provider: "groq", State: ProviderExcluded, Class: "auth"})
	for status, shown := range map[Status]bool{StatusPaused: true, StatusFailed: false, StatusPartial: false} {
		var b bytes.Buffer
		require.NoError(t, WriteStatus(&b, reportState(t, excluded, New(Scope{}, RunStopped{Status: status}))))
		require.Equal(t, shown, bytes.Contains(b.Bytes(), []byte("groq is excluded (auth)")), status)
	}
	var b bytes.Buffer
	st := reportState(t, excluded)
	st.Status = StatusRunning // as read while somebody works on it
	require.NoError(t, WriteStatus(&b, st))
	require.Contains(t, b.String(), "groq is excluded (auth)")
}

func TestDollars(t *testing.T) {
	t.Parallel()
	for micro, want := range map[int64]string{
		0: "$0.00", 1: "$0.000001", 99: "$0.000099", 100: "$0.0001", 12_345: "$0.0123", 10_000: "$0.01", 120_000: "$0.12", 5_000_000: "$5.00",
		1_234_567: "$1.2345", -2_500_000: "-$2.50", math.MinInt64: "-$9223372036854.7758",
	} {
		require.Equal(t, want, Dollars(micro))
	}
}

func TestCostText(t *testing.T) {
	t.Parallel()
	for want, totals := range map[string]Totals{
		"":                        {},
		"$0.00":                   {Calls: 2},
		"1 call of unknown price": {Calls: 1, Unpriced: 1},
		"$1.23, of it $0.10 wasted; 3 calls of unknown price": {Calls: 5, Cost: 1_230_000, WasteCost: 100_000, Unpriced: 3},
		"$1.23, of it $0.10 wasted":                           {Calls: 5, Cost: 1_230_000, WasteCost: 100_000, DoubtCost: 50_000},
		"$0.10, of it $0.10 wasted":                           {InDoubt: 1, Cost: 100_000, WasteCost: 100_000, DoubtCost: 100_000},
		"2 calls of unknown price":                            {FailedCalls: 7, Unpriced: 2},
	} {
		require.Equal(t, want, CostText(totals))
	}
}

// TestWriteStatusOfMoney: what was spent, wasted, is unknown, reserved and left, of the run, its steps, providers and models.
func TestWriteStatusOfMoney(t *testing.T) {
	prose := Scope{Step: "prose_writing", Item: "1/1"}
	cost, waste, reserved := int64(1_130_000), int64(100_000), int64(250_000)
	call := func(provider, model string, micro *int64) Event {
		return New(prose, CallAnswered{Call: "c", Try: 1, Provider: provider, Model: model, Answer: json.RawMessage(`1`), Usage: Usage{Input: 9000, Output: 8}, Cost: micro})
	}
	st := reportState(t, New(Scope{}, RunBudget{Limit: 5_000_000}), New(Scope{}, RunBudget{Step: "prose_writing", Limit: 1_500_000}),
		New(Scope{Step: "prose_writing"}, StepStarted{}), New(prose, ItemStarted{}),
		call("groq", "large", &cost), call("groq", "small", nil), call("own", "", nil),
		New(prose, CallFailed{Call: "c", Try: 2, Provider: "groq", Model: "large", Class: "timeout", Cost: &waste, Bound: true, Next: NextRetry}),
		New(prose, CallSent{Call: "d", Try: 1, Provider: "groq", Model: "large", Reserved: &reserved}))
	var b bytes.Buffer
	require.NoError(t, WriteStatus(&b, st))
	golden(t, "status_money.txt", b.String())
	for _, want := range []string{
		"\n  Cost: $1.23, of it $0.10 wasted; 2 calls of unknown price\n",
		"\n  Cost That May Be Less: $0.10, of calls whose bill nobody saw\n",
		"\n  Budget: $5.00, $3.52 left ($0.25 reserved for calls in flight)\n",
		"\n  Budget of prose_writing: $1.50, $0.02 left ($0.25 reserved for calls in flight)\n",
		"\n    small: 1 call, 9,000 tokens in, 8 out, 1 call of unknown price\n",
	} {
		require.Contains(t, b.String(), want)
	}
}
