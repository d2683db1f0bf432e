package webhook

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dogear-go/dogear/state"
)

// watcher folds the events of one run, and makes a notification of those that are worth one. It is used by one goroutine. Its
// memory is that of a [state.WorkflowState].
type watcher struct {
	st     state.WorkflowState
	lost   map[lost]bool    // told in this session
	failed state.StepFailed // the last one that was not tolerated
}

type lost struct{ provider, model string }

// take folds one event in. What happened before this session was told by the session in which it happened.
func (w *watcher) take(e state.Event) (Notification, bool) {
	if e.Seq == 1 {
		*w = watcher{} // the same run from its beginning, or another one
	}
	_ = w.st.Apply(e) // an event that it can't take costs some numbers, not the notification
	var n Notification
	switch d := e.Data.(type) {
	case state.SessionOpened:
		w.lost = map[lost]bool{}
	case state.StepFailed:
		if !d.Tolerated {
			w.failed = d
		}
	case state.RunStopped:
		n = w.stopped(d)
	case state.GateOpened:
		n = w.asked(e.Step)
	case state.ProviderState:
		n = w.provider(d)
	}
	if n.Type == "" || e.History {
		return Notification{}, false
	}
	n.ID = w.st.RunID + "_" + strconv.FormatUint(e.Seq, 10)
	n.Timestamp = e.Time
	w.describe(&n.Data)
	return n, true
}

// describe adds how the run stands, and makes every text short and printable.
func (w *watcher) describe(d *Data) {
	d.Run, d.RunID, d.Pipeline, d.Progress = w.st.Run, w.st.RunID, w.st.Pipeline, w.st.Progress()
	u := w.st.Usage
	d.Cost = Cost{MicroUSD: u.Cost, Waste: u.WasteCost, Unpriced: u.Unpriced}
	for _, text := range []*string{&d.Run, &d.Pipeline, &d.Reason, &d.Class, &d.Step, &d.Provider, &d.Model, &d.Hint} {
		*text = short(*text)
	}
}

// stopped is the end of a session.
func (w *watcher) stopped(s state.RunStopped) Notification {
	n := Notification{Data: Data{Status: s.Status, Class: s.Class, Hint: s.Hint}}
	if s.Until != nil && s.Until.Year() >= 0 && s.Until.Year() <= 9999 { // JSON has no others
		n.Data.Until = *s.Until
	}
	switch s.Status {
	case state.StatusCompleted:
		n.Type = RunCompleted
	case state.StatusFailed:
		n.Type = RunFailed
		w.blame(&n.Data)
	case state.StatusPartial:
		n.Type = RunPartial
		n.Data.Step, n.Data.Reason = w.incomplete()
	case state.StatusWaiting:
		n.Type = RunWaiting
		n.Data.Step, n.Data.Reason = w.waiting()
	case state.StatusPaused:
		n.Type = RunPaused
		n.Data.Reason = s.Reason
		switch {
		case s.Class == classBudget:
			n.Type = RunBudget
		case s.Until != nil: // the reason is then what the providers said
			n.Data.Reason = w.cooling()
		}
	}
	return n
}

// classBudget is the class of a run that stopped for its budget.
const classBudget = "budget"

// blame says which step failed and of what class, in words of its own: the error's message may repeat a prompt.
func (w *watcher) blame(d *Data) {
	d.Step = w.st.FailedStep()
	d.Provider = w.failed.Provider
	if d.Class == "" {
		d.Class = w.failed.Class
	}
	if d.Hint == "" {
		d.Hint = w.failed.Hint
	}
	d.Reason = "it failed"
	if d.Step != "" {
		d.Reason = "step " + d.Step + " failed"
	}
	if d.Class != "" {
		d.Reason += ": " + d.Class
	}
	if d.Provider != "" {
		d.Reason += " (" + d.Provider + ")"
	}
}

func (w *watcher) incomplete() (first, reason string) {
	var parts []string
	for i := range w.st.Steps {
		s := &w.st.Steps[i]
		if s.Status != state.StatusPartial || s.Kind == state.KindParallel {
			continue
		}
		if first == "" {
			first = s.Name
		}
		parts = append(parts, fmt.Sprintf("step %s: %d of %s done, %d failed", s.Name, s.Items.Done, count(s.Items.Total, "item"), s.Items.Failed))
	}
	return first, strings.Join(parts, "; ")
}

// asked tells of a gate that opens while other steps of its Parallel are at work, or about to be. Where nothing else is left to
// do the run stops at once, and that is told.
func (w *watcher) asked(gate string) Notification {
	outermost := func(s *state.StepState) string {
		for s.Parent != "" && w.st.Step(s.Parent) != nil {
			s = w.st.Step(s.Parent)
		}
		return s.Name
	}
	own := w.st.Step(gate)
	if own == nil {
		return Notification{}
	}
	for i := range w.st.Steps {
		s := &w.st.Steps[i]
		unfinished := s.Status == state.StatusRunning || s.Status == state.StatusPending
		if unfinished && s.Kind != state.KindParallel && outermost(s) == outermost(own) {
			return Notification{Type: GateOpened, Data: Data{Status: state.StatusRunning, Step: gate, Reason: "step " + gate + " waits for a decision"}}
		}
	}
	return Notification{}
}

func (w *watcher) waiting() (first, reason string) {
	var names []string
	for i := range w.st.Steps {
		if s := &w.st.Steps[i]; s.Status == state.StatusWaiting && s.Kind != state.KindParallel {
			names = append(names, s.Name)
		}
	}
	switch len(names) {
	case 0:
		return "", ""
	case 1:
		return names[0], "step " + names[0] + " waits for a decision"
	}
	return names[0], "steps " + strings.Join(names, ", ") + " wait for decisions"
}

func (w *watcher) cooling() string {
	var parts []string
	for _, p := range w.st.Cooling {
		parts = append(parts, fmt.Sprintf("%s: %s", name(p), p.Class))
	}
	if len(parts) == 0 {
		return "no provider may be asked yet"
	}
	return "no provider may be asked yet (" + strings.Join(parts, ", ") + ")"
}

// provider tells of a provider that is out, once a session.
func (w *watcher) provider(p state.ProviderState) Notification {
	key := lost{p.Provider, p.Model}
	switch {
	case p.State == state.ProviderHealthy:
		delete(w.lost, key)
		return Notification{}
	case p.State != state.ProviderExcluded || w.lost[key]:
		return Notification{}
	}
	if w.lost == nil {
		w.lost = map[lost]bool{}
	}
	w.lost[key] = true
	return Notification{Type: ProviderLost, Data: Data{
		Status: state.StatusRunning, Class: p.Class, Provider: p.Provider, Model: p.Model,
		Reason: fmt.Sprintf("%s is out for this session: %s", name(p), p.Class),
	}}
}

func name(p state.ProviderState) string {
	switch {
	case p.Provider == "":
		return "the model"
	case p.Model == "":
		return p.Provider
	}
	return p.Provider + " " + p.Model
}

// maxText bounds each text of a notification, in characters.
const maxText = 300

// short is a text on one line, bounded, without characters that steer a terminal or turn the reading direction.
func short(text string) string {
	if len(text) > 8*maxText {
		text = strings.ToValidUTF8(text[:8*maxText], "")
	}
	text = state.Printable(strings.Join(strings.Fields(text), " "))
	if utf8.RuneCountInString(text) <= maxText {
		return text
	}
	return string([]rune(text)[:maxText]) + "..."
}
