package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dogear-go/dogear/state"
)

// The names of checks that several faults are for.
const (
	order   = "events come back in order and whole"
	queries = "queries"
	listing = "listing"
	inPages = "listing by status and age, in pages"
	heads   = "heads"
)

func faults() []fault {
	return slices.Concat(readingFaults(), writingFaults(), openingFaults(), listingFaults(), optionalFaults())
}

// butLast drops the last event of a sequence.
func butLast(b *bad) {
	b.events = func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
		return func(yield func(state.Event, error) bool) {
			var before *state.Event
			for e, err := range b.leases.Events(ctx, run, q) {
				if err != nil {
					yield(e, err)
					return
				}
				if before != nil && !yield(*before, nil) {
					return
				}
				before = &e
			}
		}
	}
}

func readingFaults() []fault {
	at := func(seq uint64, change func(e *state.Event) bool) func(b *bad) {
		return reads(func(_ string, e state.Event) (state.Event, bool) {
			if e.Seq == seq {
				return e, change(&e)
			}
			return e, true
		})
	}
	return []fault{
		{"the last event is not read", broken(butLast), []string{order, "readers work beside a writer", queries, "copying", "verifying"}},
		{"an event is not read", broken(at(3, func(*state.Event) bool { return false })), []string{order, "the state that a Recorder folds", "verifying"}},
		{"an event has another number", broken(at(3, func(e *state.Event) bool { e.Seq = 2; return true })), []string{order, "readers work beside a writer"}},
		{"two events change places", broken(func(b *bad) {
			b.event = func(run string, e state.Event) (state.Event, bool) {
				if e.Seq == 3 || e.Seq == 4 {
					other, err := state.ReadEvent(context.Background(), b.leases, run, 7-e.Seq)
					return other, err == nil
				}
				return e, true
			}
		}), []string{order}},
		{"an event is read twice", broken(func(b *bad) {
			b.events = func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
				return func(yield func(state.Event, error) bool) {
					for e, err := range b.leases.Events(ctx, run, q) {
						if !yield(e, err) || e.Seq == 3 && !yield(e, err) {
							return
						}
					}
				}
			}
		}), []string{order, queries}},
		{"another run's events are read", broken(func(b *bad) {
			b.events = func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
				if run == "a.b" || run == "a-b" {
					run = "a"
				}
				return b.leases.Events(ctx, run, q)
			}
		}), []string{"runs are apart"}},
		{"a field is lost", broken(reads(func(_ string, e state.Event) (state.Event, bool) { e.Gen = 0; return e, true })), []string{"events of every type"}},
		{"times are cut", broken(reads(func(_ string, e state.Event) (state.Event, bool) {
			e.Time = e.Time.Truncate(time.Millisecond)
			return e, true
		})), []string{"events of every type", "copying"}},
		{"a text is cut", broken(reads(func(_ string, e state.Event) (state.Event, bool) {
			if d, ok := e.Data.(state.ItemCompleted); ok && len(d.Result) > 3<<20 {
				d.Result = d.Result[:3<<20]
				e.Data = d
			}
			return e, true
		})), []string{"big events"}},
		{"a byte is changed", broken(reads(func(_ string, e state.Event) (state.Event, bool) {
			e.Item = strings.ReplaceAll(e.Item, "\x00", "")
			return e, true
		})), []string{"odd keys and bytes"}},
		{"a warning is another", broken(reads(func(_ string, e state.Event) (state.Event, bool) {
			if _, ok := e.Data.(state.RunWarning); ok && e.Seq > 1 {
				e.Data = state.RunWarning{Code: "other"}
			}
			return e, true
		})), []string{"the state that a Recorder folds", order}},
		{"an event far behind is not read", broken(at(10_007, func(*state.Event) bool { return false })), []string{"many events"}},
		{"From is not minded", broken(asks(func(q *state.Query) { q.From = 0 })), []string{queries}},
		{"Limit is not minded", broken(asks(func(q *state.Query) { q.Limit = 0 })), []string{queries}},
		{"Scope is not minded", broken(asks(func(q *state.Query) { q.Scope = nil })), []string{queries, "odd keys and bytes"}},
		{"Limit counts what the scope leaves out", broken(func(b *bad) {
			b.events = func(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
				if q.Limit > 0 && q.Scope != nil {
					q.Limit--
				}
				return b.leases.Events(ctx, run, q)
			}
		}), []string{queries}},
	}
}

