package progress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// board is what a display knows of a run: the fold of its events, and what was measured.
type board struct {
	st      state.WorkflowState
	est     *estimate.Estimator
	began   time.Time            // of the session
	started map[string]time.Time // steps that run, since when in this session
	ended   time.Time            // the same of the step that ended last; zero: not known
	trouble string               // the last failure of a call or an attempt
	since   time.Time            // when it came
	live    bool                 // an event of this session has come
	changed bool                 // since the last frame
}

func newBoard() *board { return &board{est: estimate.New(), started: map[string]time.Time{}} }

// apply takes an event in. An event that the fold can't take costs the counts, not the run.
func (b *board) apply(e state.Event) {
	_ = b.st.Apply(e)
	b.est.Observe(e)
	b.live, b.changed = b.live || !e.History, true
	switch e.Data.(type) {
	case state.RunCreated, state.SessionOpened:
		b.began = e.Time
		clear(b.started)
	case state.StepStarted:
		b.started[e.Step] = e.Time
	case state.StepCompleted, state.StepPartial, state.StepFailed:
		b.ended = b.started[e.Step]
		delete(b.started, e.Step)
	case state.RunStopped:
		clear(b.started)
	case state.CallFailed, state.AttemptFailed, state.CallJudged:
		b.trouble, b.since = describe(&b.st, e), e.Time
	}
}

// running are the steps that run, in the pipeline's order.
func (b *board) running() (steps []*state.StepState) {
	for i := range b.st.Steps {
		s := &b.st.Steps[i]
		if s.Kind != state.KindParallel && s.Status == state.StatusRunning {
			steps = append(steps, s)
		}
	}
	return steps
}

// recently is how long a failure is shown.
const recently = 10 * time.Second

// notes are the lines below the steps: what is going on between them and the providers, and whom the run waits for.
func (b *board) notes(now time.Time) (notes []string) {
	calls := b.calls(now)
	switch {
	case b.st.Pausing && calls != "":
		notes = append(notes, "pausing: "+calls)
	case b.st.Pausing:
		notes = append(notes, "pausing")
	case calls != "":
		notes = append(notes, calls)
	}
	notes = append(notes, b.waits(now)...)
	for i := range b.st.Steps {
		if s := &b.st.Steps[i]; s.Status == state.StatusWaiting && s.Kind != state.KindParallel {
			notes = append(notes, oneLine(s.Name)+": waiting for a person")
		}
	}
	if b.trouble != "" && now.Sub(b.since) < recently {
		notes = append(notes, oneLine(b.trouble))
	}
	return notes
}

// calls are those in flight, by provider, the most first; empty when there are none.
func (b *board) calls(now time.Time) string {
	all := b.st.InFlight()
	if len(all) == 0 {
		return ""
	}
	type group struct {
		name string
		n    int
	}
	var groups []group
	oldest := now
	for _, c := range all {
		name := cmp.Or(c.Provider, c.Model)
		i := slices.IndexFunc(groups, func(g group) bool { return g.name == name })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{name: name})
		}
		groups[i].n++
		if c.Since.Before(oldest) {
			oldest = c.Since
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return b.n - a.n })
	text := plural(len(all), "call") + " in flight"
	var by []string
	for _, g := range groups {
		switch {
		case g.name == "":
		case len(groups) == 1:
			by = append(by, oneLine(g.name))
		default:
			by = append(by, fmt.Sprintf("%s %d", oneLine(g.name), g.n))
		}
	}
	if len(by) > 0 {
		text += ": " + strings.Join(by, ", ")
	}
	if age := now.Sub(oldest); age >= slowCall {
		text += ", the oldest for " + spell(age)
	}
	return text
}

// slowCall is the age from which a call's is shown.
const slowCall = 10 * time.Second

// waits are those that go on, each reason once, the one that ends last for all of it.
func (b *board) waits(now time.Time) []string {
	type group struct {
		why   string
		n     int
		until time.Time
	}
	var groups []group
	for _, w := range b.st.Waits {
		why := oneLine(w.Why)
		if w.Provider != "" && !strings.Contains(why, w.Provider) {
			why = oneLine(w.Provider) + " " + why
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.why == why })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{why: why})
		}
		groups[i].n++
		if w.Until.After(groups[i].until) {
			groups[i].until = w.Until
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return b.until.Compare(a.until) })
	const most = 3
	var lines []string
	for i, g := range groups {
		if i == most-1 && len(groups) > most {
			return append(lines, fmt.Sprintf("and %d more waits", len(groups)-i))
		}
		text := "waiting " + spell(g.until.Sub(now)+time.Second-1) + ": " + g.why
		if g.n > 1 {
			text += fmt.Sprintf(" (%d)", g.n)
		}
		lines = append(lines, text)
	}
	return lines
}

// folded is what becomes of a step's live line when it ends.
func (b *board) folded(e state.Event) []string {
	s := b.st.Step(e.Step)
	if s == nil {
		return nil
	}
	var parts []string
	switch d := e.Data.(type) {
	case state.StepFailed:
		parts = append(parts, "failed"+tolerated(d.Tolerated)+": "+d.Class+": "+short(d.Message))
	case state.StepPartial:
		parts = append(parts, "incomplete")
	case state.RunStopped:
		parts = append(parts, "stopped")
	}
	if s.Items.Known {
		parts = append(parts, strings.Trim(items(&b.st, e.Step), " ()"))
	}
	parts = append(parts, tokens(s.Usage.Usage), costs(s.Usage, 0))
	return slices.DeleteFunc(parts, func(p string) bool { return p == "" })
}

// summary is a line on the whole run.
func (b *board) summary(now time.Time) string {
	parts := []string{fmt.Sprintf("%.1f%%", b.st.Progress())}
	for _, s := range b.running() {
		if s.Items.Known {
			parts = append(parts, oneLine(s.Name)+items(&b.st, s.Name))
		} else {
			parts = append(parts, oneLine(s.Name))
		}
	}
	for _, p := range []string{b.calls(now), tokens(b.st.Usage.Usage), costs(b.st.Usage, b.st.Budget[""]), b.rest(now)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return "run: " + strings.Join(parts, ", ")
}
