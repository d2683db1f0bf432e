package dashboard

import (
	"encoding/json"
	"time"

	"github.com/dogear-go/dogear/state"
)

// The objects of the JSON API. The pages are made of the same ones. Fields may be added, never renamed or taken away.
// Costs are in micro-dollars, of the calls whose price is known; Unpriced counts the others.

// RunList is the answer of /api/runs.
type RunList struct {
	Runs []RunSummary `json:"runs"`
	Next string       `json:"next,omitempty"` // ?after= of the next page; empty: this is the last one
}

// RunSummary is what a list shows of a run.
type RunSummary struct {
	Run      string       `json:"run"`
	Pipeline string       `json:"pipeline"`
	Status   state.Status `json:"status"` // as a reader sees it: running, interrupted, paused, waiting, partial, failed, completed
	Reason   string       `json:"reason,omitempty"`
	Progress float64      `json:"progress"` // percent
	Step     string       `json:"step,omitempty"`
	Done     int          `json:"done"`   // items, of all steps
	Failed   int          `json:"failed"` // items, of all steps
	Total    int          `json:"total"`  // items, of the steps that know theirs
	Cost     int64        `json:"cost_micro_usd"`
	Waste    int64        `json:"waste_micro_usd"` // the part of Cost whose answers were not used, or are in doubt
	Unpriced int          `json:"unpriced"`        // calls whose cost is not known
	Created  time.Time    `json:"created_at"`
	Updated  time.Time    `json:"updated_at"`
	Error    string       `json:"error,omitempty"` // the run can't be read: the rest but Run is empty
}

// RunView is the answer of /api/runs/{run}, and the data of the event "run" of /events.
type RunView struct {
	RunSummary
	Seq       uint64                `json:"seq"` // the last event that is in it
	Hint      string                `json:"hint,omitempty"`
	Until     time.Time             `json:"until,omitzero"` // when going on makes sense
	Finished  time.Time             `json:"finished_at,omitzero"`
	Pausing   bool                  `json:"pausing"`
	Holder    *state.Holder         `json:"holder,omitempty"` // the process that works on it
	Here      bool                  `json:"here"`             // it is this process
	Left      TimeLeft              `json:"time_left"`
	Actions   []Action              `json:"actions"` // what can be done now
	Steps     []StepView            `json:"steps"`   // in the pipeline's order
	Usage     TotalsView            `json:"usage"`
	Providers map[string]TotalsView `json:"providers"`
	Models    []ModelView           `json:"models"`
	Budget    []BudgetView          `json:"budget,omitempty"`
	Short     *ShortBudget          `json:"short_budget,omitempty"` // the run is paused for it
	Calls     []CallView            `json:"calls"`                  // in flight
	Waits     []WaitView            `json:"waits"`                  // going on
	Cooling   []CoolingView         `json:"cooling"`                // providers that are not asked now
	Warnings  []WarningView         `json:"warnings"`
	Errors    []ErrorView           `json:"errors"` // the last ones, newest first
	ErrorSum  int                   `json:"error_count"`
	Params    json.RawMessage       `json:"params,omitempty"`
	Settings  map[string]string     `json:"settings,omitempty"`
}

// Action is something that a person can do to a run: what to POST to /api/runs/{run}/{action}.
type Action string

// The actions.
const (
	ActionPause   Action = "pause"
	ActionResume  Action = "resume"
	ActionRetry   Action = "retry"
	ActionApprove Action = "approve"
	ActionReject  Action = "reject"
	ActionEdit    Action = "edit"
)

// TimeLeft is how long a run still takes, from what was measured.
type TimeLeft struct {
	Known   bool     `json:"known"`             // Seconds means something
	Seconds float64  `json:"seconds"`           // of the steps that could be measured
	Unknown []string `json:"unknown,omitempty"` // steps that nothing is known of, because nothing like them ran yet
}

// StepView is a step.
type StepView struct {
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	Parent   string       `json:"parent,omitempty"` // the Parallel that it stands in
	Status   state.Status `json:"status"`
	Known    bool         `json:"items_known"` // of an Each: Total means something
	Total    int          `json:"total"`
	Done     int          `json:"done"`
	Failed   int          `json:"failed"`
	Running  int          `json:"running"`
	Edited   bool         `json:"edited"` // a person's result is pinned
	Class    string       `json:"class,omitempty"`
	Message  string       `json:"message,omitempty"`
	Started  time.Time    `json:"started_at,omitzero"`
	Finished time.Time    `json:"finished_at,omitzero"`
	Left     TimeLeft     `json:"time_left"`
	Usage    TotalsView   `json:"usage"`
	Gate     *GateView    `json:"gate,omitempty"`
}