func writingFaults() []fault {
	return []fault{
		{"an event is written twice", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			if err := j.Append(ctx, events, sync); err != nil || len(events) == 0 || events[0].Seq == 1 {
				return err
			}
			twice := slices.Clone(events[len(events)-1:])
			twice[0].Seq = j.Last() + 1
			return j.Append(ctx, twice, sync)
		})), []string{order, "appending again what is there counts as written"}},
		{"what comes again is not compared", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			for len(events) > 0 && events[0].Seq <= j.Last() && events[0].Seq > 0 {
				events = events[1:]
			}
			return j.Append(ctx, events, sync)
		})), []string{"appending again what is there counts as written"}},
		{"what comes again is refused", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			if len(events) > 0 && events[0].Seq <= j.Last() {
				return fmt.Errorf("%w: %w", errBroken, state.ErrJournalFailed)
			}
			return j.Append(ctx, events, sync)
		})), []string{"appending again what is there counts as written"}},
		{"the store numbers by itself", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			events = slices.Clone(events)
			for i := range events {
				events[i].Seq = j.Last() + uint64(i) + 1
			}
			return j.Append(ctx, events, sync)
		})), []string{"wrong numbers are refused for good", "appending again what is there counts as written"}},
		{"a failed append is not told", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			if err := j.Append(ctx, events, sync); len(events) < 3 {
				return err
			}
			return nil
		})), []string{"a batch with an event that can't be written"}},
		{"a failed append is forgiven", broken(func(b *bad) {
			b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
				j, err := b.leases.Open(ctx, run, o)
				return &badJournal{Journal: j, add: func(ctx context.Context, _ state.Journal, events []state.Event, sync bool) error {
					err := j.Append(ctx, events, sync)
					if err != nil {
						_ = j.Close()
						o.Mode = state.OpenExisting
						if next, failed := b.leases.Open(context.WithoutCancel(ctx), run, o); failed == nil {
							j = next
						}
					}
					return err
				}, end: func(state.Journal) error { return j.Close() }}, err
			}
		}), []string{"wrong numbers are refused for good"}},
		{"a batch can begin a run", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			if j.Last() == 0 && len(events) > 1 {
				return errors.Join(j.Append(ctx, events[:1], true), j.Append(ctx, events[1:], sync))
			}
			return j.Append(ctx, events, sync)
		})), []string{"a run begins with its first append"}},
		{"what is appended after Close is dropped", broken(func(b *bad) {
			b.journal = func(j state.Journal) state.Journal {
				closed := make(chan struct{})
				return &badJournal{Journal: j, add: func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
					select {
					case <-closed:
						return nil
					default:
						if err := j.Append(ctx, events, sync); err != nil && !errors.Is(err, state.ErrJournalFailed) {
							return err
						}
						return nil
					}
				}, end: func(j state.Journal) error {
					select {
					case <-closed:
					default:
						close(closed)
					}
					return j.Close()
				}}
			}
		}), []string{"closing while appending"}},
		{"Close keeps the lock", broken(func(b *bad) {
			b.journal = func(j state.Journal) state.Journal {
				return &badJournal{Journal: j, end: func(state.Journal) error { return nil }}
			}
		}), []string{order, "one writer", "one writer of all who opened the store"}},
		{"who has gone is written for", broken(appends(func(ctx context.Context, j state.Journal, events []state.Event, sync bool) error {
			return j.Append(context.WithoutCancel(ctx), events, sync)
		})), []string{"cancelled contexts"}},
		{"the last batch is not there later", reopened(butLast), []string{"what was acknowledged is there for who opens the store anew"}},
		{"an unsynced event is only in memory", reopened(reads(func(_ string, e state.Event) (state.Event, bool) { return e, e.Seq != 5 })),
			[]string{"what was acknowledged is there for who opens the store anew"}},
	}
}

