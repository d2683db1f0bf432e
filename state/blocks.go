package state

import (
	"encoding/binary"
	"fmt"
)

// A block is some items of a list, in columns, in binary:
//
//	number of items; runs of items with the same flags (the flags, their number); keys, each as the length that it shares
//	with the key before it, the length of the rest, and the rest; hashes of values; hashes of results; numbers of events,
//	as differences; generations; costs, and the waste in them
//
// Numbers are varints. The flags say in which columns an item is.
const (
	flagStatus = 3 // these bits are its itemStatus
	flagEdited = 1 << 2
	flagHash   = 1 << 3
	flagResult = 1 << 4
	flagSeq    = 1 << 5
	flagGen    = 1 << 6
	flagCost   = 1 << 7
)

// blockItems makes lines of about 50 KB. All blocks of a list but the last hold as many.
const blockItems = 4 * chunkItems

func (it *item) flags() byte {
	f := byte(it.status)
	if it.edited {
		f |= flagEdited
	}
	if it.hash != (Hash{}) {
		f |= flagHash
	}
	if it.result != (Hash{}) {
		f |= flagResult
	}
	if it.seq != 0 {
		f |= flagSeq
	}
	if it.gen != 0 {
		f |= flagGen
	}
	if it.cost != 0 || it.waste != 0 {
		f |= flagCost
	}
	return f
}

// appendBlock appends the items from first on, blockItems of them or as many as there are.
func (l ItemList) appendBlock(b []byte, first int) []byte {
	end := min(first+blockItems, l.n)
	b = binary.AppendUvarint(b, uint64(end-first))
	b = l.appendFlags(b, first, end)
	var before []byte
	for i := first; i < end; i++ {
		key := l.At(i).key
		n := shared(before, key)
		b = binary.AppendUvarint(b, uint64(n))
		b = binary.AppendUvarint(b, uint64(len(key)-n))
		b = append(b, key[n:]...)
		before = key
	}
	for i := first; i < end; i++ {
		if it := l.At(i).item; it.hash != (Hash{}) {
			b = append(b, it.hash[:]...)
		}
	}
	for i := first; i < end; i++ {
		if it := l.At(i).item; it.result != (Hash{}) {
			b = append(b, it.result[:]...)
		}
	}
	seq := uint64(0)
	for i := first; i < end; i++ {
		if it := l.At(i).item; it.seq != 0 {
			b = binary.AppendVarint(b, int64(it.seq-seq)) // wraps around, and back again
			seq = it.seq
		}
	}
	for i := first; i < end; i++ {
		if it := l.At(i).item; it.gen != 0 {
			b = binary.AppendVarint(b, int64(it.gen))
		}
	}
	for i := first; i < end; i++ {
		if it := l.At(i).item; it.cost != 0 || it.waste != 0 {
			b = binary.AppendVarint(binary.AppendVarint(b, it.cost), it.waste)
		}
	}
	return b
}

func (l ItemList) appendFlags(b []byte, first, end int) []byte {
	for i := first; i < end; {
		flags, n := l.At(i).item.flags(), 1
		for i+n < end && l.At(i+n).item.flags() == flags {
			n++
		}
		b = binary.AppendUvarint(append(b, flags), uint64(n))
		i += n
	}
	return b
}

// shared is how many bytes two keys have in common at their beginning.
func shared(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// errBlock is about a block that no version of this encoding wrote.
var errBlock = fmt.Errorf("%w: snapshot: a broken block of items", ErrRecord)

// appendFrom appends the items of a block, of which there must be no more than most. The index is left as it is.
func (t *itemTable) appendFrom(block []byte, most int) error {
	d := blockReader{b: block}
	n := int(d.uvarint(uint64(min(most, blockItems))))
	if n == 0 || t.n%blockItems != 0 {
		return errBlock
	}
	var flags [blockItems]byte
	d.flags(flags[:n])
	d.keys(t, n)
	if d.broken {
		return errBlock
	}
	at := t.n
	for i := range n {
		it := t.at(at + i)
		it.status, it.edited = itemStatus(flags[i]&flagStatus), flags[i]&flagEdited != 0
		if flags[i]&flagHash != 0 {
			copy(it.hash[:], d.bytes(uint64(len(it.hash))))
		}
	}
	for i := range n {
		if it := t.at(at + i); flags[i]&flagResult != 0 {
			copy(it.result[:], d.bytes(uint64(len(it.result))))
		}
	}
	seq := uint64(0)
	for i := range n {
		if flags[i]&flagSeq != 0 {
			seq += uint64(d.varint())
			t.at(at + i).seq = seq
		}
	}
	for i := range n {
		if flags[i]&flagGen != 0 {
			t.at(at + i).gen = int32(d.varint())
		}
	}
	for i := range n {
		if flags[i]&flagCost != 0 {
			it := t.at(at + i)
			it.cost, it.waste = d.varint(), d.varint()
		}
	}
	if d.broken || len(d.b) > 0 {
		return errBlock
	}
	t.n += n
	return nil
}

// blockReader reads a block. Once it is broken it stays so, and gives zeros.
type blockReader struct {
	b      []byte
	broken bool
}

func (d *blockReader) fail() {
	d.b, d.broken = nil, true
}

// uvarint reads a number that must not be greater than most.
func (d *blockReader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > most {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *blockReader) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *blockReader) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *blockReader) flags(to []byte) {
	for len(to) > 0 {
		f := d.bytes(1)
		n := d.uvarint(uint64(len(to)))
		if d.broken || n == 0 {
			d.fail()
			return
		}
		for i := range n {
			to[i] = f[0]
		}
		to = to[n:]
	}
}

// keys appends n items with nothing but their keys to the chunks of the table, which must be full.
func (d *blockReader) keys(t *itemTable, n int) {
	var before []byte
	for n > 0 && !d.broken {
		c := itemChunk{items: make([]item, min(n, chunkItems)), epoch: t.epoch.Load()}
		keys := make([]byte, 0, len(c.items)*(len(before)+1))
		for i := range c.items {
			same := d.uvarint(uint64(len(before)))
			rest := d.bytes(d.uvarint(maxKey))
			off := len(keys)
			keys = append(append(keys, before[:same]...), rest...)
			if before = keys[off:]; len(before) > maxKey {
				d.fail()
			}
			c.items[i].key = uint64(off)<<keyBits | uint64(len(before))
		}
		c.keys = keys
		t.chunks = append(t.chunks, c)
		n -= len(c.items)
	}
}
