package webhook

import (
	"fmt"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Type says what a notification is about.
type Type string

// The types.
const (
	RunCompleted Type = "run.completed"
	RunFailed    Type = "run.failed"
	RunPartial   Type = "run.partial" // some items failed
	RunPaused    Type = "run.paused"
	RunBudget    Type = "run.budget"    // paused: the next call does not fit into the budget
	RunWaiting   Type = "run.waiting"   // for a person: it has stopped
	GateOpened   Type = "gate.opened"   // a person is asked, and the run goes on with what stands beside the gate
	ProviderLost Type = "provider.lost" // out for this session; the run goes on while it can
)

// Notification is the body of a webhook. Other programs rely on it: fields may be added, never renamed or taken away.
type Notification struct {
	ID        string    `json:"-"` // the header webhook-id: the same whenever and by whomever this event is sent
	Type      Type      `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the event, not of the attempt
	Data      Data      `json:"data"`
}

// Data is how the run stands.
type Data struct {
	Run      string       `json:"run"`
	RunID    string       `json:"run_id"` // random, unique
	Pipeline string       `json:"pipeline"`
	Status   state.Status `json:"status"`   // running (with GateOpened and ProviderLost), completed, failed, partial, paused, waiting
	Progress float64      `json:"progress"` // percent
	Cost     Cost         `json:"cost"`
	Reason   string       `json:"reason,omitempty"`
	Class    string       `json:"class,omitempty"` // of the error, or "budget"
	Step     string       `json:"step,omitempty"`  // that failed, is incomplete or waits; of several the first
	Provider string       `json:"provider,omitempty"`
	Model    string       `json:"model,omitempty"`
	Hint     string       `json:"hint,omitempty"` // what to do
	Until    time.Time    `json:"until,omitzero"` // when going on makes sense
}

// Cost is in micro-dollars, of the calls whose price is known.
type Cost struct {
	MicroUSD int64 `json:"micro_usd"`
	Waste    int64 `json:"waste_micro_usd"` // the part whose answers were not used
	Unpriced int   `json:"unpriced"`        // calls whose cost is not known
}

// text is the notification for people, some lines.
func (n Notification) text() string {
	d := n.Data
	text := fmt.Sprintf("%s (%s) %s", d.Run, d.Pipeline, n.headline())
	if d.Reason != "" {
		text += "\n" + d.Reason
	}
	text += "\nCost: " + d.Cost.text()
	if d.Hint != "" {
		text += "\nWhat to do: " + d.Hint
	}
	if !d.Until.IsZero() {
		text += "\nGoing on makes sense from " + d.Until.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	return text
}

func (n Notification) headline() string {
	at := fmt.Sprintf(" at %.1f %%", n.Data.Progress)
	switch n.Type {
	case RunCompleted:
		return "completed"
	case RunFailed:
		return "failed" + at
	case RunPartial:
		return "ended incomplete" + at
	case RunPaused:
		return "paused" + at
	case RunBudget:
		return "paused" + at + " for its budget"
	case RunWaiting:
		return "waits for a person" + at
	case GateOpened:
		return "asks a person" + at + ", and goes on beside that"
	}
	return "lost a provider" + at
}

func (c Cost) text() string {
	switch {
	case c.Unpriced == 0:
		return state.Dollars(c.MicroUSD)
	case c.MicroUSD == 0:
		return "unknown, " + count(c.Unpriced, "call") + " of unknown price"
	}
	return state.Dollars(c.MicroUSD) + " and " + count(c.Unpriced, "call") + " of unknown price"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