func openingFaults() []fault {
	mode := func(change func(o *state.OpenOptions)) func(b *bad) {
		return func(b *bad) {
			b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
				change(&o)
				return b.leases.Open(ctx, run, o)
			}
		}
	}
	unlocked := func(b *bad) {
		b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
			j, err := b.leases.Open(ctx, run, o)
			if errors.Is(err, state.ErrLocked) {
				return b.runs[run].holder, nil
			}
			return j, err
		}
	}
	lax := func() subject {
		l := newLeases()
		l.lax = true
		return with(l)
	}
	return []fault{
		{"an existing run is created", broken(mode(func(o *state.OpenOptions) { o.Mode = state.OpenOrCreate })),
			[]string{"modes of Open", "a run begins with its first append"}},
		{"two may write", broken(unlocked), []string{"one writer"}},
		{"a lock takes long", broken(func(b *bad) {
			b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
				j, err := b.leases.Open(ctx, run, o)
				if errors.Is(err, state.ErrLocked) {
					<-time.After(700 * time.Millisecond)
				}
				return j, err
			}
		}), []string{"one writer"}},
		{"a lock holds for one process alone", reopened(unlocked), []string{"one writer of all who opened the store"}},
		{"who lost the run goes on", lax, []string{"who lost the run is fenced off"}},
		{"epochs stay", broken(func(b *bad) {
			b.journal = func(j state.Journal) state.Journal { return &badJournal{Journal: j, epoch: 1} }
		}), []string{"epochs rise", "who lost the run is fenced off"}},
		{"names are made to fit", broken(func(b *bad) {
			b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
				if state.ValidName(run) != nil {
					run = "x"
				}
				return b.leases.Open(ctx, run, o)
			}
		}), []string{"names"}},
		{"a scope fails in its own way", broken(func(b *bad) {
			b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
				if o.Scope.Step != "" {
					return nil, errBroken
				}
				return b.leases.Open(ctx, run, o)
			}
		}), []string{"a scope or an epoch"}},
	}
}

func listingFaults() []fault {
	// right is what a list should be, but for what a fault leaves out.
	right := func(all []state.Head, q state.ListQuery) (list []state.Head) {
		for _, h := range all {
			if h.Run > q.After && q.Wants(h) && (q.Limit == 0 || len(list) < q.Limit) {
				list = append(list, h)
			}
		}
		return list
	}
	without := func(change func(q *state.ListQuery)) func() subject {
		return broken(lists(func(all []state.Head, q state.ListQuery) []state.Head {
			change(&q)
			return right(all, q)
		}))
	}
	says := func(change func(h *state.Head)) func() subject {
		return broken(func(b *bad) {
			b.head = func(h state.Head) state.Head { change(&h); return h }
		})
	}
	return []fault{
		{"a list is not sorted", broken(lists(func(all []state.Head, q state.ListQuery) []state.Head {
			list := right(all, q)
			slices.Reverse(list)
			return list
		})), []string{listing, inPages}},
		{"After is not minded", without(func(q *state.ListQuery) { q.After = "" }), []string{listing, inPages}},
		{"Limit is not minded in a list", without(func(q *state.ListQuery) { q.Limit = 0 }), []string{listing, inPages}},
		{"Status is not minded", without(func(q *state.ListQuery) { q.Status = nil }), []string{inPages}},
		{"only the first status is minded", without(func(q *state.ListQuery) { q.Status = q.Status[:min(1, len(q.Status))] }), []string{inPages}},
		{"age is not minded", without(func(q *state.ListQuery) { q.UpdatedBefore = time.Time{} }), []string{inPages}},
		{"the limit counts what is not wanted", broken(lists(func(all []state.Head, q state.ListQuery) []state.Head {
			first := right(all, state.ListQuery{After: q.After, Limit: q.Limit})
			return right(first, q)
		})), []string{inPages}},
		{"some runs are not listed", broken(lists(func(all []state.Head, q state.ListQuery) []state.Head {
			return right(slices.DeleteFunc(all, func(h state.Head) bool { return strings.HasSuffix(h.Run, "7") || h.Run == "b-1" }), q)
		})), []string{listing, "many runs at once"}},
		{"a head is behind", says(func(h *state.Head) { h.Last-- }), []string{heads, "readers work beside a writer"}},
		{"a head knows no holder", says(func(h *state.Head) { h.Holder = nil }), []string{heads, "readers work beside a writer",
			"what was acknowledged is there for who opens the store anew"}},
		{"a head is of another run", says(func(h *state.Head) { h.RunID = "id" }), []string{heads, "verifying", "many runs at once"}},
		{"a status is as stored", says(func(h *state.Head) {
			if h.Status == state.StatusRunning || h.Status == state.StatusInterrupted {
				h.Status = state.StatusOpen
			}
		}), []string{"statuses", inPages}},
		{"a status stays", says(func(h *state.Head) {
			if h.Last > 100 {
				h.Status = state.StatusRunning
			}
		}), []string{"statuses"}},
		{"the age is that of the reader", says(func(h *state.Head) { h.Updated = time.Now() }), []string{"statuses", inPages, "pruning"}},
		{"nothing is removed", broken(func(b *bad) {
			b.remove = func(context.Context, string, state.RemoveOptions) error { return nil }
		}), []string{"removing", "removing what belongs to a run", "pruning"}},
		{"who opens a run gets one that was moved aside", broken(movedAway), []string{"a run that is moved aside while it is opened"}},
		{"a run that is not there is removed as well", broken(func(b *bad) {
			b.remove = func(ctx context.Context, run string, o state.RemoveOptions) error {
				if err := b.leases.Remove(ctx, run, o); !errors.Is(err, state.ErrNotFound) && !errors.Is(err, state.ErrLocked) {
					return err
				}
				return nil
			}
		}), []string{"a run that two remove at once"}},
		{"a removal is not checked", broken(func(b *bad) {
			b.remove = func(ctx context.Context, run string, o state.RemoveOptions) error {
				o.Check = nil
				return b.leases.Remove(ctx, run, o)
			}
		}), []string{"removing under a check"}},
		{"who is held is removed", broken(func(b *bad) {
			b.remove = func(ctx context.Context, run string, o state.RemoveOptions) error {
				err := b.leases.Remove(ctx, run, o)
				if errors.Is(err, state.ErrLocked) {
					return nil
				}
				return err
			}
		}), []string{"one writer", "one writer of all who opened the store"}},
	}
}

