package state

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
)

// StatusStyle says what a status report may use. The zero value is plain ASCII (texts from outside stay as they are).
type StatusStyle struct {
	Emoji bool
	Color bool
}

// WriteStatus prints the status report of a run: its progress, steps, counters and last errors. Emoji and colour are
// used only when w is a terminal that has them; see [StyleOf]. Everything that a model, a provider or a user named is
// printed through [Printable].
func WriteStatus(w io.Writer, st *WorkflowState) error { return StyleOf(w).WriteStatus(w, st) }

// WriteStatus prints the status report in this style.
func (s StatusStyle) WriteStatus(w io.Writer, st *WorkflowState) error {
	r := &report{style: s}
	r.title(st)
	r.steps(st)
	r.statistics(st)
	r.providers(st)
	r.waits(st)
	r.warnings(st)
	r.errors(st)
	r.times(st)
	r.line("%s", rule)
	_, err := w.Write(r.buf.Bytes())
	return err
}

const (
	rule       = "================================================================================"
	lastErrors = 5   // how many error entries a report shows
	textLimit  = 300 // characters of a message in a report
)

type report struct {
	style StatusStyle
	buf   bytes.Buffer
}

func (r *report) line(format string, args ...any) { fmt.Fprintf(&r.buf, format+"\n", args...) }

