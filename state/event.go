package state

import (
	"encoding/json"
	"fmt"
	"time"
)

// Format is the version of the journal format that this package writes. It stands in the first record of a journal.
// Older formats are read for ever; a newer one is refused with [ErrNewerFormat].
const Format = 1

// MaxEvent is the size in bytes above which a record is refused, by writers and readers alike.
const MaxEvent = 256 << 20

// Scope says where in a run something happened. The parts are fields and never one joined string, because item keys are
// made by models and may hold any character. The zero Scope is the run itself.
type Scope struct {
	Step string `json:"step,omitempty"`
	Item string `json:"item,omitempty"`
	Do   string `json:"do,omitempty"`
}

// EventID names an event where several writers share a run (no store of this module needs it yet): the writer, and
// that writer's own count.
type EventID struct {
	Writer string `json:"w"`
	N      uint64 `json:"n"`
}

// Event is one thing that happened in a run: an envelope, the same for all, and a payload of the type that Type names.
type Event struct {
	Seq     uint64    // position in the journal, from 1, without gaps; set by the Recorder
	Durable uint64    // "d": the highest number known to be on disk when this was written; set by the Recorder
	Time    time.Time // when it was emitted, UTC; never orders anything
	Type    Type      // which payload Data holds
	Epoch   uint64    // "ep": the number of the session that wrote it, from 1
	ID      *EventID  // nil but where several write
	Scope             // where it happened
	Gen     int       // generation of the step or item: raised by each invalidation; 0 means the first
	Attempt int       // "att": attempt of the step or item within its session, from 1; 0 outside attempts
	Data    Payload   // never nil

	// History is true for an event that an observer is given from before this session. It is not stored.
	History bool

	crc  uint32 // of the record it was decoded from
	body *body  // Data as it is going to be recorded; nil: not encoded yet
}

// prepare encodes the payload, so that [AppendRecord] only copies it. Data must not be changed any more.
func (e *Event) prepare() error {
	b, err := encodePayload(e.Data)
	if err == nil && b.size() > MaxEvent {
		err = ErrTooLarge
	}
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.Type, err)
	}
	e.body = b
	return nil
}

// Checksum is the CRC-32C of the record that the event was decoded from, zero for an event that was not.
func (e Event) Checksum() uint32 { return e.crc }

// Result is the result that the event records, of a step or an item; ok is false for an event that records none.
func (e Event) Result() (result json.RawMessage, ok bool) {
	switch d := e.Data.(type) {
	case StepCompleted:
		return d.Result, true
	case ItemCompleted:
		return d.Result, true
	case ResultEdited:
		return d.Result, true
	}
	return nil, false
}

// Payload is the part of an event that differs from type to type. The types of this package are the only ones.
type Payload interface{ eventType() Type }

// New makes an event of the payload's type at the scope. The Recorder fills in numbers, time and epoch.
func New(at Scope, data Payload) Event {
	return Event{Type: data.eventType(), Scope: at, Data: data}
}

// Usage counts what one or many answers consumed, in tokens. Cached, which the provider had in its cache, and Written, which
// it put there, are parts of Input; Reasoning is one of Output.
type Usage struct {
	Input     int64 `json:"in,omitempty"`
	Output    int64 `json:"out,omitempty"`
	Cached    int64 `json:"cached,omitempty"`
	Reasoning int64 `json:"reasoning,omitempty"`
	Written   int64 `json:"written,omitempty"`
}

// Add returns the sum.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.Input + v.Input, u.Output + v.Output, u.Cached + v.Cached, u.Reasoning + v.Reasoning, u.Written + v.Written}
}

// Read is one dependency: what a step or an item read, and the hash of what it saw.
type Read struct {
	Source string `json:"source"`         // ReadParams, or the name of a step
	Part   string `json:"part,omitempty"` // a field of the params, a key of an Each; empty: the whole
	Hash   string `json:"hash"`
}

// ReadParams is the [Read.Source] of the run's parameters. No step can have this name.
const ReadParams = "$params"

// StepDef is a step as the pipeline declares it.
type StepDef struct {
	Name         string `json:"name"`
	Kind         string `json:"kind"` // KindTask, KindEach, KindParallel, KindGate, KindCustom
	Version      string `json:"version,omitempty"`
	Parent       string `json:"parent,omitempty"` // the Parallel that it stands in
	Optional     bool   `json:"optional,omitempty"`
	AllowPartial bool   `json:"allow_partial,omitempty"`
}

