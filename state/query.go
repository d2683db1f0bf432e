package state

import "slices"

// Step returns what is known of a step, nil when the run has none of that name.
func (st *WorkflowState) Step(name string) *StepState {
	if i, ok := st.fold.index[name]; ok {
		return &st.Steps[i]
	}
	return nil
}

// Progress is the share of the run that is done, in percent with one decimal, rounded down; at most 99.9 before the run
// completed. Each top-level step counts the same: 1 when completed or tolerated, done ÷ total for an Each that knows its
// items, the mean of its children for a Parallel, else 0.
func (st *WorkflowState) Progress() float64 {
	if st.Status == StatusCompleted {
		return 100
	}
	sum, n := st.mean("")
	if n == 0 {
		return 0
	}
	// The small addend keeps a quotient such as 0.7 from becoming 699 in binary.
	permille := int(sum/float64(n)*1000 + 1e-9)
	return float64(min(permille, 999)) / 10
}

func (st *WorkflowState) mean(parent string) (sum float64, n int) {
	for i := range st.Steps {
		if st.Steps[i].Parent == parent {
			sum += st.done(&st.Steps[i])
			n++
		}
	}
	return sum, n
}

func (st *WorkflowState) done(s *StepState) float64 {
	switch {
	case s.Status == StatusCompleted || s.Status == StatusTolerated:
		return 1
	case s.Kind == KindParallel && s.Name != "":
		if sum, n := st.mean(s.Name); n > 0 {
			return sum / float64(n)
		}
	case s.Items.Known && s.Items.Total > 0:
		return float64(s.Items.Done) / float64(s.Items.Total)
	}
	return 0
}

// Current is the step that runs now, empty when none does; of several, the first.
func (st *WorkflowState) Current() string {
	if st.Status != StatusOpen && st.Status != StatusRunning {
		return ""
	}
	return st.first(func(s *StepState) bool { return s.Status == StatusRunning })
}

// Next is the first step that has work left and does not run now, empty when there is none.
func (st *WorkflowState) Next() string {
	return st.first(func(s *StepState) bool {
		return !slices.Contains([]Status{StatusRunning, StatusCompleted, StatusTolerated}, s.Status)
	})
}

// FailedStep is the first step that failed, empty when none did.
func (st *WorkflowState) FailedStep() string {
	return st.first(func(s *StepState) bool { return s.Status == StatusFailed })
}

func (st *WorkflowState) first(is func(*StepState) bool) string {
	for i := range st.Steps {
		if st.Steps[i].Kind != KindParallel && is(&st.Steps[i]) {
			return st.Steps[i].Name
		}
	}
	return ""
}

// CanSkip says that a resume has nothing to do in the step.
func (st *WorkflowState) CanSkip(step string) bool {
	s := st.Step(step)
	return s != nil && s.Status == StatusCompleted
}

// Observed is what a reader sees of a stored status: open is running when somebody holds the run, else interrupted.
func (s Status) Observed(held bool) Status {
	switch {
	case s != StatusOpen:
		return s
	case held:
		return StatusRunning
	}
	return StatusInterrupted
}

// StatusOf finds a run's stored status without folding it: called with its events from the last one backwards, until ok.
// An event that only a session writes, found before the session's run.stopped, means that the run is open.
func StatusOf(e Event) (s Status, ok bool) {
	switch d := e.Data.(type) {
	case RunStopped:
		return d.Status, true
	case JournalMark, RunWarning, PauseRequested, ProviderState, Waiting, RunBudget, RunParams,
		GateDecided, ResultEdited, Invalidated, Ignored: // may also be written beside or behind a session
		return "", false
	}
	return StatusOpen, true
}

// Observe turns the stored status open into what a reader sees: running when somebody holds the run, else interrupted.
func (st *WorkflowState) Observe(held bool) {
	if st.Status != StatusOpen {
		return
	}
	if st.Status = st.Status.Observed(held); held {
		return
	}
	st.Waits = nil
	st.settle(StatusInterrupted)
}

// ResultSeq is the number of the event that holds the result of a step, or of an item of an Each; zero: none.
func (st *WorkflowState) ResultSeq(at Scope) uint64 {
	i, ok := st.fold.index[at.Step]
	if !ok {
		return 0
	}
	if at.Item == "" {
		return st.fold.steps[i].result
	}
	items := st.fold.steps[i].items
	if n := items.find(at.Item); n >= 0 && items.at(n).status == itemCompleted {
		return items.at(n).seq
	}
	return 0
}

// Reads returns what a completed step read.
func (st *WorkflowState) Reads(step string) []Read {
	if i, ok := st.fold.index[step]; ok {
		return slices.Clone(st.fold.steps[i].reads)
	}
	return nil
}

// ListReads returns what the items function of an Each read when it gave its list.
func (st *WorkflowState) ListReads(step string) []Read {
	if i, ok := st.fold.index[step]; ok {
		return slices.Clone(st.fold.steps[i].listed)
	}
	return nil
}