func (r *report) heading(text string) {
	if r.style.Color {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	r.line("\n%s", text)
}

func (r *report) title(st *WorkflowState) {
	r.line("%s", rule)
	r.line("%sWorkflow Status: %s", r.emoji("📊 "), oneLine(st.Run))
	r.line("%s", rule)
	r.line("Progress: %.1f%%", st.Progress())
	r.line("Status: %s", r.colored(st.Status, string(st.Status)))
	if st.Reason != "" {
		r.line("Reason: %s", oneLine(st.Reason))
	}
	if st.Class != "" {
		r.line("Error class: %s", oneLine(st.Class))
	}
	if !st.Until.IsZero() && st.Status != StatusCompleted {
		r.line("Going on makes sense from: %s", stamp(st.Until))
	}
	if st.Hint != "" {
		r.line("What to do: %s", oneLine(st.Hint))
	}
	if st.Pausing && (st.Status == StatusRunning || st.Status == StatusOpen) {
		r.line("A pause was requested; calls in flight are being finished.")
	}
}

// steps prints the sections in the order of the original's report; those it did not have come only when they say something.
func (r *report) steps(st *WorkflowState) {
	r.section(st, "Completed Steps:", "None", StatusCompleted)
	r.section(st, "Tolerated Steps (optional, failed):", "", StatusTolerated)
	r.section(st, "Partial Steps:", "", StatusPartial)
	r.section(st, "Waiting for a Person:", "", StatusWaiting)
	r.heading("Current Step:")
	r.line("  %s%s", r.mark(StatusRunning), orNone(st.Current()))
	if st.FailedStep() != "" {
		r.section(st, "Failed Step:", "", StatusFailed)
	}
	r.heading("Next Step:")
	r.line("  %s%s", r.mark(StatusPending), orNone(st.Next()))
}

func (r *report) section(st *WorkflowState, heading, none string, status Status) {
	open := none != ""
	if open {
		r.heading(heading)
	}
	found := false
	for i := range st.Steps {
		s := &st.Steps[i]
		if s.Status != status {
			continue
		}
		if !open {
			r.heading(heading)
			open = true
		}
		found = true
		r.line("  %s%s%s", r.mark(status), oneLine(s.Name), stepDetail(s))
	}
	if open && !found {
		r.line("  %s", none)
	}
}

func stepDetail(s *StepState) string {
	switch s.Status {
	case StatusFailed, StatusTolerated:
		if s.Message == "" && s.Class == "" {
			return ""
		}
		return fmt.Sprintf(" (%s): %s", orNone(s.Class), limit(s.Message, textLimit))
	case StatusPartial:
		return fmt.Sprintf(": %d of %d items, %d failed", s.Items.Done, s.Items.Total, s.Items.Failed)
	case StatusWaiting:
		if s.Gate != nil {
			return fmt.Sprintf(" (asked %s)", stamp(s.Gate.Opened))
		}
	case StatusCompleted:
		if s.Gate != nil && s.Gate.Decided != nil {
			return decidedText(s.Gate.Decided)
		}
		if s.Base == BasePartial {
			return " (on an incomplete base)"
		}
	}
	return ""
}

func decidedText(d *Decided) string {
	text := " (" + oneLine(d.Decision)
	if d.Who != "" {
		text += " by " + oneLine(d.Who)
	}
	if d.Note != "" {
		text += ": " + limit(d.Note, textLimit)
	}
	return text + ")"
}

func (r *report) statistics(st *WorkflowState) {
	u := st.Usage
	r.heading("Statistics:")
	r.line("  API Calls: %d", u.Calls)
	r.line("  Failed Calls: %d", u.FailedCalls)
	r.line("  Errors: %d", st.ErrorCount())
	for i := range st.Steps {
		s := &st.Steps[i]
		text := ""
		switch {
		case s.Items.Known:
			text = counts(s.Items)
		case s.Kind == KindEach:
			text = "0 items" // how many there will be is not known yet
		}
		if s.Usage.Cost != 0 {
			text = joined(text, CostText(s.Usage))
		}
		if text != "" {
			r.line("  %s: %s", oneLine(s.Name), text)
		}
	}
	r.line("  Tokens: %s in, %s out", thousands(u.Usage.Input), thousands(u.Usage.Output))
	r.some("  Calls of Unknown Tokens: %s", int64(u.Uncounted))
	r.some("  Replayed Answers: %s", int64(u.Replayed))
	r.some("  Calls in Doubt: %s", int64(u.InDoubt))
	if u.Waste != (Usage{}) {
		r.line("  Waste: %s tokens in, %s out, of answers that were not used", thousands(u.Waste.Input), thousands(u.Waste.Output))
	}
	r.cost(st)
}

func (r *report) some(format string, n int64) {
	if n != 0 {
		r.line(format, thousands(n))
	}
}

func counts(c ItemCounts) string {
	text := fmt.Sprintf("%d of %d items", c.Done, c.Total)
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	if c.Running > 0 {
		text += fmt.Sprintf(", %d running", c.Running)
	}
	return text
}

func (r *report) providers(st *WorkflowState) {
	r.heading("Provider Usage:")
	if len(st.Providers) == 0 {
		r.line("  None")
	}
	for _, name := range slices.Sorted(maps.Keys(st.Providers)) {
		u := st.Providers[name]
		text := fmt.Sprintf("  %s: %s", providerName(name), plural(u.Calls, "call"))
		if u.FailedCalls > 0 {
			text += fmt.Sprintf(", %d failed", u.FailedCalls)
		}
		if u.Usage != (Usage{}) {
			text += fmt.Sprintf(", %s tokens in, %s out", thousands(u.Usage.Input), thousands(u.Usage.Output))
		}
		if u.Uncounted > 0 {
			text += fmt.Sprintf(", tokens of %s unknown", plural(u.Uncounted, "call"))
		}
		if cost := CostText(u); cost != "" {
			text += ", " + cost
		}
		r.line("%s", text)
		r.models(st, name)
	}
}

func providerName(name string) string {
	if name == "" {
		return "model"
	}
	return oneLine(name)
}

func (r *report) waits(st *WorkflowState) {
	// What a session waited for, or left out, says something while it goes on and while a pause waits for the same.
	if st.Status != StatusRunning && st.Status != StatusOpen && st.Status != StatusPaused || len(st.Waits)+len(st.Cooling) == 0 {
		return
	}
	r.heading("Waiting:")
	for _, w := range st.Waits {
		text := fmt.Sprintf("  %s until %s", limit(w.Why, textLimit), stamp(w.Until))
		if w.Provider != "" {
			text += " (" + oneLine(w.Provider) + ")"
		}
		r.line("%s%s", text, where(w.Scope))
	}
	for _, p := range st.Cooling {
		text := fmt.Sprintf("  %s is %s", providerName(p.Provider), oneLine(p.State))
		if !p.Until.IsZero() {
			text += " until " + stamp(p.Until)
		}
		if p.Class != "" {
			text += " (" + oneLine(p.Class) + ")"
		}
		r.line("%s", text)
	}
}

func (r *report) warnings(st *WorkflowState) {
	if len(st.Warnings) == 0 {
		return
	}
	r.heading("Warnings:")
	for _, w := range st.Warnings {
		r.line("  %s%s (%d): %s", r.mark(StatusPartial), oneLine(w.Code), w.Count, limit(w.Message, textLimit))
	}
}

func (r *report) errors(st *WorkflowState) {
	if len(st.Errors) == 0 {
		return
	}
	last := st.Errors[max(0, len(st.Errors)-lastErrors):]
	r.heading(fmt.Sprintf("Last Errors (%d of %d):", len(last), st.ErrorCount()))
	for _, e := range last {
		text := fmt.Sprintf("  %s%s", stamp(e.Time), where(e.Scope))
		text += " " + orNone(e.Class)
		if e.Provider != "" {
			text += " at " + oneLine(e.Provider)
		}
		if e.Attempt > 0 {
			text += fmt.Sprintf(", attempt %d", e.Attempt)
		}
		r.line("%s", text)
		r.line("    %s", limit(e.Message, textLimit))
		if e.Next != "" {
			r.line("    then: %s", oneLine(e.Next))
		}
	}
}

func (r *report) times(st *WorkflowState) {
	r.heading("Times:")
	r.line("  Started: %s", stamp(st.Started))
	r.line("  Updated: %s", stamp(st.Updated))
	if !st.Finished.IsZero() {
		r.line("  Finished: %s", stamp(st.Finished))
	}
	if st.Epoch > 1 {
		r.line("  Sessions: %d", st.Epoch)
	}
}