// The kinds of step.
const (
	KindTask     = "task"
	KindEach     = "each"
	KindParallel = "parallel"
	KindGate     = "gate"
	KindCustom   = "custom"
)

// ItemDef is an item of an Each: its key, and the hash of its value.
type ItemDef struct {
	Key  string `json:"k"`
	Hash string `json:"h"`
}

// Type names a kind of event in the journal.
type Type string

// The event types. D: durable, acknowledged only when it is on disk. n: a note, written at once, synced with the next D.
// The comment of each payload type below says what the fold does with it.
const (
	TypeRunCreated      Type = "run.created"      // D
	TypeSessionOpened   Type = "session.opened"   // D
	TypeRunStopped      Type = "run.stopped"      // D
	TypeRunParams       Type = "run.params"       // D
	TypeRunBudget       Type = "run.budget"       // D
	TypePipelineChanged Type = "pipeline.changed" // D
	TypeRunWarning      Type = "run.warning"      // n
	TypePauseRequested  Type = "pause.requested"  // n
	TypeStepStarted     Type = "step.started"     // n
	TypeItemStarted     Type = "item.started"     // n
	TypeStepItems       Type = "step.items"       // D
	TypeStepCompleted   Type = "step.completed"   // D
	TypeStepPartial     Type = "step.partial"     // D
	TypeStepFailed      Type = "step.failed"      // D
	TypeItemCompleted   Type = "item.completed"   // D
	TypeItemFailed      Type = "item.failed"      // D
	TypeItemRetired     Type = "item.retired"     // D
	TypeAttemptFailed   Type = "attempt.failed"   // D if it kills answers or is the last, else n
	TypeCallSent        Type = "call.sent"        // n (D under a budget)
	TypeCallFailed      Type = "call.failed"      // n
	TypeCallAnswered    Type = "call.answered"    // D
	TypeCallJudged      Type = "call.judged"      // n
	TypeCallReplayed    Type = "call.replayed"    // n
	TypeDoCompleted     Type = "do.completed"     // D
	TypeWaiting         Type = "waiting"          // n
	TypeProviderState   Type = "provider.state"   // n
	TypeGateOpened      Type = "gate.opened"      // D
	TypeGateDecided     Type = "gate.decided"     // D
	TypeResultEdited    Type = "result.edited"    // D
	TypeInvalidated     Type = "invalidated"      // D
	TypeJournalMark     Type = "journal.mark"     // D
)

// RunCreated is the first record of every journal. Fold: the run exists, its steps are pending.
type RunCreated struct {
	Format     int             `json:"format"`
	RunID      string          `json:"run_id"` // random; seeds the checksum of every record
	Name       string          `json:"name"`   // the exact name, for disks that fold case
	Pipeline   string          `json:"pipeline"`
	HashRecipe int             `json:"hash_recipe"` // version of the request hash, fixed for the run's life
	Steps      []StepDef       `json:"steps"`
	Params     json.RawMessage `json:"params,omitempty"`
	ForkedFrom *Origin         `json:"forked_from,omitempty"`

	// Budget are limits in micro-dollars, of the run ("") and of steps, as RunBudget sets them later.
	Budget map[string]int64 `json:"budget,omitempty"`
}

// Origin is where a forked run came from.
type Origin struct {
	Run   string `json:"run"`
	RunID string `json:"run_id"`
	Seq   uint64 `json:"seq"`
}

// SessionOpened begins a session: one process working on the run. Fold: open; calls that a dead session left without an
// end are in doubt; what it left running is pending.
type SessionOpened struct {
	PID         int               `json:"pid"`
	Host        string            `json:"host"`
	Versions    map[string]string `json:"versions,omitempty"` // dogear, go
	Concurrency int               `json:"concurrency,omitempty"`
	Roles       map[string]string `json:"roles,omitempty"`    // role → model, as the program names them
	Settings    map[string]string `json:"settings,omitempty"` // what the program wants to find again on resume; never a key
	Budget      int64             `json:"budget,omitempty"`   // micro-dollars; 0: none
}

// RunStopped ends a session in order. Fold: the run's status; 100 % only with completed.
type RunStopped struct {
	Status Status     `json:"status"`
	Reason string     `json:"reason,omitempty"`
	Class  string     `json:"class,omitempty"`
	Until  *time.Time `json:"until,omitempty"` // when going on makes sense
	Hint   string     `json:"hint,omitempty"`
	Short  *Short     `json:"short,omitempty"` // the limit that it was paused for, where a larger one helps
}

// Short is a limit that did not allow the next call.
type Short struct {
	Step   string `json:"step,omitempty"` // whose limit it is; empty: the run's
	Enough int64  `json:"enough"`         // micro-dollars: the smallest limit that allows the call
}

