package dashboard

import (
	"math"
	"time"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow/estimate"
)

// lefts are how long a run and its steps still took at one moment.
type lefts struct {
	run   TimeLeft
	steps map[string]TimeLeft
}

func leftsOf(st *state.WorkflowState, est *estimate.Estimator, now time.Time) lefts {
	l := lefts{run: leftView(est.Run(now)), steps: make(map[string]TimeLeft, len(st.Steps))}
	for i := range st.Steps {
		l.steps[st.Steps[i].Name] = leftView(est.Step(st.Steps[i].Name, now))
	}
	return l
}

// leftView rounds to seconds: finer ones would make every look at a run news.
func leftView(l estimate.Left) TimeLeft {
	v := TimeLeft{Known: l.Known, Unknown: l.Unknown}
	if l.Known {
		v.Seconds = math.Round(l.Duration.Seconds())
	}
	return v
}