// GateView is a question to a person, and the answer when there is one.
type GateView struct {
	Shown    string    `json:"shown"` // what to decide about
	Hash     string    `json:"hash"`  // of Shown; send it back with the decision
	Opened   time.Time `json:"opened_at"`
	Decision string    `json:"decision,omitempty"` // approved, rejected
	Who      string    `json:"who,omitempty"`
	Note     string    `json:"note,omitempty"`
	Decided  time.Time `json:"decided_at,omitzero"`
	Asked    string    `json:"asked,omitempty"` // a decision that the run has not taken in yet: approve or reject

	AskedBy   string `json:"asked_by,omitempty"`
	AskedNote string `json:"asked_note,omitempty"`
}

// TotalsView are counters of model calls.
type TotalsView struct {
	Calls     int   `json:"calls"`
	Failed    int   `json:"failed_calls"`
	Replayed  int   `json:"replayed"`
	InDoubt   int   `json:"in_doubt"`
	Input     int64 `json:"input_tokens"`
	Output    int64 `json:"output_tokens"`
	Cached    int64 `json:"cached_tokens"`    // of Input
	Reasoning int64 `json:"reasoning_tokens"` // of Output
	Cost      int64 `json:"cost_micro_usd"`
	Waste     int64 `json:"waste_micro_usd"`
	Unpriced  int   `json:"unpriced"`
	Uncounted int   `json:"uncounted"`
}

// ModelView are the counters of one model of one provider.
type ModelView struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	TotalsView
}

// BudgetView is a limit.
type BudgetView struct {
	Step     string `json:"step,omitempty"` // empty: of the run
	Limit    int64  `json:"limit_micro_usd"`
	Spent    int64  `json:"spent_micro_usd"`
	Reserved int64  `json:"reserved_micro_usd"` // for calls in flight
}

// ShortBudget is a limit that does not allow the next call. The run goes on with a larger one, or without one.
type ShortBudget struct {
	Step    string `json:"step,omitempty"` // empty: of the run
	Limit   int64  `json:"limit_micro_usd"`
	Enough  int64  `json:"enough_micro_usd"` // the smallest limit that allows the call
	Propose string `json:"propose"`          // what to ask for, in dollars: for ResumeRequest.Budget
}

// CallView is a request in flight.
type CallView struct {
	Step     string    `json:"step"`
	Item     string    `json:"item,omitempty"`
	Role     string    `json:"role,omitempty"`
	Provider string    `json:"provider,omitempty"`
	Model    string    `json:"model,omitempty"`
	Since    time.Time `json:"since"`
}

// WaitView is a wait.
type WaitView struct {
	Step     string    `json:"step,omitempty"`
	Item     string    `json:"item,omitempty"`
	Why      string    `json:"why"`
	Provider string    `json:"provider,omitempty"`
	Until    time.Time `json:"until"`
}