// RunParams replaces the run's parameters. Fold: the new ones.
type RunParams struct {
	Old json.RawMessage `json:"old"`
	New json.RawMessage `json:"new"`
}

// RunBudget sets a limit in micro-dollars; Step empty: of the run. Fold: the limit; zero or less: there is none any more.
type RunBudget struct {
	Step  string `json:"of,omitempty"`
	Limit int64  `json:"limit"`
}

// PipelineChanged says that the pipeline declares other steps than the run knew. Fold: the new steps, in the new order;
// what is known of those that stay, stays; Renamed maps new names to old.
type PipelineChanged struct {
	Steps   []StepDef         `json:"steps"`
	Added   []string          `json:"added,omitempty"`
	Removed []string          `json:"removed,omitempty"`
	Renamed map[string]string `json:"renamed,omitempty"`
}

// RunWarning tells the user something that did not stop the run. Fold: counted per code, the last message kept.
type RunWarning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// PauseRequested says that somebody asked for a pause. Fold: pausing.
type PauseRequested struct {
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
}

// StepStarted begins a step. Fold: running.
type StepStarted struct{}

// ItemStarted begins an item. Fold: running.
type ItemStarted struct{}

// StepItems lists the items of an Each, in chunks of at most 1,000. The first chunk (First 0) carries the total; the
// list counts once the last chunk is there. Fold: total, keys, hashes.
type StepItems struct {
	First int       `json:"first"`
	Total int       `json:"total"`
	Items []ItemDef `json:"items"`
	Reads []Read    `json:"reads,omitempty"` // of the items function; with the first chunk
}

// StepCompleted ends a step well. Fold: completed; its replay queue is dropped.
type StepCompleted struct {
	Result  json.RawMessage `json:"result,omitempty"` // absent for an Each: its items have the results
	Hash    string          `json:"hash"`
	Version string          `json:"version,omitempty"`
	Reads   []Read          `json:"reads,omitempty"`
	Base    string          `json:"base,omitempty"` // BasePartial: some of what it read was incomplete
}

// BasePartial is the [StepCompleted.Base] of a step that accepted an incomplete input.
const BasePartial = "partial"

// StepPartial ends an Each some of whose items failed or stayed behind a failed one in their lane. Fold: partial.
type StepPartial struct {
	Done   int    `json:"done"`
	Failed int    `json:"failed"`
	Base   string `json:"base,omitempty"`
}

// StepFailed ends a step badly. Fold: failed, or tolerated; an error entry; the items in Pending go back to pending.
type StepFailed struct {
	Class     string   `json:"class"`
	Provider  string   `json:"provider,omitempty"`
	Message   string   `json:"message"`
	Attempts  int      `json:"attempts,omitempty"`
	Tolerated bool     `json:"tolerated,omitempty"`
	Pending   []string `json:"pending,omitempty"` // items of a systemic stop
	Hint      string   `json:"hint,omitempty"`
}

// ItemCompleted ends an item well. Fold: done + 1; its replay queue is dropped.
type ItemCompleted struct {
	Result   json.RawMessage `json:"result"`
	Hash     string          `json:"hash"`
	Version  string          `json:"version,omitempty"`
	Reads    []Read          `json:"reads,omitempty"`
	Warnings []string        `json:"warnings,omitempty"` // codes
}

// ItemFailed ends an item badly. Fold: failed + 1; an error entry; its replay queue is kept for the retry.
type ItemFailed struct {
	Class    string `json:"class"`
	Provider string `json:"provider,omitempty"`
	Message  string `json:"message"`
	Attempts int    `json:"attempts,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// ItemRetired takes items out that the items function no longer gives. Fold: out of total and results; kept in history.
type ItemRetired struct {
	Keys   []string `json:"keys"`
	Reason string   `json:"reason,omitempty"`
}

// AttemptFailed ends one attempt of a step or item. Fold: with KeepTo, the answers and Do results of the scope (and of
// the Dos inside it) with numbers above KeepTo are dead: never replayed again. Without it nothing dies.
type AttemptFailed struct {
	Class   string  `json:"class"`
	Message string  `json:"message"`
	KeepTo  *uint64 `json:"keep_to,omitempty"`
	Next    string  `json:"next,omitempty"`    // what is done about it: NextRetry, NextGiveUp
	WaitMS  int64   `json:"wait_ms,omitempty"` // before the next attempt
}

// What is done about a failed try or attempt.
const (
	NextRetry  = "retry"
	NextSwitch = "switch"
	NextWait   = "wait"
	NextGiveUp = "give up"
)

// CallSent says that a paid request is about to leave. Fold: an open reservation, until the try ends.
type CallSent struct {
	Call     string `json:"call"` // one GenerateContent; unique in the run
	Try      int    `json:"try"`  // one request of it, from 1
	Role     string `json:"role,omitempty"`
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model,omitempty"`
	Hash     string `json:"hash"`               // of the request
	Estimate Usage  `json:"estimate,omitzero"`  // tokens
	Reserved *int64 `json:"reserved,omitempty"` // micro-dollars, the most that it can cost; nil: unknown
}

