package state_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// itemModel is the items of a step as one would write them down without a thought of their size.
type itemModel struct {
	list  []string
	items map[string]state.ItemState
	seqs  map[string]uint64
}

func newItemModel() itemModel {
	return itemModel{items: map[string]state.ItemState{}, seqs: map[string]uint64{}}
}

func (m *itemModel) text() string {
	var b strings.Builder
	for _, key := range m.list {
		it := m.items[key]
		fmt.Fprintf(&b, "%q %s %s %s %d %t %d, %d %d\n", key, it.Status, it.Hash, it.Result, it.Gen, it.Edited, m.seqs[key], it.Cost, it.Waste)
	}
	return b.String()
}

// listText is the same of a list.
func listText(l state.ItemList) string {
	var b strings.Builder
	for i := range l.Len() {
		it := l.At(i)
		result, seq := it.Result()
		cost, waste := it.Cost()
		fmt.Fprintf(&b, "%q %s %s %s %t %d, %d %d\n", it.Key(), it.Status(), it.Hash(), result, it.Edited(), seq, cost, waste)
	}
	return b.String()
}

// text is the same of a state, asked item by item.
func itemText(st *state.WorkflowState) string {
	var b strings.Builder
	n := 0
	for it := range st.Items("prose") {
		byKey, ok := st.Item("prose", it.Key)
		key, gen, there := st.ItemAt("prose", n)
		if !ok || !there || byKey != it || key != it.Key || gen != it.Gen {
			fmt.Fprintf(&b, "item %d is another by its key", n)
		}
		fmt.Fprintf(&b, "%q %s %s %s %d %t %d, %d %d\n", it.Key, it.Status, it.Hash, it.Result, it.Gen, it.Edited,
			st.ResultSeq(state.Scope{Step: "prose", Item: it.Key}), it.Cost, it.Waste)
		n++
	}
	return b.String()
}

// life is a random life of a step's items.
type life struct {
	*rand.Rand
	t     *testing.T
	st    *state.WorkflowState
	model itemModel
	last  state.Event
}

func (l *life) apply(at state.Scope, data state.Payload) {
	e := state.New(at, data)
	e.Seq = l.st.Seq + 1
	require.NoError(l.t, l.st.Apply(e))
	l.last = e
}

func (l *life) hash() string { return fmt.Sprintf("%016x%016x", l.Uint64(), l.Uint64()) }

// key makes keys that share beginnings, some odd ones, and some long ones.
func (l *life) key(i int) string {
	switch l.IntN(50) {
	case 0:
		return fmt.Sprintf("%s/%d", strings.Repeat("long ", 1+l.IntN(300)), i)
	case 1:
		return fmt.Sprintf("\"\\ \x00\n é 漢\u2028%d", i)
	case 2:
		return fmt.Sprint(i)
	}
	return fmt.Sprintf("chapter %d/scene %d", i/7, i)
}

func (l *life) pick() string { return l.model.list[l.IntN(len(l.model.list))] }

