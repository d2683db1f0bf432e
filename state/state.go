package state

import (
	"encoding/json"
	"time"
)

// WorkflowState is what a run knows: the fold of its journal. It keeps sequence numbers and counters, never the texts
// of results, so its size does not grow with what was written. Apply changes it; everything else only reads. It is not
// safe for concurrent use: [Recorder.View] gives access to a live one, [Load] makes a private one.
type WorkflowState struct {
	Run      string          // the run's name
	RunID    string          // random, unique
	Pipeline string          // the pipeline's name
	Format   int             // journal format
	Recipe   int             // version of the request hash
	Params   json.RawMessage // as recorded; nil: none
	Status   Status          // see Status; running and interrupted only after Observe
	Reason   string          // why it stopped
	Class    string          // of the error that stopped it, if one did
	Hint     string          // what to do next, as the session said
	Until    time.Time       // when going on makes sense; zero: now
	Pausing  bool            // a pause was requested in this session
	Steps    []StepState     // in the pipeline's order, a Parallel's children behind it

	Usage     Totals            // of the whole run
	Providers map[string]Totals // by provider; "" is a model that is not of a chain
	Errors    []ErrorEntry      // the last MaxErrors, oldest first
	Warnings  []WarningEntry    // one a code, in order of first appearance
	Waits     []WaitEntry       // what waits now
	Cooling   []ProviderState   // providers that cool down or are out, by name

	Epoch    uint64        // number of the last session
	Session  SessionOpened // the last one
	Started  time.Time     // run.created
	Updated  time.Time     // the last event
	Finished time.Time     // when it completed; zero: it has not
	Seq      uint64        // number of the last event folded in
	Closed   bool          // the last event is a closing mark

	fold foldState
}

// MaxErrors is how many error entries a state keeps; ErrorCount counts them all.
const MaxErrors = 200

// Totals are counters of model calls. Cost and waste are in micro-dollars, of the calls whose price is known.
type Totals struct {
	Calls       int   `json:"calls"`        // paid tries that were answered
	FailedCalls int   `json:"failed_calls"` // tries that failed
	Replayed    int   `json:"replayed"`     // answers given again, for nothing
	InDoubt     int   `json:"in_doubt"`     // sent by a session that died before it knew the outcome
	Usage       Usage `json:"usage"`        // of answers and of failed tries that were billed
	Waste       Usage `json:"waste"`        // the part of Usage whose answers were not used
	Cost        int64 `json:"cost,omitempty"`
	WasteCost   int64 `json:"waste_cost,omitempty"`
	Unpriced    int   `json:"unpriced,omitempty"`  // calls whose cost is not known
	Uncounted   int   `json:"uncounted,omitempty"` // calls whose tokens are not known, because the provider did not say
}

// StepState is what is known of a step.
type StepState struct {
	StepDef
	Status   Status     // of a Parallel: the worst of its children
	Items    ItemCounts // of an Each, once it knows its items
	Gen      int
	Attempts int // failed ones of this session
	Base     string
	Hash     string // of its result, once completed
	Edited   bool   // a person's result is pinned
	Class    string // of the failure
	Message  string // of the failure
	Usage    Totals
	Started  time.Time
	Finished time.Time
	Gate     *GateState `json:",omitempty"` // of a gate that has asked; else nil
}

// ItemCounts counts the items of an Each. The rest of Total is pending or running.
type ItemCounts struct {
	Known   bool `json:"-"` // the list is there
	Total   int  `json:"total"`
	Done    int  `json:"done"`
	Failed  int  `json:"failed"`
	Running int  `json:"running"`
}

// ItemState is what is known of an item.
type ItemState struct {
	Key    string
	Status Status
	Hash   string // of its value
	Result string // hash of its result, once completed
	Gen    int
	Edited bool
}

// ErrorEntry is one failure: of a try (Provider set), or of an attempt, item or step.
type ErrorEntry struct {
	Seq      uint64    `json:"seq"`
	Time     time.Time `json:"time"`
	Scope              // step, item, do
	Kind     Type      `json:"kind"` // call.failed, attempt.failed, item.failed, step.failed
	Class    string    `json:"class"`
	Provider string    `json:"provider,omitempty"`
	Attempt  int       `json:"attempt,omitempty"`
	Message  string    `json:"message"`
	Next     string    `json:"next,omitempty"` // what was done about it
}

// WarningEntry counts the warnings of one code.
type WarningEntry struct {
	Code    string `json:"code"`
	Count   int    `json:"count"`
	Message string `json:"message"` // the last
}

// WaitEntry is a wait that goes on.
type WaitEntry struct {
	Scope
	Why      string    `json:"why"`
	Provider string    `json:"provider,omitempty"`
	Until    time.Time `json:"until"`
}
