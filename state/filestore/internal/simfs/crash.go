package simfs

import (
	"math/rand/v2"
	"slices"
)

// Sector is the unit that a disk writes at once, mostly.
const Sector = 512

// Crash cuts the power and returns a new file system that holds what the disk may hold then, chosen by the seed. The
// old one fails every operation from now on. No file of the new one is locked.
func (f *FS) Crash(seed uint64) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = true
	rng := rand.New(rand.NewPCG(seed, 0x0d09ea4))

	entries := f.survivingEntries(rng)
	copies := map[*node]*node{}
	return &FS{root: survive(f.root, entries, copies, rng)}
}

// survivingEntries lets each pending change of a directory survive or not. One that is lost takes later changes of the
// same name with it, and on file systems that keep an order, those of the same directories.
func (f *FS) survivingEntries(rng *rand.Rand) map[*node]map[string]*node {
	entries := map[*node]map[string]*node{}
	of := func(n *node) map[string]*node {
		if entries[n] == nil {
			entries[n] = map[string]*node{}
			for name, child := range n.durable {
				entries[n][name] = child
			}
		}
		return entries[n]
	}
	keep := rng.IntN(5) // 0: none, 1: all, else: about half
	ordered := keep < 4
	type place struct {
		dir  *node
		name string // empty: all of them
	}
	lost := map[place]bool{}
	for _, o := range f.pending {
		places := []place{{o.dir, o.name}}
		if o.from != nil {
			places = append(places, place{o.from, o.fromName})
		}
		gone := keep == 0 || keep > 1 && rng.IntN(2) == 0
		for _, p := range places {
			gone = gone || lost[p] || lost[place{p.dir, ""}]
		}
		if !gone {
			o.apply(of)
			continue
		}
		for _, p := range places {
			lost[p] = true
			if ordered {
				lost[place{p.dir, ""}] = true
			}
		}
	}
	return entries
}

func survive(n *node, entries map[*node]map[string]*node, copies map[*node]*node, rng *rand.Rand) *node {
	if c := copies[n]; c != nil {
		return c
	}
	if !n.isDir() {
		data := survivingData(n, rng)
		copies[n] = &node{data: data, disk: slices.Clone(data)}
		return copies[n]
	}
	d := newDir()
	copies[n] = d
	list, ok := entries[n]
	if !ok {
		list = n.durable
	}
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names) // the order of a map must not decide what the seed means
	for _, name := range names {
		child := survive(list[name], entries, copies, rng)
		d.entries[name], d.durable[name] = child, child
	}
	return d
}

// survivingData chooses how much of the changes since the last sync is on the disk.
func survivingData(n *node, rng *rand.Rand) []byte {
	b := slices.Clone(n.disk)
	if len(n.dirty) == 0 {
		return b
	}
	switch rng.IntN(7) {
	case 0: // nothing
	case 1: // everything
		for _, c := range n.dirty {
			b = c.apply(b)
		}
	case 2: // some of them, and one cut at a byte
		k := rng.IntN(len(n.dirty))
		for _, c := range n.dirty[:k] {
			b = c.apply(b)
		}
		if c := n.dirty[k]; !c.truncate {
			c.data = c.data[:rng.IntN(len(c.data)+1)]
			b = c.apply(b)
		}
	case 3: // each of them or not
		for _, c := range n.dirty {
			if rng.IntN(2) == 0 {
				b = c.apply(b)
			}
		}
	case 4: // each piece of each or not, the pieces ending at any byte
		for _, c := range n.dirty {
			longest := 1 + rng.IntN(1+len(c.data)/2)
			b = tear(b, c, rng, func(int64) int { return 1 + rng.IntN(longest) })
		}
	default: // each sector of each or not, a few torn
		for _, c := range n.dirty {
			b = tear(b, c, rng, func(off int64) int { return Sector - int(off%Sector) })
		}
	}
	return b
}

// tear applies some pieces of a change. A piece that is lost leaves what was there before: the bytes that it would have
// replaced, or, behind the end of the file, nothing, zeros or rubbish.
func tear(b []byte, c change, rng *rand.Rand, piece func(off int64) int) []byte {
	if c.truncate {
		if rng.IntN(2) == 0 {
			b = c.apply(b)
		}
		return b
	}
	for at := 0; at < len(c.data); {
		end := min(len(c.data), at+piece(c.off+int64(at)))
		part := change{off: c.off + int64(at), data: slices.Clone(c.data[at:end])}
		switch rng.IntN(8) {
		case 0, 1: // lost, the file's size unchanged
		case 2: // lost, but the file is as long
			if part.off >= int64(len(b)) {
				clear(part.data)
				b = part.apply(b)
			}
		case 3: // torn
			part.data = part.data[:rng.IntN(len(part.data)+1)]
			b = part.apply(b)
		case 4: // rubbish, where nothing was before
			if part.off >= int64(len(b)) {
				for i := range part.data {
					part.data[i] = byte(rng.Uint32())
				}
				b = part.apply(b)
			}
		default:
			b = part.apply(b)
		}
		at = end
	}
	return b
}
