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
	Short    *Short          `json:",omitempty"` // the limit that it is paused for; nil: none, or none that could be raised
	Pausing  bool            // a pause was requested in this session
	Steps    []StepState     // in the pipeline's order, a Parallel's children behind it

	Usage     Totals             // of the whole run
	Providers map[string]Totals  // by provider; "" is a model that is not of a chain
	Models    map[ModelID]Totals `json:"-"` // by provider and model; their sum is Usage, as is that of the providers
	Budget    map[string]int64   // limits in micro-dollars: "" is that of the run, the others are those of steps
	Errors    []ErrorEntry       // the last MaxErrors, oldest first
	Warnings  []WarningEntry     // one a code, in order of first appearance
	Waits     []WaitEntry        // what waits now
	Cooling   []ProviderState    // providers that cool down or are out, by name

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

// ModelID names a model at a provider. Both are empty for a model that is not of a chain.
type ModelID struct {
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`
}

// Totals are counters of model calls. Costs are in micro-dollars, of the calls whose cost is known or bounded; the others are
// counted in Unpriced, and cost what nobody knows, which is not nothing.
type Totals struct {
	Calls       int   `json:"calls"`        // paid tries that were answered
	FailedCalls int   `json:"failed_calls"` // tries that failed
	Replayed    int   `json:"replayed"`     // answers given again, for nothing
	InDoubt     int   `json:"in_doubt"`     // sent by a session that died before it knew the outcome
	Usage       Usage `json:"usage"`        // of answers and of failed tries that were billed
	Waste       Usage `json:"waste"`        // the part of Usage whose answers were not used
	Cost        int64 `json:"cost,omitempty"`
	WasteCost   int64 `json:"waste_cost,omitempty"` // the part of Cost that bought nothing: answers not used, failed tries, calls in doubt
	DoubtCost   int64 `json:"doubt_cost,omitempty"` // the part of Cost that may be less: of calls whose bill nobody saw, at the most that they can have cost
	Unpriced    int   `json:"unpriced,omitempty"`   // calls whose cost is not known
	Uncounted   int   `json:"uncounted,omitempty"`  // calls whose tokens are not known, because the provider did not say
}

// Add returns the sum.
func (t Totals) Add(u Totals) Totals {
	return Totals{
		Calls: t.Calls + u.Calls, FailedCalls: t.FailedCalls + u.FailedCalls, Replayed: t.Replayed + u.Replayed, InDoubt: t.InDoubt + u.InDoubt,
		Usage: t.Usage.Add(u.Usage), Waste: t.Waste.Add(u.Waste),
		Cost: t.Cost + u.Cost, WasteCost: t.WasteCost + u.WasteCost, DoubtCost: t.DoubtCost + u.DoubtCost,
		Unpriced: t.Unpriced + u.Unpriced, Uncounted: t.Uncounted + u.Uncounted,
	}
}

// CallInFlight is a request that was sent and of which no end is known. While nobody works on the run it is in doubt: the
// next session counts it as waste at what was reserved for it.
type CallInFlight struct {
	Scope
	Call     string // one GenerateContent
	Try      int    // one request of it, from 1
	Role     string
	Provider string
	Model    string
	Reserved int64 // micro-dollars: the most that it can cost; zero also when that is not known
	Unpriced bool  // that is not known
	Since    time.Time
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
	Cost   int64 // micro-dollars, of its calls in all generations whose cost is known
	Waste  int64 // the part of Cost that bought nothing
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
