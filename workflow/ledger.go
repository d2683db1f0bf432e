package workflow

import (
	"sync"

	"github.com/dogear-go/dogear/state"
)

// ledger knows what a run has spent and what is reserved for calls in flight, so that calls side by side can't spend the
// same money. Reserving takes no write and no sync; call.sent carries the reservation into the journal before the request
// leaves, and the fold of the journal is what the next session begins with. It is safe for concurrent use.
type ledger struct {
	limits  map[string]int64  // "" the run, else a step; not changed
	parents map[string]string // step → the Parallel that it stands in; not changed

	mu      sync.Mutex       // guards the fields below
	spent   map[string]int64 // settled: "" the run, else a step
	held    map[string]int64 // reserved
	settled chan struct{}    // closed, and made anew, when something was settled; nobody sends
}

func newLedger(limits map[string]int64, defs []state.StepDef) *ledger {
	l := &ledger{limits: limits, parents: map[string]string{}, held: map[string]int64{}, settled: make(chan struct{})}
	for _, d := range defs {
		l.parents[d.Name] = d.Parent
	}
	return l
}

// begin takes in what the run spent before. A call in flight is of a session that died: it is spent.
func (l *ledger) begin(st *state.WorkflowState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = map[string]int64{"": st.Usage.Cost + st.Reserved("")}
	for i := range st.Steps {
		s := &st.Steps[i]
		for name := s.Name; name != ""; name = l.parents[name] {
			l.spent[name] += s.Usage.Cost + st.Reserved(s.Name)
		}
	}
}

// accounts are those that a call of the step is booked on.
func (l *ledger) accounts(step string) []string {
	names := []string{""}
	for ; step != ""; step = l.parents[step] {
		names = append(names, step)
	}
	return names
}

// limited is the account of a step with a limit; ok is false when there is none.
func (l *ledger) limited(step string) (account string, ok bool) {
	for _, name := range l.accounts(step) {
		if l.limits[name] > 0 {
			return name, true
		}
	}
	return "", false
}

func (l *ledger) spentOn(account string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spent[account]
}

// hold is a reservation.
type hold struct {
	accounts []string
	micro    int64
}

// reserve takes hold of the money for a call. When it does not fit, and not even once everything but mine is settled, why
// says so; else wait is closed when it is worth trying again.
func (l *ledger) reserve(step string, micro, mine int64) (h *hold, wait <-chan struct{}, why *BudgetError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	accounts := l.accounts(step)
	fits := true
	for _, name := range accounts {
		limit, spent := l.limits[name], l.spent[name]
		if limit <= 0 {
			continue
		}
		if micro > limit-spent-mine {
			return nil, nil, &BudgetError{Step: name, Limit: limit, Spent: spent, Needed: micro}
		}
		fits = fits && micro <= limit-spent-l.held[name]
	}
	if !fits {
		return nil, l.settled, nil
	}
	for _, name := range accounts {
		l.held[name] += micro
	}
	return &hold{accounts, micro}, nil, nil
}

// settle books what a call cost in the place of what was reserved for it.
func (l *ledger) settle(h *hold, cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range h.accounts {
		l.held[name] -= h.micro
		l.spent[name] += cost
	}
	close(l.settled)
	l.settled = make(chan struct{})
}
