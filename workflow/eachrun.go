package workflow

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// eachRun is one session's work on an Each.
type eachRun struct {
	session *session
	scope   *scope // the step's
	def     definition
	list    *itemList
	run     func(ctx context.Context, i int) ([]byte, error)

	mu     sync.Mutex // guards the fields below
	todo   eachPlan   // only what take changes of it is guarded
	stop   error      // a worker was refused
	undone []string   // keys of the items that were refused
	last   outcome    // of the item that failed last
	streak []string   // keys of failures in a row, of one systemic class
	class  resilience.Class

	stopped bool // by systemic failures; streak and class stay as they are
}

func isPartial(err error) bool { return errors.Is(err, ErrPartial) }

func (r *eachRun) do(ctx context.Context) ending {
	changed, err := r.relist()
	if err != nil {
		if stop := r.scope.attempt.poisoned(); stop != nil {
			return ending{endedStopped, stop}
		}
		return r.session.stepFailed(r.scope, r.def, outcome{number: 1, err: err, class: resilience.InvalidRequest}, nil)
	}
	r.plan()
	step := r.state()
	base := ""
	if r.list.partial {
		base = state.BasePartial
	}
	if r.todo.units == 0 && !changed && step.Status == state.StatusCompleted && step.Base == base {
		return ending{kind: endedWell} // complete, and nothing new
	}
	if r.todo.units > 0 || step.Status != state.StatusPartial {
		r.session.post(r.scope.event(state.StepStarted{}))
	}
	r.work(ctx)
	return r.finish(base)
}

func (r *eachRun) state() (s state.StepState) {
	r.session.rec.View(func(st *state.WorkflowState) { s = *st.Step(r.scope.at.Step) })
	return s
}

// work runs the units, some side by side.
func (r *eachRun) work(ctx context.Context) {
	var group sync.WaitGroup
	for range min(r.concurrency(), r.todo.units) {
		group.Go(func() {
			for unit := r.take(); unit >= 0; unit = r.take() {
				// Those behind an item of a lane that does not complete stay pending.
				for i := unit; i >= 0 && r.item(ctx, i); {
					i = r.todo.following(i)
				}
			}
		})
	}
	group.Wait()
}

func (r *eachRun) concurrency() int {
	if r.def.opts.concurrency > 0 {
		return r.def.opts.concurrency
	}
	return r.session.cfg.concurrency()
}

func (r *eachRun) take() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return -1
	}
	return r.todo.take()
}

// known tells an item's key and generation, and the key of the item before it in its lane.
func (r *eachRun) known(i int) (key string, gen int, prev string, hasPrev bool) {
	step := r.scope.at.Step
	r.session.rec.View(func(st *state.WorkflowState) {
		key, gen, _ = st.ItemAt(step, i) // it is there: nobody else changes the list
		prev, _, hasPrev = st.ItemAt(step, r.todo.previous(i))
	})
	return key, gen, prev, hasPrev
}

// item runs one item; false: it did not complete.
func (r *eachRun) item(ctx context.Context, i int) bool {
	key, gen, prev, hasPrev := r.known(i)
	at := state.Scope{Step: r.scope.at.Step, Item: key}
	if stop := r.session.refusal(at.Step); stop != nil {
		r.refused(key, stop)
		return false
	}
	started := state.New(at, state.ItemStarted{})
	started.Gen = gen
	r.session.post(started)
	most := r.def.opts.attempts
	if most == 0 {
		most = 2
	}
	var result []byte
	out := r.session.attempts(ctx, work{
		kind: scopeItem, at: at, gen: gen, parent: r.scope.attempt, prev: prev, hasPrev: hasPrev, most: most, timeout: r.def.opts.timeout,
		fn: func(ctx context.Context) (err error) {
			result, err = r.run(ctx, i)
			return err
		},
	})
	if out.stop != nil {
		r.refused(key, out.stop)
		return false
	}
	sc := &scope{session: r.session, at: at, gen: gen, attempt: out.last}
	if out.err != nil {
		return r.failed(sc, out)
	}
	rep := out.last.report()
	done := state.ItemCompleted{Result: result, Hash: hashOf(result), Version: r.def.opts.version, Reads: rep.reads, Warnings: rep.warnings}
	if _, err := sc.commit(done); err != nil {
		r.refused(key, err)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.streak, r.class = nil, ""
	}
	return true
}

func (r *eachRun) refused(key string, stop error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.undone = append(r.undone, key)
	if r.stop == nil {
		r.stop = stop
	}
}

// failed records a failed item, and stops the step when too many in a row fail for the provider's sake.
func (r *eachRun) failed(sc *scope, out outcome) bool {
	who, hint := blame(out.err)
	failed := state.ItemFailed{Class: string(out.class), Provider: who, Message: brief(out.err), Attempts: out.number, Hint: hint}
	if _, err := sc.commit(failed); err != nil {
		r.refused(sc.at.Item, err)
		return false
	}
	r.session.logFailure(sc.event(failed), out.err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = out
	if r.stopped {
		if out.class == r.class {
			r.undone = append(r.undone, sc.at.Item) // it failed at the same time for the same reason
		}
		return false
	}
	if !systemic(out.class) {
		r.streak, r.class = nil, ""
		return false
	}
	if out.class != r.class {
		r.streak, r.class = nil, out.class
	}
	r.streak = append(r.streak, sc.at.Item)
	if len(r.streak) >= r.session.cfg.maxSystemic(r.concurrency()) {
		r.stopped = true
		r.session.stopStep(&systemicStop{step: sc.at.Step, failed: slices.Clone(r.streak), class: r.class, err: out.err})
	}
	return false
}

// finish records how the step ended.
func (r *eachRun) finish(base string) ending {
	s, name := r.session, r.scope.at.Step
	s.mu.Lock()
	systemic := s.stepStops[name]
	s.mu.Unlock()
	if systemic != nil {
		out := outcome{number: r.last.number, err: systemic, class: systemic.class}
		return s.stepFailed(r.scope, r.def, out, append(r.undone, systemic.failed...))
	}
	step := r.state()
	missing := step.Items.Total - step.Items.Done
	switch {
	case missing == 0:
		var list state.ItemList
		s.rec.View(func(st *state.WorkflowState) { list = st.ItemList(name) })
		if _, err := r.scope.commit(state.StepCompleted{Hash: hashItems(list), Version: r.def.opts.version, Reads: r.list.reads, Base: base}); err != nil {
			return ending{endedStopped, err}
		}
		return ending{kind: endedWell}
	case r.stop != nil:
		return ending{endedStopped, r.stop}
	}
	err := &PartialError{Step: name, Failed: step.Items.Failed, Pending: missing - step.Items.Failed}
	if r.def.opts.optional {
		return s.stepFailed(r.scope, r.def, outcome{err: err, class: r.last.class}, nil)
	}
	if r.todo.units > 0 || step.Status != state.StatusPartial {
		if _, err := r.scope.commit(state.StepPartial{Done: step.Items.Done, Failed: step.Items.Failed, Base: base}); err != nil {
			return ending{endedStopped, err}
		}
	}
	return ending{endedPartial, err}
}
