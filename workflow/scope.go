package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// scope is what a context carries: where in which run code runs. One is made for each attempt of a step or item, for
// each Do inside it, for an items function, and (kind reading) for code outside a run that reads its results.
type scope struct {
	kind    scopeKind
	session *session // nil when reading
	source  source
	at      state.Scope
	gen     int
	attempt *attempt
	prev    string // key of the item before this one in its lane; see Previous
	hasPrev bool

	mu        sync.Mutex          // guards the fields below
	closed    bool                // its function has returned
	answers   map[string][]uint64 // request hash → recorded answers not consumed by this attempt, in journal order
	dos       map[string][]uint64 // key → recorded results not consumed by this attempt
	used      map[string]bool     // keys of Do in this attempt
	diverging *resilience.Try     // the first try that paid while recorded answers were not asked for yet

	inherited bool // answers of an earlier generation are among them; set before the function runs
}

type scopeKind int

const (
	scopeStep    scopeKind = iota
	scopeManager           // a step that looks after its own events: an Each, a Parallel or a Gate
	scopeItem
	scopeDo
	scopeList // an items function: may read, not call
	scopeShow // the show function of a Gate: the same
	scopeReading
)

// source is where results are read from: a session's Recorder, or a state loaded from a store.
type source interface {
	view(ctx context.Context, fn func(*state.WorkflowState)) error
	event(ctx context.Context, seq uint64) (state.Event, error)
}

// attempt is what one attempt of a step or item remembers, shared with the Dos inside it.
type attempt struct {
	number int
	parent *attempt // of an item: its step's

	mu        sync.Mutex
	poison    error      // the engine refused something: whatever the function returns is discarded
	consumed  []uint64   // answers and Do results used, replayed or paid, in order of use
	last      uint64     // the last of them that may be to blame for an error; zero: none
	exhausted *exhausted // a call that ended for good
	paid      int        // paid calls
	reads     []state.Read
	partial   bool // something that was read is incomplete
	warnings  []string
	result    []byte   // what the step's function gave
	ended     *ending  // how a manager ended, whatever a wrapper makes of it
	asked     []string // texts of requests, the last ones; see quiet
	askedSize int      // of asked, in bytes
}

// exhausted is a call that failed after all its retries, or whose answers were all rejected.
type exhausted struct {
	class resilience.Class
	err   error
	from  uint64 // the first answer that must not be found again; zero: none
}

type scopeKey struct{}

func withScope(ctx context.Context, sc *scope) context.Context {
	ctx = context.WithValue(ctx, scopeKey{}, sc)
	if sc.session == nil {
		return ctx
	}
	return resilience.WithHooks(ctx, sc.hooks())
}

// scopeFrom returns the scope that ctx carries.
func scopeFrom(ctx context.Context) (*scope, error) {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if sc == nil {
		return nil, ErrNoRun
	}
	return sc, nil
}

// working returns the scope of a context in which something may be recorded.
func working(ctx context.Context, what string) (*scope, error) {
	sc, err := scopeFrom(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	switch sc.kind {
	case scopeReading:
		return nil, fmt.Errorf("%s: %w: this context only reads results", what, ErrNoRun)
	case scopeList:
		return nil, misuse("%s: the items function of step %s may only read results and params", what, sc.at.Step)
	case scopeShow:
		return nil, misuse("%s: the show function of gate %s may only read results and params", what, sc.at.Step)
	case scopeManager: // nothing would keep it from being paid again whenever the run goes on
		return nil, misuse("%s: %s is an Each, a Parallel or a Gate: what a type that wraps it does belongs into a Task or an item", what, sc.name())
	}
	if sc.over() {
		return nil, fmt.Errorf("%s: step %s: %w", what, sc.at.Step, ErrScopeClosed)
	}
	return sc, nil
}

// emit makes an event of this scope.
func (sc *scope) event(data state.Payload) state.Event {
	e := state.New(sc.at, data)
	e.Gen, e.Attempt = sc.gen, sc.attempt.number
	return e
}

// refused reports whether the engine refuses new work to this scope, and poisons it then.
func (sc *scope) refused() error {
	err := sc.session.refusal(sc.at.Step)
	if err != nil {
		sc.attempt.poisonWith(err)
	}
	return err
}

// begin asks whether something new may start in this scope.
func (sc *scope) begin() error {
	if sc.over() {
		return fmt.Errorf("%s: %w", sc.name(), ErrScopeClosed) // a goroutine outlived its step
	}
	return sc.refused()
}

// poisonWith discards whatever the attempt, and those around it, will return.
func (a *attempt) poisonWith(err error) {
	var systemic *systemicStop
	only := errors.As(err, &systemic) // ends the items; their step is recorded as failed
	for ; a != nil; a = a.parent {
		a.mu.Lock()
		if a.poison == nil {
			a.poison = err
		}
		a.mu.Unlock()
		if only {
			return
		}
	}
}

func (a *attempt) poisoned() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.poison
}

