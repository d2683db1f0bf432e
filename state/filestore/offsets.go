package filestore

// offsets are where records stand: eight bytes a record, in pieces, so that a long list never moves while it grows. One
// owner may add; whoever was given the first n before may go on reading those at the same time.
type offsets struct {
	pieces []*[offsetsPiece]int64 // all but the last are full
	n      uint64
}

// offsetsPiece is the length of a piece. A shorter one costs more pointers, a longer one more room for a small run.
const offsetsPiece = 256

func (o *offsets) add(off int64) {
	if o.n%offsetsPiece == 0 {
		o.pieces = append(o.pieces, new([offsetsPiece]int64))
	}
	o.pieces[o.n/offsetsPiece][o.n%offsetsPiece] = off
	o.n++
}

// at returns the i-th, counted from zero.
func (o offsets) at(i uint64) int64 { return o.pieces[i/offsetsPiece][i%offsetsPiece] }

// first returns the first n, for reading.
func (o offsets) first(n uint64) offsets {
	pieces := (n + offsetsPiece - 1) / offsetsPiece
	return offsets{o.pieces[:pieces:pieces], n}
}

// clone returns a list of its own to add to.
func (o offsets) clone() offsets {
	var c offsets
	for i := range o.n {
		c.add(o.at(i))
	}
	return c
}
