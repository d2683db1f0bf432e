package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/dogear-go/dogear/state"
)

// The lines that tell what happened. Each is true of the moment of its event.

// describe is the line for an event, empty for one that is not worth one.
func describe(st *state.WorkflowState, e state.Event) string {
	at := scopeText(e.Scope)
	switch d := e.Data.(type) {
	case state.StepStarted:
		return at + ": started" + items(st, e.Step)
	case state.StepCompleted:
		return at + ": completed" + items(st, e.Step)
	case state.StepPartial:
		return at + ": incomplete" + items(st, e.Step)
	case state.StepFailed:
		return fmt.Sprintf("%s: failed%s: %s: %s", at, tolerated(d.Tolerated), d.Class, short(d.Message))
	case state.ItemCompleted:
		return at + ": done" + items(st, e.Step)
	case state.ItemFailed:
		return fmt.Sprintf("%s: failed: %s: %s%s", at, d.Class, short(d.Message), items(st, e.Step))
	case state.AttemptFailed:
		return fmt.Sprintf("%s: attempt %d failed: %s: %s%s", at, e.Attempt, d.Class, short(d.Message), then(d.Next, d.WaitMS))
	case state.RunWarning:
		return "warning: " + d.Code + ": " + short(d.Message)
	case state.JournalMark:
		if d.Kind == state.MarkRecovered {
			return fmt.Sprintf("warning: an unacknowledged end of the journal was dropped (%d bytes)", d.BytesLost)
		}
	}
	return describeCalls(at, e)
}

func describeCalls(at string, e state.Event) string {
	switch d := e.Data.(type) {
	case state.CallFailed:
		return fmt.Sprintf("%s: call failed%s: %s: %s%s", at, by(d.Provider), d.Class, short(d.Message), then(d.Next, d.WaitMS))
	case state.CallJudged:
		return fmt.Sprintf("%s: answer not used: %s", at, d.Class)
	case state.Waiting:
		return fmt.Sprintf("%s: waiting %s%s: %s", at, millis(d.ForMS), by(d.Provider), short(d.Why))
	case state.ProviderState:
		if d.State == state.ProviderExcluded {
			return fmt.Sprintf("provider %s is out for this session: %s", d.Provider, d.Class)
		}
	case state.GateOpened:
		return at + ": waiting for a person"
	}
	return ""
}

// items is how many items of an Each are done, empty for another step.
func items(st *state.WorkflowState, step string) string {
	s := st.Step(step)
	if s == nil || !s.Items.Known {
		return ""
	}
	text := fmt.Sprintf(" (%d of %d items", s.Items.Done, s.Items.Total)
	if s.Items.Failed > 0 {
		text += fmt.Sprintf(", %d failed", s.Items.Failed)
	}
	return text + ")"
}

func scopeText(s state.Scope) string {
	switch {
	case s.Step == "":
		return "run"
	case s.Item == "":
		return s.Step
	default:
		return s.Step + " " + fmt.Sprintf("%q", s.Item)
	}
}

func tolerated(yes bool) string {
	if yes {
		return " (optional, tolerated)"
	}
	return ""
}

func by(provider string) string {
	if provider == "" {
		return ""
	}
	return " (" + provider + ")"
}

func then(next string, waitMS int64) string {
	switch {
	case next == "":
		return ""
	case waitMS > 0:
		return "; then " + next + " in " + millis(waitMS)
	default:
		return "; then " + next
	}
}

func millis(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// short cuts a message to what a line can bear.
func short(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}
