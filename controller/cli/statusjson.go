package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state"
)

// statusJSON is what --status --json prints, one object. Other programs rely on it: fields may be added, never renamed
// or taken away.
type statusJSON struct {
	Run         string        `json:"run"`
	Pipeline    string        `json:"pipeline"`
	Status      state.Status  `json:"status"` // running, interrupted, paused, waiting, partial, failed, completed
	Reason      string        `json:"reason"`
	Hint        string        `json:"hint"`
	Warnings    []warningJSON `json:"warnings"`
	Progress    float64       `json:"progress"` // percent
	CurrentStep string        `json:"current_step"`
	NextStep    string        `json:"next_step"`
	FailedStep  string        `json:"failed_step"`
	Steps       []stepJSON    `json:"steps"`
	Usage       usageJSON     `json:"usage"`
	Budget      []budgetJSON  `json:"budget"`
	Errors      []errorJSON   `json:"errors"` // the last state.MaxErrors
	ErrorCount  int           `json:"error_count"`
	StartedAt   time.Time     `json:"started_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
	FinishedAt  time.Time     `json:"finished_at,omitzero"`
	Until       time.Time     `json:"until,omitzero"` // when going on makes sense

	Params   json.RawMessage   `json:"params,omitempty"`
	Settings map[string]string `json:"settings,omitempty"` // of the last session
}

type warningJSON struct {
	Code    string `json:"code"`
	Count   int    `json:"count"`
	Message string `json:"message"`
}

type stepJSON struct {
	Name   string       `json:"name"`
	Status state.Status `json:"status"`
	Items  itemsJSON    `json:"items"`
	Gate   *gateStatus  `json:"gate,omitempty"` // of a step that asked a person

	CostMicroUSD int64 `json:"cost_micro_usd"`
	WasteCost    int64 `json:"waste_micro_usd"`
	Unpriced     int   `json:"unpriced"`
}

// gateStatus is the last question of a gate; show prints what it was about.
type gateStatus struct {
	Hash    string         `json:"hash"` // of what was shown
	Opened  time.Time      `json:"opened_at"`
	Decided *state.Decided `json:"decided,omitempty"` // absent: it waits
	Left    *state.Decided `json:"left,omitempty"`    // a decision that the run takes in when it goes on
}

// newGateStatus is what is known of a gate; left holds the decisions that were not taken in yet.
func newGateStatus(s *state.StepState, left map[string]state.Request) *gateStatus {
	g := s.Gate
	if g == nil || g.Seq == 0 {
		return nil
	}
	status := &gateStatus{Hash: g.Hash, Opened: g.Opened, Decided: g.Decided}
	if r, ok := left[s.Name]; ok {
		status.Left = &state.Decided{Decision: r.Decision(), Who: r.By, Note: r.Note, Hash: g.Hash, Time: r.Time}
	}
	return status
}

// leftDecisions are the decisions that the run takes in when it goes on, by step. What can't be read of them is left out: a
// status tells what there is.
func (k *kit) leftDecisions(ctx context.Context, store state.Store, st *state.WorkflowState) map[string]state.Request {
	inbox, ok := store.(state.Inbox)
	if !ok || len(openGates(st)) == 0 {
		return nil
	}
	requests, err := inbox.Requests(ctx, k.project)
	if err != nil && k.log != nil {
		k.log.Warn("requests can't be read", zap.String("run", k.project), zap.Error(err))
	}
	return st.Decisions(requests)
}

// observe tells in the state of a run that waits what was decided since it stopped, and what is left to do.
func (k *kit) observe(st *state.WorkflowState, left map[string]state.Request) {
	reason, decided := st.ReasonWith(left)
	if st.Reason = reason; decided {
		st.Hint = "go on with: " + k.command("--resume")
	}
}

type itemsJSON struct {
	Total  int `json:"total"`
	Done   int `json:"done"`
	Failed int `json:"failed"`
}

type totalsJSON struct {
	Calls        int   `json:"calls"`
	FailedCalls  int   `json:"failed_calls"`
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	Replayed     int   `json:"replayed"`
	InDoubt      int   `json:"in_doubt"`
	Uncounted    int   `json:"uncounted"` // calls whose tokens the provider did not tell
	WastedInput  int64 `json:"wasted_input_tokens"`
	WastedOutput int64 `json:"wasted_output_tokens"`
	CostMicroUSD int64 `json:"cost_micro_usd"`  // of the calls whose cost is known
	WasteCost    int64 `json:"waste_micro_usd"` // the part of it that bought nothing
	DoubtCost    int64 `json:"doubt_micro_usd"` // the part of it that may be less: nobody saw those bills
	Unpriced     int   `json:"unpriced"`        // calls whose cost is not known
}

type usageJSON struct {
	totalsJSON
	Providers map[string]totalsJSON `json:"providers"`
	Models    []modelJSON           `json:"models"`
	Reserved  int64                 `json:"reserved_micro_usd"` // for calls in flight
}

type modelJSON struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	totalsJSON
}

type budgetJSON struct {
	Step          string `json:"step"` // empty: the run's
	LimitMicroUSD int64  `json:"limit_micro_usd"`
}

type errorJSON struct {
	Time     time.Time `json:"time"`
	Step     string    `json:"step"`
	Item     string    `json:"item"`
	Class    string    `json:"class"`
	Provider string    `json:"provider"`
	Message  string    `json:"message"`
	Attempt  int       `json:"attempt"`
	Then     string    `json:"then"` // what was done about it
}

func writeStatusJSON(w io.Writer, st *state.WorkflowState) error {
	return writeJSON(w, newStatusJSON(st, nil))
}

func newStatusJSON(st *state.WorkflowState, left map[string]state.Request) statusJSON {
	s := statusJSON{
		Run: st.Run, Pipeline: st.Pipeline, Status: st.Status, Reason: st.Reason, Hint: st.Hint, Progress: st.Progress(),
		CurrentStep: st.Current(), NextStep: st.Next(), FailedStep: st.FailedStep(), ErrorCount: st.ErrorCount(),
		StartedAt: st.Started, UpdatedAt: st.Updated, FinishedAt: st.Finished, Until: st.Until,
		Params: st.Params, Settings: st.Session.Settings,
		Warnings: make([]warningJSON, 0, len(st.Warnings)), Steps: make([]stepJSON, 0, len(st.Steps)),
		Errors: make([]errorJSON, 0, len(st.Errors)),
		Usage: usageJSON{
			totalsJSON: newTotalsJSON(st.Usage), Providers: make(map[string]totalsJSON, len(st.Providers)),
			Models: modelsJSON(st), Reserved: st.Reserved(""),
		},
		Budget: make([]budgetJSON, 0, len(st.Budget)),
	}
	for _, step := range slices.Sorted(maps.Keys(st.Budget)) {
		s.Budget = append(s.Budget, budgetJSON{step, st.Budget[step]})
	}
	for _, w := range st.Warnings {
		s.Warnings = append(s.Warnings, warningJSON(w))
	}
	for i := range st.Steps {
		step := &st.Steps[i]
		s.Steps = append(s.Steps, stepJSON{step.Name, step.Status, itemsJSON{step.Items.Total, step.Items.Done, step.Items.Failed}, newGateStatus(step, left),
			step.Usage.Cost, step.Usage.WasteCost, step.Usage.Unpriced})
	}
	for name, totals := range st.Providers {
		s.Usage.Providers[name] = newTotalsJSON(totals)
	}
	for _, e := range st.Errors {
		s.Errors = append(s.Errors, errorJSON{e.Time, e.Step, e.Item, e.Class, e.Provider, e.Message, e.Attempt, e.Next})
	}
	return s
}

func newTotalsJSON(t state.Totals) totalsJSON {
	return totalsJSON{
		Calls: t.Calls, FailedCalls: t.FailedCalls, InputTokens: t.Usage.Input, OutputTokens: t.Usage.Output,
		Replayed: t.Replayed, InDoubt: t.InDoubt, Uncounted: t.Uncounted, WastedInput: t.Waste.Input, WastedOutput: t.Waste.Output,
		CostMicroUSD: t.Cost, WasteCost: t.WasteCost, DoubtCost: t.DoubtCost, Unpriced: t.Unpriced,
	}
}

func modelsJSON(st *state.WorkflowState) []modelJSON {
	all := make([]modelJSON, 0, len(st.Models))
	for id, t := range st.Models {
		all = append(all, modelJSON{id.Provider, id.Model, newTotalsJSON(t)})
	}
	slices.SortFunc(all, func(a, b modelJSON) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Model, b.Model))
	})
	return all
}

// writeJSON prints one value as indented JSON, without HTML escapes.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
