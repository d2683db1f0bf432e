package dashboard

import (
	"fmt"
	"net/http"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// budgetNone lifts a limit.
const budgetNone = "none"

const cent = 10_000 // micro-dollars

// shortOf is the limit that a run is paused for, and what would be enough; nil: it is not paused for one, or none would
// help.
func shortOf(st *state.WorkflowState) *ShortBudget {
	if st.Short == nil || st.Status != state.StatusPaused {
		return nil
	}
	short := &ShortBudget{Step: st.Short.Step, Limit: st.Budget[st.Short.Step], Enough: st.Short.Enough}
	propose := max(2*short.Limit, short.Enough) / cent
	short.Propose = fmt.Sprintf("%d.%02d", propose/100, propose%100)
	return short
}

// newBudget reads the budget of a request to resume, which is about the limit that the run is paused for, else about the
// run's. It refuses to go on with a run whose budget is not enough: it would pause again at once.
func newBudget(st *state.WorkflowState, text string) (b workflow.Budget, err error) {
	short := shortOf(st)
	limit, step := int64(0), ""
	if short != nil {
		step = short.Step
	}
	switch text {
	case "":
	case budgetNone:
		limit = -1
	default:
		if limit, _ = state.ParseDollars(text); limit == 0 {
			return b, badRequest("budget must be an amount of dollars above 0, as in 5.00, with at most six decimals; or none")
		}
	}
	now := limit
	if now == 0 {
		now = st.Budget[step]
	}
	if short != nil && now > 0 && now < short.Enough {
		return b, &refusal{status: http.StatusConflict, text: fmt.Sprintf("a budget of %s is not enough to go on", state.Dollars(now)),
			hint: fmt.Sprintf("resume it with a budget of %s or more, or none", state.Dollars(short.Enough))}
	}
	if step == "" {
		b.Run = limit
	} else if limit != 0 {
		b.Steps = map[string]int64{step: limit}
	}
	return b, nil
}
