package workflow

import (
	"context"
	"fmt"
	"reflect"

	"github.com/dogear-go/dogear/state"
)

// Each is a step with a result for each of its items. It is an immutable name, shared by many runs.
type Each[In, Out any] struct {
	name  string
	items func(context.Context) ([]In, error)
	key   func(In) string
	fn    func(context.Context, In) (Out, error)
	lane  func(In) string
	opts  stepOptions
}

// NewEach makes a step that runs fn for each item. The items function gives the items in order; it may read results and
// params, makes no calls, and with equal inputs gives the same items. key names an item for ever, so it must be unique
// and must not depend on the position. One durable event records each item; an item that fails does not stop the others.
func NewEach[In, Out any](name string, items func(context.Context) ([]In, error), key func(In) string,
	fn func(context.Context, In) (Out, error), opts ...StepOption,
) *Each[In, Out] {
	e := &Each[In, Out]{name: name, items: items, key: key, fn: fn, opts: gather(state.KindEach, opts)}
	if items == nil || key == nil || fn == nil {
		e.opts.faults = append(e.opts.faults, fmt.Errorf("its items, key and item functions must not be nil"))
	}
	if e.opts.lane != nil {
		lane, ok := e.opts.lane.(func(In) string)
		if !ok {
			e.opts.faults = append(e.opts.faults,
				fmt.Errorf("Lane is for items of type %s, the step's are %s", e.opts.laneFor, reflect.TypeFor[In]()))
		}
		e.lane = lane
	}
	return e
}

// Name implements Step.
func (e *Each[In, Out]) Name() string { return e.name }

func (e *Each[In, Out]) define() definition { return definition{kind: state.KindEach, opts: e.opts} }

// Run implements Step: it runs the items that are not done yet.
func (e *Each[In, Out]) Run(ctx context.Context) error {
	sc, err := managing(ctx, e.name)
	if err != nil {
		return err
	}
	values, list, err := e.list(ctx, sc)
	if err != nil {
		return err
	}
	r := &eachRun{session: sc.session, scope: sc, def: e.define(), list: list, run: func(ctx context.Context, i int) ([]byte, error) {
		out, err := e.fn(ctx, values[i])
		if err != nil {
			return nil, err
		}
		return encode(out)
	}}
	return sc.ended(r.do(ctx))
}

// list evaluates the items function in a scope of its own that may only read.
func (e *Each[In, Out]) list(ctx context.Context, sc *scope) ([]In, *itemList, error) {
	in := &scope{kind: scopeList, session: sc.session, source: sc.source, at: sc.at, gen: sc.gen, attempt: &attempt{parent: sc.attempt}}
	defer in.close()
	values, err := e.items(withScope(ctx, in))
	if err != nil && !(e.opts.allowPartial && isPartial(err)) {
		return nil, nil, fmt.Errorf("the items of step %s: %w", e.name, err)
	}
	rep := in.attempt.report()
	l := sc.session.compare(e.name, rep.reads)
	l.partial = rep.partial || err != nil
	if err := e.prepare(l, values); err != nil {
		return nil, nil, fmt.Errorf("the items of step %s: %w", e.name, err)
	}
	return values, l, nil
}

func (e *Each[In, Out]) prepare(l *itemList, values []In) error {
	var lanes map[string]int32
	if e.lane != nil {
		lanes, l.lanes = map[string]int32{}, make([]int32, len(values))
	}
	hash := newHasher()
	for i, v := range values {
		key := recordedKey(e.key(v))
		if err := l.check(key); err != nil {
			return err
		}
		h, err := hash.of(v)
		if err != nil {
			return fmt.Errorf("item %q: %w", key, err)
		}
		l.add(key, h)
		if e.lane == nil {
			continue
		}
		name := e.lane(v)
		lane, ok := lanes[name]
		if !ok {
			lane = int32(len(lanes))
			lanes[name] = lane
		}
		l.lanes[i] = lane
	}
	return nil
}

// Result is what one item gave, decoded afresh. In a step the dependency on that item is noted. ErrNoResult while the
// item has none.
func (e *Each[In, Out]) Result(ctx context.Context, key string) (Out, error) {
	sc, err := scopeFrom(ctx)
	if err != nil {
		var zero Out
		return zero, fmt.Errorf("the result of step %s: %w", e.name, err)
	}
	return itemResult[Out](ctx, sc, e.name, key)
}

func itemResult[Out any](ctx context.Context, sc *scope, step, key string) (Out, error) {
	var zero Out
	key = recordedKey(key)
	what := fmt.Sprintf("the result of step %s, item %q", step, key)
	var seq uint64
	var it state.ItemState
	err := sc.source.view(ctx, func(st *state.WorkflowState) {
		seq = st.ResultSeq(state.Scope{Step: step, Item: key})
		it, _ = st.Item(step, key)
	})
	if err != nil {
		return zero, err
	}
	if seq == 0 {
		sc.readMissing(state.Read{Source: step, Part: key})
		return zero, fmt.Errorf("%s: %w", what, ErrNoResult)
	}
	raw, err := resultAt(ctx, sc.source, key, seq, state.ParseHash(it.Result))
	if err != nil {
		return zero, fmt.Errorf("%s: %w", what, err)
	}
	sc.read(state.Read{Source: step, Part: key, Hash: it.Result})
	return decode[Out](raw, what)
}

// Results is what all items gave, in item order, decoded afresh. When some items have no result, the others are returned
// together with a *PartialError; when the items are not even known, ErrNoResult.
func (e *Each[In, Out]) Results(ctx context.Context) ([]Out, error) {
	sc, err := scopeFrom(ctx)
	if err != nil {
		return nil, fmt.Errorf("the results of step %s: %w", e.name, err)
	}
	var list state.ItemList
	var base string
	var counts state.ItemCounts
	err = sc.source.view(ctx, func(st *state.WorkflowState) {
		if s := st.Step(e.name); s != nil {
			counts, base = s.Items, s.Base
		}
		list = st.ItemList(e.name)
	})
	if err != nil {
		return nil, err
	}
	if !counts.Known {
		sc.readMissing(state.Read{Source: e.name})
		return nil, fmt.Errorf("step %s: %w", e.name, ErrNoResult)
	}
	results := make([]Out, 0, counts.Done)
	for i := range list.Len() {
		it := list.At(i)
		hash, seq := it.Result()
		if seq == 0 {
			continue
		}
		raw, err := resultAt(ctx, sc.source, it.Key(), seq, hash)
		if err != nil {
			return nil, fmt.Errorf("the results of step %s: %w", e.name, err)
		}
		out, err := decode[Out](raw, "a result of step "+e.name)
		if err != nil {
			return nil, err
		}
		results = append(results, out)
	}
	missing := counts.Total - len(results)
	sc.read(state.Read{Source: e.name, Hash: hashItems(list)})
	sc.readPartial(missing > 0 || base == state.BasePartial)
	if missing > 0 {
		return results, &PartialError{Step: e.name, Failed: counts.Failed, Pending: missing - counts.Failed}
	}
	return results, nil
}

// Previous returns the result of the item before this one in its lane; ok is false for the first. It is for the item
// function of a step with Lane.
func Previous[Out any](ctx context.Context) (out Out, ok bool, err error) {
	sc, err := working(ctx, "Previous")
	if err != nil {
		return out, false, err
	}
	if sc.at.Item == "" {
		return out, false, fmt.Errorf("Previous in %s: only an item has one", sc.name())
	}
	if !sc.hasPrev {
		return out, false, nil
	}
	out, err = itemResult[Out](ctx, sc, sc.at.Step, sc.prev)
	return out, err == nil, err
}