func (a *attempt) consume(seq uint64, mayBlame bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.consumed = append(a.consumed, seq)
	if mayBlame {
		a.last = seq
	}
}

// exhaust remembers a call that ended for good. The last one counts, since the code went on after those before; but the
// answers of each that were refused must die.
func (a *attempt) exhaust(x exhausted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.exhausted != nil && a.exhausted.from != 0 && (x.from == 0 || a.exhausted.from < x.from) {
		x.from = a.exhausted.from
	}
	a.exhausted = &x
}

// report is what an attempt leaves behind. Goroutines that outlived its function may still add to it, in vain.
type report struct {
	reads    []state.Read
	partial  bool
	warnings []string
	result   []byte
}

func (a *attempt) report() report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return report{slices.Clone(a.reads), a.partial, slices.Clone(a.warnings), a.result}
}

// note records a dependency once.
func (a *attempt) note(r state.Read) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.reads, r) {
		a.reads = append(a.reads, r)
	}
}

// close ends the scope: nothing can be recorded in it any more.
func (sc *scope) close() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.closed = true
}

func (sc *scope) over() bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.closed
}

// takeAnswer consumes the next recorded answer of an equal request.
func (sc *scope) takeAnswer(hash string) (uint64, bool) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	seqs := sc.answers[hash]
	if len(seqs) == 0 {
		return 0, false
	}
	sc.answers[hash] = seqs[1:]
	return seqs[0], true
}

// putBack undoes the taking of a recorded answer or result that could not be read: it is still there for the next who asks.
func (sc *scope) putBack(queues map[string][]uint64, key string, seq uint64) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	queues[key] = append([]uint64{seq}, queues[key]...)
	slices.Sort(queues[key])
}

// orphans are the recorded answers that this attempt has not consumed, oldest first.
func (sc *scope) orphans() []uint64 {
	if sc.inherited {
		return nil // an earlier generation may well have asked other things
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	var all []uint64
	for _, seqs := range sc.answers {
		all = append(all, seqs...)
	}
	slices.Sort(all)
	return all
}

// commit records a durable event; a journal that fails poisons the scope.
func (sc *scope) commit(data state.Payload) (uint64, error) {
	seq, err := sc.session.commit(sc.event(data))
	if err != nil {
		sc.attempt.poisonWith(err)
	}
	return seq, err
}

// emit records a note; a journal that fails poisons the scope.
func (sc *scope) emit(data state.Payload) error {
	err := sc.session.emit(sc.event(data))
	if err != nil {
		sc.attempt.poisonWith(err)
	}
	return err
}

// load fills the replay queues from the fold.
func (sc *scope) load(st *state.WorkflowState) {
	sc.answers, sc.dos, sc.used = map[string][]uint64{}, map[string][]uint64{}, map[string]bool{}
	for _, a := range st.Answers(sc.at) {
		sc.answers[a.Hash] = append(sc.answers[a.Hash], a.Seq)
	}
	for _, d := range st.DoResults(sc.at) {
		sc.dos[d.Key] = append(sc.dos[d.Key], d.Seq)
	}
}