// CallFailed ends a try without a usable answer. Fold: failed calls + 1, an error entry, the reservation is closed.
type CallFailed struct {
	Call      string `json:"call"`
	Try       int    `json:"try"`
	Provider  string `json:"provider,omitempty"`
	Model     string `json:"model,omitempty"`
	Class     string `json:"class"`
	Status    int    `json:"status,omitempty"` // HTTP
	Message   string `json:"message,omitempty"`
	LatencyMS int64  `json:"latency_ms,omitempty"`
	Usage     Usage  `json:"usage,omitzero"`     // a failed try may be billed
	Cost      *int64 `json:"cost,omitempty"`     // micro-dollars; nil: none, or unknown when Usage or Unpriced says that it was billed
	Bound     bool   `json:"bound,omitempty"`    // Cost is the most that it can have been: nobody saw the bill
	Unpriced  bool   `json:"unpriced,omitempty"` // it may have been billed, and nobody knows how much
	Next      string `json:"next,omitempty"`
	WaitMS    int64  `json:"wait_ms,omitempty"`
}

// CallAnswered records a paid answer, before anything judges it. Fold: calls + 1, usage; it joins its scope's queue.
type CallAnswered struct {
	Call      string          `json:"call"`
	Try       int             `json:"try"`
	Role      string          `json:"role,omitempty"`
	Provider  string          `json:"provider,omitempty"`
	Model     string          `json:"model,omitempty"`
	Hash      string          `json:"hash"`               // of the request
	Messages  []string        `json:"messages,omitempty"` // a short hash for each message of the request
	Answer    json.RawMessage `json:"answer"`
	Finish    string          `json:"finish,omitempty"`
	Usage     Usage           `json:"usage,omitzero"`
	Cost      *int64          `json:"cost,omitempty"`  // micro-dollars; nil: unknown
	Bound     bool            `json:"bound,omitempty"` // Cost is the most that it can have been: the provider did not say
	LatencyMS int64           `json:"latency_ms,omitempty"`
}

// CallJudged says that the answer recorded as Of was not used. Fold: its tokens are waste, once. It still replays.
type CallJudged struct {
	Of    uint64 `json:"of"`
	Class string `json:"class"`
}

// CallReplayed says that the answer recorded as Of was given again, for nothing. Fold: replayed + 1.
type CallReplayed struct {
	Of       uint64 `json:"of"`
	Provider string `json:"provider,omitempty"` // who gave it; it may be of an earlier generation, which no queue holds
	Model    string `json:"model,omitempty"`
}

// DoCompleted records the result of a side effect. Fold: the result of Key in its scope. With Queue, results of one key
// form a queue in journal order, as answers do.
type DoCompleted struct {
	Key    string          `json:"key"`
	Queue  bool            `json:"queue,omitempty"`
	Result json.RawMessage `json:"result"`
}

// Waiting says that something waits, and for how long. Fold: shown until something else happens in the scope.
type Waiting struct {
	Why      string    `json:"why"`
	Provider string    `json:"provider,omitempty"`
	Until    time.Time `json:"until"`
	ForMS    int64     `json:"for_ms"`
}