// relist gives a new list: some of the old items, in another order or not, and some new ones.
func (l *life) relist() {
	var list []string
	for _, key := range l.model.list {
		if l.IntN(40) > 0 {
			list = append(list, key)
		}
	}
	for i := range l.IntN(700) {
		list = append(list, l.key(10_000*int(l.st.Seq)+i))
	}
	if l.IntN(3) == 0 {
		l.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	defs := make([]state.ItemDef, len(list))
	next := newItemModel()
	take := func(key, hash string) {
		it, known := l.model.items[key]
		if !known {
			it = state.ItemState{Key: key, Status: state.StatusPending}
		}
		it.Hash = hash
		next.list, next.items[key] = append(next.list, key), it
		if seq := l.model.seqs[key]; seq > 0 {
			next.seqs[key] = seq
		}
	}
	for i, key := range list {
		defs[i] = state.ItemDef{Key: key, Hash: l.hash()}
		take(key, defs[i].Hash)
	}
	for _, key := range l.model.list {
		if _, given := next.items[key]; !given {
			take(key, l.model.items[key].Hash)
		}
	}
	for first := 0; first < len(defs); first += 300 {
		l.apply(state.Scope{Step: "prose"}, state.StepItems{First: first, Total: len(defs), Items: defs[first:min(len(defs), first+300)]})
	}
	if len(defs) > 0 {
		l.model = next
	}
}

func (l *life) change(key string) {
	at, it := state.Scope{Step: "prose", Item: key}, l.model.items[key]
	switch l.IntN(7) {
	case 0:
		l.apply(at, state.ItemStarted{})
		it.Status = state.StatusRunning
	case 1, 2:
		it.Status, it.Result, it.Edited = state.StatusCompleted, l.hash(), false
		l.apply(at, state.ItemCompleted{Hash: it.Result})
	case 3:
		l.apply(at, state.ItemFailed{})
		it.Status = state.StatusFailed
	case 4:
		l.apply(state.Scope{}, state.Invalidated{Scopes: []state.Scope{at}})
		it.Status, it.Gen = state.StatusPending, it.Gen+1
	case 5:
		it.Status, it.Result, it.Edited = state.StatusCompleted, l.hash(), true
		l.apply(at, state.ResultEdited{Hash: it.Result})
	case 6:
		cost := l.Int64N(1 << 40)
		l.apply(at, state.CallFailed{Cost: &cost})
		it.Cost, it.Waste = it.Cost+cost, it.Waste+cost
		l.model.items[key] = it
		return
	}
	delete(l.model.seqs, key)
	if it.Status == state.StatusCompleted {
		l.model.seqs[key] = l.st.Seq
	}
	l.model.items[key] = it
}

func (l *life) retire() {
	gone := []string{l.pick(), l.pick()}
	l.apply(state.Scope{Step: "prose"}, state.ItemRetired{Keys: gone})
	l.model.list = slices.DeleteFunc(l.model.list, func(key string) bool { return slices.Contains(gone, key) })
	for _, key := range gone {
		delete(l.model.items, key)
		delete(l.model.seqs, key)
	}
}

// TestItemsLife: whatever happens to its items, a state says what a map would say; a list that was taken stays as it was;
// and a snapshot gives all of it back.
func TestItemsLife(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sizes.Get().ItemRuns) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			l := &life{Rand: rand.New(rand.NewPCG(seed, 2)), t: t, st: &state.WorkflowState{}, model: newItemModel()}
			l.apply(state.Scope{}, state.RunCreated{Format: 1, RunID: storyID, Name: "run", Pipeline: "p", Steps: steps})
			type kept struct {
				list state.ItemList
				text string
			}
			var lists []kept
			for range 6 {
				l.relist()
				for range l.IntN(1000) {
					switch {
					case len(l.model.list) == 0:
					case l.IntN(200) == 0:
						l.retire()
					default:
						l.change(l.pick())
					}
					if l.IntN(300) == 0 {
						list := l.st.ItemList("prose")
						lists = append(lists, kept{list, listText(list)})
					}
				}
				require.Equal(t, l.model.text(), itemText(l.st))
				dump := state.Dump(l.st)
				data, err := state.SnapshotOf(l.st, "created", l.last)
				require.NoError(t, err)
				back, err := state.FromSnapshot(data)
				require.NoError(t, err)
				require.Equal(t, dump, state.Dump(back))
				require.Equal(t, l.model.text(), itemText(back))
				require.LessOrEqual(t, longest(data), 200_000, "a line")
				if l.IntN(2) == 0 {
					l.st = back
				}
			}
			for _, k := range lists {
				require.Equal(t, k.text, listText(k.list))
			}
		})
	}
}

func longest(data []byte) (n int) {
	for line := range bytes.Lines(data) {
		n = max(n, len(line))
	}
	return n
}

func TestItemsOfNoStep(t *testing.T) {
	t.Parallel()
	st := fold(t, story())
	for _, step := range []string{"plan", "no such step"} {
		require.Zero(t, st.ItemList(step).Len())
		_, _, ok := st.ItemAt(step, 0)
		require.False(t, ok)
		_, ok = st.Item(step, "")
		require.False(t, ok)
	}
	for _, i := range []int{-1, 4} {
		_, _, ok := st.ItemAt("prose", i)
		require.False(t, ok)
	}
}

func TestItemGivenTwiceInAList(t *testing.T) {
	t.Parallel()
	events := story()[:5]
	twice := state.New(state.Scope{Step: "prose"}, state.StepItems{Total: 3, Items: []state.ItemDef{{Key: "a"}, {Key: "b"}, {Key: "a", Hash: fmt.Sprintf("%032x", 9)}}})
	twice.Seq = 6
	st := fold(t, append(events, twice))
	require.Equal(t, 2, st.Step("prose").Items.Total, "a key names one item")
	it, _ := st.Item("prose", "a")
	require.Equal(t, fmt.Sprintf("%032x", 9), it.Hash)
}

// TestItemsChunkLost: a list of which a chunk is missing is none.
func TestItemsChunkLost(t *testing.T) {
	t.Parallel()
	for what, firsts := range map[string][]int{"second of three": {0, 2}, "first": {1, 2}, "order": {0, 2, 1}} {
		events := story()[:5]
		for i, first := range firsts {
			e := state.New(state.Scope{Step: "prose"}, state.StepItems{First: first, Total: 3, Items: []state.ItemDef{{Key: fmt.Sprint(first)}}})
			e.Seq = uint64(6 + i)
			events = append(events, e)
		}
		st := fold(t, events)
		require.False(t, st.Step("prose").Items.Known, what)
		require.Zero(t, st.ItemList("prose").Len(), what)
	}
}
