package dashboard

import (
	"fmt"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
)

// runFacts are the figures at the top of a run.
type runFacts struct {
	Elapsed  time.Duration
	Ticking  bool // Elapsed grows
	Known    bool // Cost says something
	Budget   *BudgetView
	Steps    []BudgetView // of single steps
	Over     bool         // the budget is nearly or wholly used up
	Tokens   int64
	Items    bool
	DoneItem float64 // percent
}

func factsOf(v RunView, now time.Time) runFacts {
	f := runFacts{Tokens: v.Usage.Input + v.Usage.Output, Items: v.Total > 0, Known: v.Cost > 0 || v.Unpriced == 0}
	end := now
	switch {
	case v.Status == state.StatusRunning:
		f.Ticking = true
	case !v.Finished.IsZero():
		end = v.Finished
	default:
		end = v.Updated
	}
	if !v.Created.IsZero() {
		f.Elapsed = max(0, end.Sub(v.Created))
	}
	for _, b := range v.Budget {
		if b.Step != "" {
			f.Steps = append(f.Steps, b)
			continue
		}
		f.Budget = &b
		f.Over = b.Spent+b.Reserved >= b.Limit*9/10
	}
	return f
}

// leftText says how long a run still takes, and what is not known about it.
func leftText(v RunView) string {
	if v.Status == state.StatusCompleted {
		return ""
	}
	if !v.Left.Known {
		return "not known yet"
	}
	return "about " + duration(seconds(v.Left.Seconds))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// unknownSteps names the steps that nothing is known of, in few words.
func unknownSteps(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// axis is the time that a run's steps are drawn on.
type axis struct {
	Start, End time.Time
	Ends       bool // there is something to draw
	now        time.Time
}

func axisOf(v RunView, now time.Time) axis {
	a := axis{Start: v.Created, End: v.Updated, now: now}
	if v.Status == state.StatusRunning {
		a.End = now
	}
	if !v.Finished.IsZero() {
		a.End = v.Finished
	}
	a.Ends = a.End.After(a.Start)
	return a
}

// span is where something stands on an axis, in percent.
type span struct{ X, W float64 }

// Span places a step.
func (a axis) Span(s StepView) span {
	if !a.Ends || s.Started.IsZero() {
		return span{}
	}
	end := s.Finished
	if end.IsZero() || end.Before(s.Started) {
		end = a.End
	}
	whole := float64(a.End.Sub(a.Start))
	x := min(100, max(0, float64(s.Started.Sub(a.Start))/whole*100))
	w := min(100-x, max(0.6, float64(end.Sub(s.Started))/whole*100))
	if w < 0.6 { // at the very end there is room for a line
		x, w = 99.4, 0.6
	}
	return span{round2(x), round2(w)}
}

// Took is how long a step took, or takes.
func (a axis) Took(s StepView) time.Duration {
	if s.Started.IsZero() {
		return 0
	}
	end := s.Finished
	if end.IsZero() || end.Before(s.Started) {
		end = a.End
	}
	return max(0, end.Sub(s.Started))
}

func round2(f float64) float64 { return float64(int64(f*100+0.5)) / 100 }