// CoolingView is a provider that is not asked.
type CoolingView struct {
	Provider string    `json:"provider"`
	Model    string    `json:"model,omitempty"`
	State    string    `json:"state"` // cooling, excluded
	Class    string    `json:"class,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

// WarningView counts the warnings of one code.
type WarningView struct {
	Code    string `json:"code"`
	Count   int    `json:"count"`
	Message string `json:"message"` // the last
}

// ErrorView is one failure, and what was done about it.
type ErrorView struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"` // call, attempt, item, step
	Step     string    `json:"step,omitempty"`
	Item     string    `json:"item,omitempty"`
	Class    string    `json:"class"`
	Provider string    `json:"provider,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	Message  string    `json:"message"`
	Then     string    `json:"then,omitempty"` // retry, switch, wait, give up
}

// ItemList is the answer of /api/runs/{run}/items: one page of the items of an Each, in list order.
type ItemList struct {
	Step  string     `json:"step"`
	Seq   uint64     `json:"seq"`
	From  int        `json:"from"`
	Total int        `json:"total"` // that the filter lets through
	Items []ItemView `json:"items"`
}

// ItemView is an item.
type ItemView struct {
	Index  int          `json:"i"` // position in the list, from 0
	Key    string       `json:"key"`
	Status state.Status `json:"status"` // pending, running, completed, failed
	Edited bool         `json:"edited,omitempty"`
	Cost   int64        `json:"cost_micro_usd"`
	Waste  int64        `json:"waste_micro_usd,omitempty"`
}

// Grid is the answer of /api/runs/{run}/grid: all items of an Each, one letter each in list order: p pending, r running,
// c completed, f failed. Those of a large Each are one string: 100,000 items are 100 KB.
type Grid struct {
	Step  string `json:"step"`
	Seq   uint64 `json:"seq"`
	Total int    `json:"total"`
	Cells string `json:"cells"`
}

// Change is the data of the event "items" of /events: items whose status changed.
type Change struct {
	Step  string     `json:"step"`
	Seq   uint64     `json:"seq"`
	Items []ItemView `json:"items"`
	Stale bool       `json:"stale,omitempty"` // the list itself changed, or too much did: read the grid again
}

// ResultView is the answer of /api/runs/{run}/result: a recorded result.
type ResultView struct {
	Step   string          `json:"step"`
	Item   string          `json:"item,omitempty"`
	Seq    uint64          `json:"seq"` // of the event that holds it
	Hash   string          `json:"hash"`
	Edited bool            `json:"edited"`
	JSON   json.RawMessage `json:"json"`
	Text   string          `json:"text"` // the same, for people
}

// EventList is the answer of /api/runs/{run}/events: events, oldest first.
type EventList struct {
	Events []EventView `json:"events"`
}

// EventView is one event as a line, and the data of the event "event" of /events, whose id is Seq.
type EventView struct {
	Seq  uint64     `json:"seq"`
	Time time.Time  `json:"time"`
	Type state.Type `json:"type"`
	Step string     `json:"step,omitempty"`
	Item string     `json:"item,omitempty"`
	Text string     `json:"text"`          // as the history prints it
	Bad  bool       `json:"bad,omitempty"` // a failure
}

// CostSeries is the answer of /api/runs/{run}/cost: cost and tokens by provider over time, at most a few hundred points.
type CostSeries struct {
	Complete  bool         `json:"complete"` // the whole history is in it; else ask again soon
	Providers []CostPoints `json:"providers"`
}

// CostPoints are running sums of one provider.
type CostPoints struct {
	Provider string      `json:"provider"`
	Points   []CostPoint `json:"points"`
}

// CostPoint is what had been spent by a time.
type CostPoint struct {
	Time   time.Time `json:"t"`
	Cost   int64     `json:"cost_micro_usd"`
	Waste  int64     `json:"waste_micro_usd"`
	Tokens int64     `json:"tokens"` // input and output
}

// Problem is the body of every answer that is an error.
type Problem struct {
	Error string `json:"error"` // what happened, and what to do
	Hint  string `json:"hint,omitempty"`
}

// Accepted is the answer to an action: it has begun, or was asked for. What comes of it shows in the run.
type Accepted struct {
	Run    string `json:"run,omitempty"`
	Action Action `json:"action,omitempty"`
	Text   string `json:"text"` // what was done, for people
}

// DecideRequest is the body of approve and reject.
type DecideRequest struct {
	Step string `json:"step"`
	Hash string `json:"hash"` // of what was shown
	Note string `json:"note,omitempty"`
}

// ResumeRequest is the body of resume.
type ResumeRequest struct {
	// Budget is a new limit, in dollars as in "10.00", or "none": that of RunView.Short, else that of the run. Empty: as it is.
	Budget string `json:"budget,omitempty"`
}

// RetryRequest is the body of retry: of one step, and of its items; nothing: everything that failed.
type RetryRequest struct {
	Step  string   `json:"step,omitempty"`
	Items []string `json:"items,omitempty"`
}

// EditRequest is the body of edit.
type EditRequest struct {
	Step     string          `json:"step"`
	Item     string          `json:"item,omitempty"`
	Replaces string          `json:"replaces"` // hash of the result that was edited
	Result   json.RawMessage `json:"result"`
	Note     string          `json:"note,omitempty"`
}
