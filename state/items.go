package state

import (
	"encoding/hex"
	"iter"
)

// item is what the fold keeps of an item: about 60 bytes and its key.
type item struct {
	key    string
	hash   hash128 // of its value
	result hash128 // of its result
	seq    uint64  // number of the event that holds the result
	status Status
	gen    int32
	edited bool
}

// hash128 is a hash as recorded (32 hex digits), in binary.
type hash128 [16]byte

func parseHash(s string) hash128 {
	var h hash128
	if len(s) == 2*len(h) {
		if _, err := hex.Decode(h[:], []byte(s)); err != nil {
			return hash128{}
		}
	}
	return h
}

func (h hash128) String() string {
	if h == (hash128{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// itemTable holds the items of an Each in list order.
type itemTable struct {
	list  []item
	index map[string]int32
}

func newItemTable(n int) *itemTable {
	return &itemTable{list: make([]item, 0, n), index: make(map[string]int32, n)}
}

func (t *itemTable) get(key string) *item {
	if t == nil {
		return nil
	}
	if i, ok := t.index[key]; ok {
		return &t.list[i]
	}
	return nil
}

func (t *itemTable) add(key string) *item {
	t.index[key] = int32(len(t.list))
	t.list = append(t.list, item{key: key, status: StatusPending})
	return &t.list[len(t.list)-1]
}

// relist returns the table in the order of a new list. What is known of an item stays; items that the list lacks stay
// behind it until they are retired.
func (t *itemTable) relist(defs []ItemDef) *itemTable {
	next := newItemTable(len(defs))
	for _, def := range defs {
		it := next.add(def.Key)
		if old := t.get(def.Key); old != nil {
			*it = *old
		}
		it.hash = parseHash(def.Hash)
	}
	if t != nil {
		for _, old := range t.list {
			if next.get(old.key) == nil {
				*next.add(old.key) = old
			}
		}
	}
	return next
}

func (t *itemTable) without(keys []string) *itemTable {
	gone := make(map[string]bool, len(keys))
	for _, key := range keys {
		gone[key] = true
	}
	next := newItemTable(0)
	if t == nil {
		return next
	}
	for _, it := range t.list {
		if !gone[it.key] {
			*next.add(it.key) = it
		}
	}
	return next
}

func (t *itemTable) counts() ItemCounts {
	c := ItemCounts{Known: true}
	if t == nil {
		return c
	}
	c.Total = len(t.list)
	for i := range t.list {
		c.add(t.list[i].status, 1)
	}
	return c
}

func (it *item) state() ItemState {
	return ItemState{Key: it.key, Status: it.status, Hash: it.hash.String(), Result: it.result.String(), Gen: int(it.gen), Edited: it.edited}
}

// Items yields the items of an Each in list order; nothing for another step.
func (st *WorkflowState) Items(step string) iter.Seq[ItemState] {
	return func(yield func(ItemState) bool) {
		i, ok := st.fold.index[step]
		if !ok || st.fold.steps[i].items == nil {
			return
		}
		list := st.fold.steps[i].items.list
		for j := range list {
			if !yield(list[j].state()) {
				return
			}
		}
	}
}

// Item returns one item of an Each.
func (st *WorkflowState) Item(step, key string) (ItemState, bool) {
	if i, ok := st.fold.index[step]; ok {
		if it := st.fold.steps[i].items.get(key); it != nil {
			return it.state(), true
		}
	}
	return ItemState{}, false
}
