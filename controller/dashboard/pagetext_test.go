package dashboard

import (
	"encoding/json"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

func TestFiguresForPeople(t *testing.T) {
	t.Parallel()
	for micro, want := range map[int64]string{0: "$0.00", 7: "$0.000007", 999: "$0.000999", 12_345: "$0.0123", 999_999: "$1.0000", 1_000_000: "$1.00",
		1_234_567_890: "$1,234.57", -2_500_000: "−$2.50"} {
		require.Equal(t, want, money(micro))
	}
	require.Equal(t, "unknown", costText(0, 3), "what has no price is not free")
	require.Equal(t, "≥ $1.00", costText(1_000_000, 1))
	require.Equal(t, "$0.00", costText(0, 0))
	for n, want := range map[int64]string{0: "0", 9_999: "9,999", 18_640: "18.6 k", 3_210_000: "3.21 M"} {
		require.Equal(t, want, tokenText(n))
	}
	for d, want := range map[time.Duration]string{-time.Second: "0 ms", 42 * time.Millisecond: "42 ms", 2500 * time.Millisecond: "2.5 s", 59 * time.Second: "59 s",
		61 * time.Second: "1 min 01 s", 3*time.Hour + 5*time.Minute: "3 h 05 min", 49 * time.Hour: "2 d 1 h"} {
		require.Equal(t, want, duration(d))
	}
	require.Equal(t, "43 %", percent(43))
	require.Equal(t, "99.9 %", percent(99.9))
	require.Equal(t, bar{Done: 50, Failed: 25, Running: 10, FailedAt: 50, RunningAt: 75}, barOf(10, 5, 2, 20))
	require.Equal(t, bar{}, barOf(0, 0, 0, 0))
}

func TestParagraphs(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"one\ntwo", "three", `\u202eevil`}, paragraphs("\n\none\r\ntwo\n  \nthree\n\n\n\u202eevil\n"))
	require.Empty(t, paragraphs(" \n \n"))
}

// Steps of any name have pages: names are one segment of a path, and come back as they were.
func TestNamesInPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plan", ".", "..", "...", "~", "~x", "a/b", "a b", "ü", "%2F", "?q#f", "a//b"} {
		u, err := url.Parse(stepHref("/", "run", name, "it&em=1"))
		require.NoError(t, err)
		require.Equal(t, 4, strings.Count(u.EscapedPath(), "/"), name)
		last := u.EscapedPath()[strings.LastIndex(u.EscapedPath(), "/")+1:]
		text, err := url.PathUnescape(last)
		require.NoError(t, err)
		require.Equal(t, name, unsegment(text))
		require.NotContains(t, []string{".", ".."}, text)
		require.Equal(t, "it&em=1", u.Query().Get("item"))
	}
}

func TestRootFromEveryPage(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/": "./", "/login": "./", "/runs/x": "./../", "/runs/x/steps/a%2Fb": "./../../../"} {
		require.Equal(t, want, rootOf(httptest.NewRequest("GET", path, nil)), path)
	}
}

func TestAxis(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	a := axisOf(RunView{RunSummary: RunSummary{Status: state.StatusPaused, Created: start, Updated: at(100)}}, at(500))
	require.Equal(t, span{X: 25, W: 50}, a.Span(StepView{Started: at(25), Finished: at(75)}))
	require.Equal(t, span{X: 60, W: 40}, a.Span(StepView{Started: at(60)}), "what goes on lasts until now")
	require.Equal(t, span{}, a.Span(StepView{}))
	s := a.Span(StepView{Started: at(100), Finished: at(100)})
	require.LessOrEqual(t, s.X+s.W, 100.0)
	require.Positive(t, s.W, "a step that took no time is seen")
}

func TestPlotsEndAtTheSums(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	plots := plotsOf(CostSeries{Providers: []CostPoints{{"groq", []CostPoint{{Time: start, Cost: 0, Tokens: 5}, {Time: start.Add(time.Minute), Cost: 9_000, Tokens: 90}}}}})
	require.Len(t, plots, 2)
	require.Equal(t, "$0.0100", plots[0].Top)
	require.True(t, strings.HasSuffix(plots[0].Lines[0].Line, "100,10"), plots[0].Lines[0].Line)
	require.Equal(t, "$0.0090", plots[0].Lines[0].Last)
	require.Empty(t, plotsOf(CostSeries{}))
	require.Equal(t, int64(math.MaxInt64), niceTop(math.MaxInt64))
}

// An edited object is put together from its fields as they stood: values that nobody touched keep every digit.
func TestEditFieldsKeepWhatWasRecorded(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"text":"a\u0000b","big":12345678901234567890,"list":[1,{"x":null}],"z":1.10}`)
	fields, err := editFields(raw)
	require.NoError(t, err)
	var parts []string
	for _, f := range fields {
		name, err := json.Marshal(f.Name)
		require.NoError(t, err)
		parts = append(parts, string(name)+":"+f.Raw)
	}
	require.Equal(t, string(raw), "{"+strings.Join(parts, ",")+"}")
	for _, whole := range []string{`"text"`, `[1,2]`, `{}`, `{"a":1,"a":2}`, `null`} {
		fields, err := editFields(json.RawMessage(whole))
		require.NoError(t, err)
		require.Len(t, fields, 1)
		require.Equal(t, whole, fields[0].Raw)
	}
	_, err = editFields(json.RawMessage(`{"a":`))
	require.Error(t, err)
}
