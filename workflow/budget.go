package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// Budget limits what a run spends on model calls, in micro-dollars: $1 is 1,000,000. Before a call leaves, the most that it
// can cost is reserved; a call that no longer fits pauses the run, and nothing is lost: it goes on with a larger budget.
// While other calls are in flight, a call that would fit once they are settled waits for them.
//
// The most that a call can cost is its prompt (see resilience.PromptBound) and the longest answer that it asks for, else
// the model's longest. So spending stays within the limit as long as the prices are right (Config.Price) and the provider
// keeps to the length that it was asked for; an answer that costs more than was reserved is counted all the same, and the
// user is warned. Calls in doubt, which were sent by a process that died, count at their reservation. A model whose price or
// longest answer is not known is refused. What is not a model call is not limited: embeddings, tools, and whatever the
// function of a Do pays for by itself.
//
// The limits are recorded in the run. A zero field leaves its recorded limit as it is, a negative one lifts it.
type Budget struct {
	// Run limits the whole run, all sessions together. Defaults to the run's own.
	Run int64

	// Steps limit single steps, of a Parallel all its children together. Defaults to the run's own.
	Steps map[string]int64
}

// BudgetClass is the class with which a run stops whose budget does not allow the next call.
const BudgetClass = "budget"

// BudgetError says that the next call is not within the budget. It is ErrPaused: the run pauses, and goes on with a larger
// budget.
type BudgetError struct {
	Step   string // whose limit it is; empty: the run's
	Limit  int64  // micro-dollars, as are the others
	Spent  int64
	Needed int64 // the most that the call can cost; zero where that is not known

	Provider, Model string // who was to be asked; empty for a model that is not of a chain

	Unpriced  bool // the model's price is not known
	Unbounded bool // its price is known, but not how long its answer may become
}

func (e *BudgetError) Error() string {
	whose := "the budget of the run"
	if e.Step != "" {
		whose = "the budget of step " + e.Step
	}
	limit := fmt.Sprintf("%s, %s", whose, state.Dollars(e.Limit))
	switch {
	case e.Unpriced:
		return fmt.Sprintf("there is a budget (%s), but nobody knows what a call to %s costs", limit, e.model())
	case e.Unbounded:
		return fmt.Sprintf("there is a budget (%s), but nobody knows how long the answer of %s may become", limit, e.model())
	}
	return fmt.Sprintf("%s, is not enough for the next call: %s is spent, and a call to %s may cost up to %s",
		limit, state.Dollars(e.Spent), e.model(), state.Dollars(e.Needed))
}

// Hint says what a person can do.
func (e *BudgetError) Hint() string {
	switch {
	case e.Unpriced:
		return "say its price in the configuration (price: in dogear.yaml, or Config.Price), ask another model, or lift the budget"
	case e.Unbounded:
		return "say how long its answers may be (llms.WithMaxTokens, max_tokens: of a role or max_output: of a model in dogear.yaml), ask another model, or lift the budget"
	}
	return fmt.Sprintf("go on with a budget of %s or more, or without one", state.Dollars(e.Enough()))
}

// Enough is the smallest limit, in whole cents, with which the call can be made; zero when no limit would help.
func (e *BudgetError) Enough() int64 {
	const cent = 10_000
	if e.Unpriced || e.Unbounded {
		return 0
	}
	return (e.Spent + e.Needed + cent - 1) / cent * cent
}

// Is reports that a BudgetError is ErrPaused.
func (e *BudgetError) Is(target error) bool { return target == ErrPaused }

// ErrorClass gives the class to package resilience.
func (e *BudgetError) ErrorClass() resilience.Class { return BudgetClass }

func (e *BudgetError) model() string {
	switch {
	case e.Provider == "" && e.Model == "":
		return "this model"
	case e.Model == "":
		return e.Provider
	}
	return strings.TrimSpace(e.Provider + " " + e.Model)
}

// change is what the budget changes of the limits that a run has, and the limits then. A step that the pipeline does not
// declare is an error.
func (b Budget) change(known map[string]int64, defs []state.StepDef) (limits map[string]int64, changes []state.RunBudget, err error) {
	limits = maps.Clone(known)
	if limits == nil {
		limits = map[string]int64{}
	}
	set := func(step string, limit int64) {
		limit = max(limit, -1)
		if limit == 0 || limit == limits[step] || limit < 0 && limits[step] == 0 {
			return
		}
		changes = append(changes, state.RunBudget{Step: step, Limit: max(limit, 0)})
		if delete(limits, step); limit > 0 {
			limits[step] = limit
		}
	}
	set("", b.Run)
	for _, step := range slices.Sorted(maps.Keys(b.Steps)) {
		if step == "" || !declares(defs, step) {
			return nil, nil, misuse("Config.Budget: the pipeline has no step %q", step)
		}
		set(step, b.Steps[step])
	}
	return limits, changes, nil
}
