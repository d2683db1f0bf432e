package state

import "time"

// summary is the readable part of a snapshot.
type summary struct {
	Run      string            `json:"run"`
	Pipeline string            `json:"pipeline"`
	Status   Status            `json:"status"`
	Progress float64           `json:"progress"`
	Steps    map[string]Status `json:"steps"`
	Usage    Totals            `json:"usage"`
	Errors   int               `json:"errors"`
	Updated  time.Time         `json:"updated_at"`
}

func (st *WorkflowState) summary() summary {
	s := summary{
		Run: st.Run, Pipeline: st.Pipeline, Status: st.Status, Progress: st.Progress(), Steps: map[string]Status{},
		Usage: st.Usage, Errors: st.fold.errorCount, Updated: st.Updated,
	}
	for _, step := range st.Steps {
		s.Steps[step.Name] = step.Status
	}
	return s
}
