package workflow

import (
	"context"
	"time"

	"github.com/tmc/langchaingo/llms"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// Config holds what a run needs. The zero value runs a pipeline that makes no model call, in the folder output.
type Config struct {
	// Store keeps the journal. Defaults to filestore.Open("output").
	Store state.Store

	// Params are the run's parameters, a struct that becomes a JSON object. They are recorded when the run starts; given
	// again with other values they are refused (ErrParams). Defaults to the run's own.
	Params any

	// Model answers every role that Roles does not name. Defaults to none.
	Model llms.Model

	// Roles are models for single roles. Defaults to none.
	Roles map[string]llms.Model

	// Policy classifies errors and says how long an attempt waits before the next. Defaults to that of package resilience.
	Policy resilience.Policy

	// Controller pauses and cancels the run. Defaults to none: then only ctx and Run.Ask stop it.
	Controller *controller.Controller

	// Observers are told of every event. Defaults to none.
	Observers []state.Observer

	// Export writes files derived from the run; its context reads results. It is called after each step and at the end.
	// Its error is noted as a warning, no more. Defaults to none.
	Export func(context.Context) error

	// Logger gets what happens, never a key, a prompt or an answer; see the package's comment. Defaults to silence.
	Logger *zap.Logger

	// Concurrency is how many items of an Each run side by side where the step does not say. Defaults to 1.
	Concurrency int

	// MaxSystemic is after how many item failures in a row, all of one class that lies with the provider, an Each stops. At
	// least the concurrency. Defaults to 5.
	MaxSystemic int

	// MaxCalls bounds the paid calls of one attempt of a step or item. Defaults to 1,000.
	MaxCalls int

	// Budget limits what the run spends on model calls. Defaults to the run's own, if it has one.
	Budget Budget

	// Price gives the price of an answer in micro-dollars; false: unknown. More tokens must not cost less. Defaults to unknown.
	Price func(provider, model string, u state.Usage) (microUSD int64, ok bool)

	// OnDivergence says what happens when a step, after a resume, asks something else than what it asked before.
	// Defaults to DivergencePay.
	OnDivergence Divergence

	// Settings are what the program wants to find again on resume (state.WorkflowState.Session.Settings): the flags it
	// was started with. They must hold no key. Defaults to those of the last session.
	Settings map[string]string

	// Retry names the failed steps that this session tries again, and of an Each the items; no items means all of them.
	// Defaults to everything that failed.
	Retry map[string][]string

	// Now is the clock of event times. Defaults to time.Now.
	Now func() time.Time
}

// Divergence says what happens when a step asks something else than what it asked before.
type Divergence string

// The choices of Config.OnDivergence.
const (
	DivergencePay  Divergence = ""     // warn, and pay for the new answer
	DivergenceStop Divergence = "stop" // fail the attempt with ErrDiverged, before anything is paid
)

func (c Config) concurrency() int { return max(1, c.Concurrency) }

func (c Config) maxCalls() int {
	if c.MaxCalls > 0 {
		return c.MaxCalls
	}
	return 1000
}

func (c Config) maxSystemic(concurrency int) int {
	n := c.MaxSystemic
	if n <= 0 {
		n = 5
	}
	return max(n, concurrency)
}

func (c Config) log() *zap.Logger {
	if c.Logger != nil {
		return c.Logger
	}
	return zap.NewNop()
}
