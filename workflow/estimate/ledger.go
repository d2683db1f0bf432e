package estimate

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/dogear-go/dogear/state"
)

// ledger knows which items of a list are left. It keeps the hash of each key and a byte: two keys with one hash, which
// a list of a million has once in some 40 million runs, would be counted as one.
type ledger struct {
	known    bool // there is a list
	ids      []uint64
	is       []itemIs // parallel to ids
	ended    int      // done, or failed in this session
	incoming []uint64 // a list whose last chunk has not come
}

type itemIs uint8

const (
	itemTodo itemIs = iota
	itemDone
	itemFailed // in this session, which does not try it again
	itemGone   // retired
)

func statusOf(s state.Status) itemIs {
	switch s {
	case state.StatusCompleted:
		return itemDone
	case state.StatusFailed:
		return itemFailed
	}
	return itemTodo
}

// todo is how many items have not ended, those that run included.
func (l *ledger) todo() int { return len(l.ids) - l.ended }

// list takes a chunk of a list in, and the list itself with the last chunk.
func (l *ledger) list(d state.StepItems, seed maphash.Seed) {
	if d.First == 0 {
		l.incoming = make([]uint64, 0, d.Total)
	}
	if len(l.incoming) != d.First {
		l.incoming = nil // a chunk is missing: the list is given anew
		return
	}
	for _, item := range d.Items {
		l.incoming = append(l.incoming, keyHash(seed, item.Key))
	}
	if len(l.incoming) < d.Total {
		return
	}
	ids := l.incoming
	slices.Sort(ids)
	fresh := ledger{known: true, ids: ids, is: make([]itemIs, len(ids))}
	for i, j := 0, 0; i < len(ids) && j < len(l.ids); {
		switch cmp.Compare(ids[i], l.ids[j]) {
		case -1:
			i++
		case 1:
			j++
		default:
			if is := l.is[j]; is != itemGone {
				fresh.put(i, is)
			}
			i++
			j++
		}
	}
	*l = fresh
}

func (l *ledger) put(i int, is itemIs) {
	if l.is[i] != itemTodo {
		l.ended--
	}
	if is != itemTodo {
		l.ended++
	}
	l.is[i] = is
}

// set notes what became of an item; one that is not listed is passed over.
func (l *ledger) set(id uint64, is itemIs) {
	if i, ok := slices.BinarySearch(l.ids, id); ok && l.is[i] != itemGone {
		l.put(i, is)
	}
}

// remove takes an item out; its place stays until the next list, which follows.
func (l *ledger) remove(id uint64) {
	if i, ok := slices.BinarySearch(l.ids, id); ok {
		l.put(i, itemGone)
	}
}

// retry makes what failed in the session before a thing to do.
func (l *ledger) retry() {
	for i, is := range l.is {
		if is == itemFailed {
			l.put(i, itemTodo)
		}
	}
}

// add and sort build a ledger item by item.
func (l *ledger) add(id uint64, is itemIs) {
	l.ids = append(l.ids, id)
	l.is = append(l.is, itemTodo)
	l.put(len(l.is)-1, is)
}

func (l *ledger) sort() {
	type entry struct {
		id uint64
		is itemIs
	}
	all := make([]entry, len(l.ids))
	for i := range all {
		all[i] = entry{l.ids[i], l.is[i]}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	for i, e := range all {
		l.ids[i], l.is[i] = e.id, e.is
	}
}
