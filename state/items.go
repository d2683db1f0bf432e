package state

import (
	"encoding/hex"
	"iter"
)

// item is what the fold keeps of an item: 72 bytes, its key, and its place in the index (four to eleven bytes). It holds
// no pointer, so that the garbage collector passes over a million of them at once.
type item struct {
	hash   Hash   // of its value
	result Hash   // of its result
	seq    uint64 // number of the event that holds the result
	key    uint64 // where its key is among those of its chunk: the offset, and the length in the last keyBits bits
	cost   int64  // micro-dollars
	waste  int64  // the part of cost that bought nothing
	gen    int32
	status itemStatus
	edited bool
}

// keyBits are enough for the length of a key, which is less than MaxEvent; the rest are enough for the keys of a chunk.
const (
	keyBits = 28
	maxKey  = 1<<keyBits - 1
)

// itemStatus is the Status of an item in a byte.
type itemStatus uint8

const (
	itemPending itemStatus = iota
	itemRunning
	itemCompleted
	itemFailed
)

func itemStatusOf(s Status) itemStatus {
	switch s {
	case StatusRunning:
		return itemRunning
	case StatusCompleted:
		return itemCompleted
	case StatusFailed:
		return itemFailed
	}
	return itemPending
}

func (s itemStatus) status() Status {
	switch s {
	case itemRunning:
		return StatusRunning
	case itemCompleted:
		return StatusCompleted
	case itemFailed:
		return StatusFailed
	}
	return StatusPending
}

// Hash is a hash of recorded bytes: the first 128 bits of SHA-256. Events have it as 32 hex digits. The zero value is
// none.
type Hash [16]byte

// ParseHash reads 32 hex digits; anything else is no hash.
func ParseHash(s string) Hash {
	var h Hash
	if len(s) == 2*len(h) {
		if _, err := hex.Decode(h[:], []byte(s)); err != nil {
			return Hash{}
		}
	}
	return h
}

// String is the hash as events have it, empty when there is none.
func (h Hash) String() string {
	if h == (Hash{}) {
		return ""
	}
	return hex.EncodeToString(h[:])
}

// Items yields the items of an Each in list order; nothing for another step.
func (st *WorkflowState) Items(step string) iter.Seq[ItemState] {
	return func(yield func(ItemState) bool) {
		t := st.table(step)
		for i := range t.len() {
			if !yield(t.state(i)) {
				return
			}
		}
	}
}

// Item returns one item of an Each.
func (st *WorkflowState) Item(step, key string) (ItemState, bool) {
	t := st.table(step)
	i := t.find(key)
	if i < 0 {
		return ItemState{}, false
	}
	return t.state(i), true
}

// ItemAt returns the key and generation of the item at a position of the list; ok is false when there is none.
func (st *WorkflowState) ItemAt(step string, i int) (key string, gen int, ok bool) {
	t := st.table(step)
	if i < 0 || i >= t.len() {
		return "", 0, false
	}
	return string(t.keyAt(i)), int(t.at(i).gen), true
}

// table is nil for a step without items.
func (st *WorkflowState) table(step string) *itemTable {
	if i, ok := st.fold.index[step]; ok {
		return st.fold.steps[i].items
	}
	return nil
}

func (t *itemTable) state(i int) ItemState {
	it := t.at(i)
	return ItemState{Key: string(t.keyAt(i)), Status: it.status.status(), Hash: it.hash.String(), Result: it.result.String(),
		Gen: int(it.gen), Edited: it.edited, Cost: it.cost, Waste: it.waste}
}

// ItemList is the items of an Each at one moment, in list order. It stays as it is while the run goes on. Making one
// costs next to nothing; while one is kept, what changes is kept twice. It is safe for concurrent use.
type ItemList struct {
	chunks []itemChunk
	n      int
}

// ItemList returns the items of an Each as they are now; an empty list for another step.
func (st *WorkflowState) ItemList(step string) ItemList {
	if t := st.table(step); t != nil {
		return t.share()
	}
	return ItemList{}
}

// Len is the number of items.
func (l ItemList) Len() int { return l.n }

// At returns the item at a position, from 0 to Len()-1.
func (l ItemList) At(i int) Item {
	c := &l.chunks[i/chunkItems]
	it := &c.items[i%chunkItems]
	return Item{it, c.key(it)}
}

// Item is an item of an [ItemList].
type Item struct {
	item *item
	key  []byte
}

// Key names the item.
func (i Item) Key() string { return string(i.key) }

// Is tells whether the item has this key. It costs less than to compare with Key.
func (i Item) Is(key string) bool { return string(i.key) == key }

// Status is pending, running, completed or failed.
func (i Item) Status() Status { return i.item.status.status() }

// Hash is the hash of the item's value.
func (i Item) Hash() Hash { return i.item.hash }

// Result is the hash of the item's result, and the number of the event that holds it; zero when it is not completed.
func (i Item) Result() (Hash, uint64) {
	if i.item.status != itemCompleted {
		return Hash{}, 0
	}
	return i.item.result, i.item.seq
}

// Cost is what the item's calls of all generations cost, in micro-dollars, as far as that is known; waste is the part of it
// that bought nothing.
func (i Item) Cost() (cost, waste int64) { return i.item.cost, i.item.waste }

// Edited says that a person's result is pinned.
func (i Item) Edited() bool { return i.item.edited }
