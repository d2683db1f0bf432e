package limit

import (
	"cmp"
	"slices"
)

// line is a queue in which runs take turns: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). A request's tag is when its
// run's earlier ones would be done if each run had a limiter of its own; the lowest tag goes first. A run with many requests, or
// with large ones, so does not keep another from its share. The zero line is empty.
type line struct {
	waiting []*Ticket // by tag, then by arrival
	clock   float64   // tag of the last that went
	ends    map[string]float64
	seq     uint64
}

func (q *line) len() int { return len(q.waiting) }

func (q *line) head() *Ticket { return q.waiting[0] }

// add puts a ticket into its place. share is what it uses.
func (q *line) add(t *Ticket, share float64) {
	if q.ends == nil {
		q.ends = map[string]float64{}
	}
	q.seq++
	t.tag, t.seq = max(q.clock, q.ends[t.run]), q.seq
	q.ends[t.run] = t.tag + share
	i, _ := slices.BinarySearchFunc(q.waiting, t, order)
	q.waiting = slices.Insert(q.waiting, i, t)
}

func order(a, b *Ticket) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.seq, b.seq)) }

func (q *line) pop() {
	q.clock = q.waiting[0].tag
	q.waiting = slices.Delete(q.waiting, 0, 1)
	if len(q.waiting) == 0 {
		for run, end := range q.ends { // who has nothing to wait for starts anew
			if end <= q.clock {
				delete(q.ends, run)
			}
		}
	}
}

func (q *line) remove(t *Ticket) {
	if i := slices.Index(q.waiting, t); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
}

// before are those who would go before a new request of a run.
func (q *line) before(run string) []*Ticket {
	tag := max(q.clock, q.ends[run])
	i, _ := slices.BinarySearchFunc(q.waiting, tag, func(t *Ticket, tag float64) int {
		if t.tag <= tag {
			return -1
		}
		return 1
	})
	return q.waiting[:i]
}