// movedAway gives who goes on with a run the one that had its name before, where nobody reads what is appended.
func movedAway(b *bad) {
	var moved atomic.Bool
	b.remove = func(ctx context.Context, run string, o state.RemoveOptions) error {
		err := b.leases.Remove(ctx, run, o)
		if err == nil && o.Archive {
			moved.Store(true)
		}
		return err
	}
	b.open = func(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
		j, err := b.leases.Open(ctx, run, o)
		if err == nil && moved.Load() && o.Mode == state.OpenExisting {
			j = &badJournal{Journal: j, add: func(context.Context, state.Journal, []state.Event, bool) error { return nil }}
		}
		return j, err
	}
}

func optionalFaults() []fault {
	snapshots := func(b *bad) { // kept by name, for ever
		kept := map[string][]byte{}
		b.save = func(ctx context.Context, run string, data []byte) error {
			kept[run] = data
			return b.leases.SaveSnapshot(ctx, run, data)
		}
		b.load = func(ctx context.Context, run string) ([]byte, error) {
			if data := kept[run]; data != nil {
				return data, nil
			}
			return b.leases.LoadSnapshot(ctx, run)
		}
	}
	requests := func(b *bad) {
		kept := map[string][]state.Request{}
		b.ask = func(ctx context.Context, run string, r state.Request) error {
			kept[run] = append(kept[run], r)
			return b.leases.Ask(ctx, run, r)
		}
		b.requests = func(_ context.Context, run string) ([]state.Request, error) { return kept[run], nil }
	}
	return []fault{
		{"a snapshot outlives its run", broken(snapshots), []string{"removing what belongs to a run"}},
		{"requests outlive their run", broken(requests), []string{"removing what belongs to a run", "inbox"}},
		{"a snapshot loses its end", broken(func(b *bad) {
			b.save = func(ctx context.Context, run string, data []byte) error {
				return b.leases.SaveSnapshot(ctx, run, bytes.TrimSuffix(data, []byte("\n")))
			}
		}), []string{"snapshots"}},
		{"a snapshot is not kept", broken(func(b *bad) {
			b.save = func(context.Context, string, []byte) error { return nil }
		}), []string{"snapshots"}},
		{"a snapshot that could not be made is kept", broken(func(b *bad) {
			b.stream = func(ctx context.Context, run string, write func(io.Writer) error) error {
				var data buffer
				err := write(&data)
				return errors.Join(err, b.leases.SaveSnapshot(ctx, run, data.data))
			}
		}), []string{"snapshots as streams"}},
		{"a store finds what is not there", broken(func(b *bad) {
			b.verify = func(ctx context.Context, run string) (state.Report, error) {
				r, err := b.leases.Verify(ctx, run)
				r.Damaged = append(r.Damaged, state.Damage{Seq: 1, Why: "broken on purpose"})
				return r, err
			}
		}), []string{"verifying", "copying"}},
	}
}