// ProviderState says that a provider cools down or is excluded. Fold: the cooldown; an exclusion lasts one session.
type ProviderState struct {
	Provider string    `json:"provider"`
	Model    string    `json:"model,omitempty"`
	State    string    `json:"state"` // ProviderCooling, ProviderExcluded, ProviderHealthy
	Class    string    `json:"class,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	ForMS    int64     `json:"for_ms,omitempty"` // the smaller remainder of Until and ForMS counts
}

// The states of a provider.
const (
	ProviderHealthy  = "healthy"
	ProviderCooling  = "cooling"
	ProviderExcluded = "excluded"
)

// GateOpened asks a person. Fold: the step waits.
type GateOpened struct {
	Shown string `json:"shown"`
	Hash  string `json:"hash"`
}

// GateDecided is the person's answer. Fold: the gate's answer; step.completed or step.failed follows.
type GateDecided struct {
	Decision string    `json:"decision"` // GateApproved, GateRejected
	Who      string    `json:"who,omitempty"`
	Note     string    `json:"note,omitempty"`
	Hash     string    `json:"hash"`        // of what was shown
	At       time.Time `json:"at,omitzero"` // when the person decided, which may be long before the run took it in
}

// The decisions of a gate.
const (
	GateApproved = "approved"
	GateRejected = "rejected"
)

// ResultEdited replaces a result by a person's. Fold: the new result, pinned.
type ResultEdited struct {
	Result   json.RawMessage `json:"result"`
	Hash     string          `json:"hash"`
	Replaces string          `json:"replaces"` // the hash it replaced
	Who      string          `json:"who,omitempty"`
	Note     string          `json:"note,omitempty"`
}

// Invalidated sends steps or items back to pending. Fold: pending, generation + 1.
type Invalidated struct {
	Scopes []Scope `json:"scopes"`
	Reason string  `json:"reason"`
	Replay bool    `json:"replay,omitempty"` // answers of the earlier generation may be replayed where the request is equal
	By     string  `json:"by,omitempty"`
}

// JournalMark says what was done to the journal itself. From and To are the numbers of the records concerned; of an
// upgrade, the formats before and after, and readers that don't know the later one refuse the journal. Fold: a warning
// for recovered and repaired, else none.
type JournalMark struct {
	Kind      string `json:"kind"` // MarkRecovered, MarkRepaired, MarkUpgraded, MarkClosed
	From      uint64 `json:"from,omitempty"`
	To        uint64 `json:"to,omitempty"`
	BytesLost int64  `json:"bytes_lost,omitempty"`
	Copy      string `json:"copy,omitempty"` // the file that keeps what was there before
}

// The kinds of [JournalMark].
const (
	MarkRecovered = "recovered" // an unacknowledged tail was dropped
	MarkRepaired  = "repaired"  // this record stands in the place of one that was damaged
	MarkUpgraded  = "upgraded"  // a newer version wrote from here on
	MarkClosed    = "closed"    // the session closed the journal in order
)

// Ignored is the payload of a type that this version does not know and that its writer marked as one to skip.
type Ignored struct {
	Name Type
	Raw  json.RawMessage
}

func (RunCreated) eventType() Type      { return TypeRunCreated }
func (SessionOpened) eventType() Type   { return TypeSessionOpened }
func (RunStopped) eventType() Type      { return TypeRunStopped }
func (RunParams) eventType() Type       { return TypeRunParams }
func (RunBudget) eventType() Type       { return TypeRunBudget }
func (PipelineChanged) eventType() Type { return TypePipelineChanged }
func (RunWarning) eventType() Type      { return TypeRunWarning }
func (PauseRequested) eventType() Type  { return TypePauseRequested }
func (StepStarted) eventType() Type     { return TypeStepStarted }
func (ItemStarted) eventType() Type     { return TypeItemStarted }
func (StepItems) eventType() Type       { return TypeStepItems }
func (StepCompleted) eventType() Type   { return TypeStepCompleted }
func (StepPartial) eventType() Type     { return TypeStepPartial }
func (StepFailed) eventType() Type      { return TypeStepFailed }
func (ItemCompleted) eventType() Type   { return TypeItemCompleted }
func (ItemFailed) eventType() Type      { return TypeItemFailed }
func (ItemRetired) eventType() Type     { return TypeItemRetired }
func (AttemptFailed) eventType() Type   { return TypeAttemptFailed }
func (CallSent) eventType() Type        { return TypeCallSent }
func (CallFailed) eventType() Type      { return TypeCallFailed }
func (CallAnswered) eventType() Type    { return TypeCallAnswered }
func (CallJudged) eventType() Type      { return TypeCallJudged }
func (CallReplayed) eventType() Type    { return TypeCallReplayed }
func (DoCompleted) eventType() Type     { return TypeDoCompleted }
func (Waiting) eventType() Type         { return TypeWaiting }
func (ProviderState) eventType() Type   { return TypeProviderState }
func (GateOpened) eventType() Type      { return TypeGateOpened }
func (GateDecided) eventType() Type     { return TypeGateDecided }
func (ResultEdited) eventType() Type    { return TypeResultEdited }
func (Invalidated) eventType() Type     { return TypeInvalidated }
func (JournalMark) eventType() Type     { return TypeJournalMark }
func (i Ignored) eventType() Type       { return i.Name }
