package storetest

import (
	"context"
	"io"
	"iter"
	"testing"

	"github.com/dogear-go/dogear/state"
)

// bad is a store of which some methods are replaced.
type bad struct {
	*leases
	open     func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error)
	journal  func(state.Journal) state.Journal
	events   func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error]
	event    func(run string, e state.Event) (state.Event, bool) // false: not yielded
	head     func(state.Head) state.Head
	list     func(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error]
	remove   func(ctx context.Context, run string, o state.RemoveOptions) error
	save     func(ctx context.Context, run string, data []byte) error
	load     func(ctx context.Context, run string) ([]byte, error)
	stream   func(ctx context.Context, run string, write func(io.Writer) error) error
	ask      func(ctx context.Context, run string, r state.Request) error
	requests func(ctx context.Context, run string) ([]state.Request, error)
	verify   func(ctx context.Context, run string) (state.Report, error)
}

// broken makes the subject of a check.
func broken(change func(b *bad)) func() subject {
	return func() subject {
		s := with(newLeases())
		b := &bad{leases: s.Store.(*leases)}
		change(b)
		s.Store = b
		return s
	}
}

func (b *bad) Open(ctx context.Context, run string, o state.OpenOptions) (j state.Journal, err error) {
	if b.open != nil {
		j, err = b.open(ctx, run, o)
	} else {
		j, err = b.leases.Open(ctx, run, o)
	}
	if err == nil && b.journal != nil {
		j = b.journal(j)
	}
	return j, err
}

func (b *bad) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	if b.events != nil {
		return b.events(ctx, run, q)
	}
	if b.event == nil {
		return b.leases.Events(ctx, run, q)
	}
	return func(yield func(state.Event, error) bool) {
		for e, err := range b.leases.Events(ctx, run, q) {
			ok := true
			if err == nil {
				e, ok = b.event(run, e)
			}
			if ok && !yield(e, err) {
				return
			}
		}
	}
}

func (b *bad) Head(ctx context.Context, run string) (state.Head, error) {
	h, err := b.leases.Head(ctx, run)
	if err == nil && b.head != nil {
		h = b.head(h)
	}
	return h, err
}

func (b *bad) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	if b.list != nil {
		return b.list(ctx, q)
	}
	if b.head == nil {
		return b.leases.List(ctx, q)
	}
	return func(yield func(state.Head, error) bool) {
		for h, err := range b.leases.List(ctx, q) {
			if !yield(b.head(h), err) {
				return
			}
		}
	}
}

func (b *bad) Remove(ctx context.Context, run string, o state.RemoveOptions) error {
	if b.remove != nil {
		return b.remove(ctx, run, o)
	}
	return b.leases.Remove(ctx, run, o)
}

func (b *bad) SaveSnapshot(ctx context.Context, run string, data []byte) error {
	if b.save != nil {
		return b.save(ctx, run, data)
	}
	return b.leases.SaveSnapshot(ctx, run, data)
}

func (b *bad) LoadSnapshot(ctx context.Context, run string) ([]byte, error) {
	if b.load != nil {
		return b.load(ctx, run)
	}
	return b.leases.LoadSnapshot(ctx, run)
}

func (b *bad) WriteSnapshot(ctx context.Context, run string, write func(io.Writer) error) error {
	if b.stream != nil {
		return b.stream(ctx, run, write)
	}
	return b.leases.WriteSnapshot(ctx, run, write)
}

func (b *bad) Ask(ctx context.Context, run string, r state.Request) error {
	if b.ask != nil {
		return b.ask(ctx, run, r)
	}
	return b.leases.Ask(ctx, run, r)
}

func (b *bad) Requests(ctx context.Context, run string) ([]state.Request, error) {
	if b.requests != nil {
		return b.requests(ctx, run)
	}
	return b.leases.Requests(ctx, run)
}

func (b *bad) Verify(ctx context.Context, run string) (state.Report, error) {
	if b.verify != nil {
		return b.verify(ctx, run)
	}
	return b.leases.Verify(ctx, run)
}

// badJournal is a journal of which some methods are replaced.
type badJournal struct {
	state.Journal
	add   func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error
	epoch uint64
	end   func(j state.Journal) error
}

func (j *badJournal) Append(ctx context.Context, events []state.Event, sync bool) error {
	if j.add != nil {
		return j.add(ctx, j.Journal, events, sync)
	}
	return j.Journal.Append(ctx, events, sync)
}

func (j *badJournal) Epoch() uint64 {
	if j.epoch > 0 {
		return j.epoch
	}
	return j.Journal.Epoch()
}

func (j *badJournal) Close() error {
	if j.end != nil {
		return j.end(j.Journal)
	}
	return j.Journal.Close()
}

// appends replaces how a store appends.
func appends(add func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error) func(b *bad) {
	return func(b *bad) {
		b.journal = func(j state.Journal) state.Journal { return &badJournal{Journal: j, add: add} }
	}
}

// reads replaces what is read: an event, or nothing in its place.
func reads(event func(run string, e state.Event) (state.Event, bool)) func(b *bad) {
	return func(b *bad) { b.event = event }
}

// asks replaces a query.
func asks(change func(q *state.Query)) func(b *bad) {
	return func(b *bad) {
		b.events = func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
			change(&q)
			return b.leases.Events(ctx, run, q)
		}
	}
}

// lists replaces how a list is made from all heads that there are.
func lists(list func(all []state.Head, q state.ListQuery) []state.Head) func(b *bad) {
	return func(b *bad) {
		b.list = func(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
			return func(yield func(state.Head, error) bool) {
				var all []state.Head
				for h, err := range b.leases.List(ctx, state.ListQuery{}) {
					if err != nil {
						yield(h, err)
						return
					}
					all = append(all, h)
				}
				for _, h := range list(all, q) {
					if !yield(h, nil) {
						return
					}
				}
			}
		}
	}
}

// reopened makes a subject whose store is sound until it is opened again.
func reopened(change func(b *bad)) func() subject {
	return func() subject {
		s := with(newLeases())
		s.reopen = func(_ testing.TB, old state.Store) state.Store {
			b := &bad{leases: old.(*leases)}
			change(b)
			return b
		}
		return s
	}
}
