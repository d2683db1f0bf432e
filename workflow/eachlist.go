package workflow

import (
	"slices"

	"github.com/dogear-go/dogear/state"
)

// itemList is what the items function gave, compared with the list that the run has: item by item, while it is given.
// As long as the two are the same, nothing of it is kept.
type itemList struct {
	reads   []state.Read
	partial bool    // it was made from an incomplete input, which the step allows
	lanes   []int32 // for each item, the number of its lane; nil: no lanes
	n       int     // items given

	known      state.ItemList // the run's; empty once relist is done
	listed     bool           // the run has a list
	sameReads  bool
	sameKeys   bool
	sameValues bool

	// all items given, from the first that differs on
	kept   bool
	keys   []string
	hashes []state.Hash
	seen   map[string]int32 // key → position
}

// compare begins a list.
func (s *session) compare(step string, reads []state.Read) *itemList {
	l := &itemList{reads: reads, sameKeys: true, sameValues: true}
	s.rec.View(func(st *state.WorkflowState) {
		l.known, l.listed = st.ItemList(step), st.Step(step).Items.Known
		l.sameReads = slices.Equal(st.ListReads(step), reads)
	})
	return l
}

// check refuses a key for the next item.
func (l *itemList) check(key string) error {
	if key == "" {
		return misuse("item %d has an empty key", l.n+1)
	}
	if !l.kept && l.n < l.known.Len() && l.known.At(l.n).Is(key) {
		return nil // of those before it, which are the run's, none has its key
	}
	l.keep()
	if first, twice := l.seen[key]; twice {
		return misuse("items %d and %d have the same key %q", first+1, l.n+1, key)
	}
	return nil
}

// add takes the next item, which was checked.
func (l *itemList) add(key string, hash state.Hash) {
	here := l.n < l.known.Len() && l.known.At(l.n).Is(key)
	same := here && l.known.At(l.n).Hash() == hash
	l.sameKeys, l.sameValues = l.sameKeys && here, l.sameValues && same
	if !same {
		l.keep()
	}
	if l.kept {
		l.seen[key] = int32(l.n)
		l.keys, l.hashes = append(l.keys, key), append(l.hashes, hash)
	}
	l.n++
}

// keep begins to keep what is given, with all that was the same before.
func (l *itemList) keep() {
	if l.kept {
		return
	}
	l.kept, l.seen = true, map[string]int32{}
	for i := range l.n {
		it := l.known.At(i)
		l.keys, l.hashes = append(l.keys, it.Key()), append(l.hashes, it.Hash())
		l.seen[l.keys[i]] = int32(i)
	}
}

// chunk is how many items one step.items event lists.
const chunk = 1000

// relist records what changed: items that are gone, items whose value is another, and then the list itself. A crash
// between these leaves a list that differs again, and so is compared again.
func (r *eachRun) relist() (changed bool, err error) {
	l, step := r.list, r.scope.at.Step
	sameKeys := l.listed && l.sameKeys && l.n == l.known.Len()
	switch {
	case l.sameReads && sameKeys && l.sameValues:
		l.forget()
		return false, nil
	case l.listed && l.sameReads && !sameKeys:
		return false, misuse("step %s: %w: it must depend on nothing but results and params", step, ErrItemsUnstable)
	}
	l.keep()
	if err := r.retire(); err != nil {
		return true, err
	}
	if err := r.invalidate(); err != nil {
		return true, err
	}
	if err := r.record(); err != nil {
		return true, err
	}
	l.forget()
	return true, nil
}

// forget lets go of what was needed for comparing.
func (l *itemList) forget() {
	l.known, l.keys, l.hashes, l.seen = state.ItemList{}, nil, nil, nil
}

func (r *eachRun) retire() error {
	l := r.list
	var gone []string
	for i := range l.known.Len() {
		key := l.known.At(i).Key()
		if _, given := l.seen[key]; !given {
			gone = append(gone, key)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := r.scope.commit(state.ItemRetired{Keys: gone, Reason: "the items function does not give them any more"})
	return err
}

func (r *eachRun) invalidate() error {
	l := r.list
	var other []int32
	for i := range l.known.Len() {
		it := l.known.At(i)
		at, given := l.seen[it.Key()]
		if given && it.Hash() != (state.Hash{}) && it.Hash() != l.hashes[at] && !it.Edited() {
			other = append(other, at)
		}
	}
	if len(other) == 0 {
		return nil
	}
	slices.Sort(other)
	scopes := make([]state.Scope, len(other))
	for i, at := range other {
		scopes[i] = state.Scope{Step: r.scope.at.Step, Item: l.keys[at]}
	}
	_, err := r.scope.commit(state.Invalidated{Scopes: scopes, Reason: "their inputs changed", Replay: true})
	return err
}

func (r *eachRun) record() error {
	l := r.list
	for first := 0; first == 0 || first < l.n; first += chunk {
		items := state.StepItems{First: first, Total: l.n, Items: l.defs(first, min(l.n, first+chunk))}
		if first == 0 {
			items.Reads = l.reads
		}
		if first+chunk < l.n {
			// Durable with the last chunk. It is waited for, so that a long list does not queue up in memory.
			if err := r.scope.emit(items); err != nil {
				return err
			}
			continue
		}
		if _, err := r.scope.commit(items); err != nil {
			return err
		}
	}
	return nil
}

func (l *itemList) defs(from, upto int) []state.ItemDef {
	defs := make([]state.ItemDef, 0, upto-from)
	for i := from; i < upto; i++ {
		defs = append(defs, state.ItemDef{Key: l.keys[i], Hash: l.hashes[i].String()})
	}
	return defs
}
