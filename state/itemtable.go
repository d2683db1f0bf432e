package state

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync/atomic"
)

// itemTable holds the items of an Each in list order, and finds them by key. A nil table is an empty one. The items lie in
// chunks, so that the table can be shared with who reads it at leisure: sharing copies none, and a chunk that is shared is
// copied when one of its items changes.
type itemTable struct {
	chunks []itemChunk // all but the last hold chunkItems
	n      int
	slots  []uint32 // open addressing with linear probing; see slot
	seed   maphash.Seed
	epoch  atomic.Uint32 // counts how often the table was shared
}

// chunkItems makes a chunk of 18 KB, which is one of the sizes that Go allocates without waste, and little to copy.
const chunkItems = 256

type itemChunk struct {
	items []item
	keys  []byte // of all items; what is there is never changed, even when more is appended
	epoch uint32 // the table's when the items were last copied
}

func (c *itemChunk) key(it *item) []byte {
	off := it.key >> keyBits
	return c.keys[off : off+it.key&maxKey]
}

func newItemTable() *itemTable { return &itemTable{seed: maphash.MakeSeed()} }

func (t *itemTable) len() int {
	if t == nil {
		return 0
	}
	return t.n
}

// at returns an item to be read.
func (t *itemTable) at(i int) *item { return &t.chunks[i/chunkItems].items[i%chunkItems] }

func (t *itemTable) keyAt(i int) []byte {
	c := &t.chunks[i/chunkItems]
	return c.key(&c.items[i%chunkItems])
}

// edit returns an item to be changed.
func (t *itemTable) edit(i int) *item {
	c := &t.chunks[i/chunkItems]
	if now := t.epoch.Load(); c.epoch != now {
		c.items, c.epoch = slices.Clone(c.items), now
	}
	return &c.items[i%chunkItems]
}

// share returns the items as they are, for reading without a lock. It may be called while others read.
func (t *itemTable) share() ItemList {
	t.epoch.Add(1)
	return ItemList{slices.Clone(t.chunks), t.n}
}

// slot is what stands in the index for the item at a position: the position + 1 in as many bits as the length of slots
// takes, which is a power of two and greater than the number of items; and in the other bits some of the hash, so that
// hardly any key is compared in vain. Zero is a free slot.
func (t *itemTable) slot(hash uint64, i int) uint32 {
	return uint32(hash>>32)&^t.mask() | uint32(i+1)
}

func (t *itemTable) mask() uint32 { return uint32(len(t.slots) - 1) }

// find returns the position of an item, -1 when there is none of this key.
func (t *itemTable) find(key string) int {
	if t == nil || t.n == 0 {
		return -1
	}
	mask, hash := t.mask(), maphash.String(t.seed, key)
	tag := t.slot(hash, -1)
	for at := uint32(hash) & mask; ; at = (at + 1) & mask {
		s := t.slots[at]
		if s == 0 {
			return -1
		}
		if i := int(s&mask) - 1; s&^mask == tag && string(t.keyAt(i)) == key {
			return i
		}
	}
}

// add appends an item whose key must not be there yet, and returns its position.
func (t *itemTable) add(key string) int {
	i := t.n
	if i%chunkItems == 0 {
		t.chunks = append(t.chunks, itemChunk{epoch: t.epoch.Load()})
	}
	c := &t.chunks[len(t.chunks)-1]
	key = key[:min(len(key), maxKey)]
	c.items = append(c.items, item{key: uint64(len(c.keys))<<keyBits | uint64(len(key))})
	c.keys = append(c.keys, key...)
	t.n++
	if 4*t.n > 3*len(t.slots) {
		t.reindex()
	} else {
		t.insert(i)
	}
	return i
}

// reindex makes the index anew, large enough for all items and a third more; false: two items have the same key.
func (t *itemTable) reindex() bool {
	t.slots = make([]uint32, 1<<bits.Len(uint(t.n+t.n/3)))
	for i := range t.n {
		if !t.insert(i) {
			return false
		}
	}
	return true
}

// insert puts an item into the index, if its key is not there yet.
func (t *itemTable) insert(i int) bool {
	key, mask := t.keyAt(i), t.mask()
	hash := maphash.Bytes(t.seed, key)
	tag := t.slot(hash, -1)
	for at := uint32(hash) & mask; ; at = (at + 1) & mask {
		s := t.slots[at]
		if s == 0 {
			t.slots[at] = t.slot(hash, i)
			return true
		}
		if s&^mask == tag && bytes.Equal(t.keyAt(int(s&mask)-1), key) {
			return false
		}
	}
}

// append adds an item of another table.
func (t *itemTable) append(key []byte, from *item) {
	to := t.edit(t.add(string(key)))
	at := to.key
	*to = *from
	to.key = at
}

// relist makes next, which has the keys and value hashes of a new list, the table: what is known of an item stays; items
// that the list lacks stay behind it until they are retired.
func (t *itemTable) relist(next *itemTable) *itemTable {
	if t.len() == 0 {
		return next
	}
	for i := range next.len() {
		if old := t.find(string(next.keyAt(i))); old >= 0 {
			to := next.edit(i)
			at, hash := to.key, to.hash
			*to = *t.at(old)
			to.key, to.hash = at, hash
		}
	}
	for i := range t.n {
		if key := t.keyAt(i); next.find(string(key)) < 0 {
			next.append(key, t.at(i))
		}
	}
	return next
}

// without returns the table without some of its items.
func (t *itemTable) without(keys []string) *itemTable {
	gone := make(map[string]bool, len(keys))
	for _, key := range keys {
		gone[key] = true
	}
	next := newItemTable()
	for i := range t.len() {
		if key := t.keyAt(i); !gone[string(key)] {
			next.append(key, t.at(i))
		}
	}
	return next
}

func (t *itemTable) counts() ItemCounts {
	c := ItemCounts{Known: true, Total: t.len()}
	for i := range t.len() {
		c.add(t.at(i).status, 1)
	}
	return c
}
