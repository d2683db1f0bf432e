// Package memstore keeps runs in memory: for tests, and for pipelines that need no second chance. It keeps the encoded
// records, so that what is read back has been through the same encoding as with any other store.
//
// For tests of resuming, [Store.CrashAfter] and [Store.CrashBefore] end the life of the process at a chosen event, and
// [Store.Restart] begins the next one.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Store is a store in memory. It implements [state.Store], [state.Snapshots] and [state.Inbox], and is safe for
// concurrent use.
type Store struct {
	mu       sync.Mutex // guards everything below, the runs included
	runs     map[string]*run
	archived map[string]*run
	crash    crash
	life     int // raised by Restart: journals of an earlier life are dead
	appended int
}

var (
	_ state.Store     = (*Store)(nil)
	_ state.Snapshots = (*Store)(nil)
	_ state.Inbox     = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	return &Store{runs: map[string]*run{}, archived: map[string]*run{}}
}

// run is one run. It exists once it has a record.
type run struct {
	id       string
	lines    [][]byte
	durable  int // how many of the lines were synced
	proof    uint64
	size     int64
	snapshot []byte
	requests []state.Request
	holder   *state.Holder
	writer   *journal
}

func (s *Store) begin(ctx context.Context, name string) error {
	if err := state.ValidName(name); err != nil {
		return err
	}
	return ctx.Err()
}

// find returns a run that exists.
func (s *Store) find(name string) (*run, error) {
	r := s.runs[name]
	if r == nil || len(r.lines) == 0 {
		return nil, fmt.Errorf("run %q: %w", name, state.ErrNotFound)
	}
	return r, nil
}

// Open takes the run's lock and returns its journal. See [state.Store].
func (s *Store) Open(ctx context.Context, name string, o state.OpenOptions) (state.Journal, error) {
	if err := s.begin(ctx, name); err != nil {
		return nil, err
	}
	if o.Scope != (state.Scope{}) || o.Epoch != 0 {
		return nil, fmt.Errorf("memstore: open a part of a run: %w", state.ErrUnsupported)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.find(name)
	switch {
	case err == nil && o.Mode == state.Create:
		return nil, fmt.Errorf("run %q: %w", name, state.ErrExists)
	case err != nil && o.Mode == state.OpenExisting:
		return nil, err
	}
	r := s.runs[name]
	if r == nil {
		r = &run{}
		s.runs[name] = r
	}
	if h := r.holder; h != nil {
		return nil, &state.HeldError{Run: name, Host: h.Host, PID: h.PID, Since: h.Since}
	}
	host, _ := os.Hostname() // without a name the number must do
	r.holder = &state.Holder{PID: os.Getpid(), Host: host, Since: time.Now().UTC()}
	r.durable = len(r.lines) // what a run is opened with is kept
	r.writer = &journal{store: s, name: name, run: r, life: s.life, lost: make(chan struct{})}
	return r.writer, nil
}

// Events yields the run's events in order. See [state.Store].
func (s *Store) Events(ctx context.Context, name string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		id, lines, err := s.lines(ctx, name)
		if err != nil {
			yield(state.Event{}, err)
			return
		}
		from, count := max(q.From, 1), 0
		for i := from - 1; i < uint64(len(lines)); i++ {
			e, err := state.DecodeRecord(lines[i], id)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(state.Event{}, err)
				return
			}
			if q.Scope != nil && (e.Step != q.Scope.Step || q.Scope.Item != "" && e.Item != q.Scope.Item) {
				continue
			}
			count++
			if !yield(e, nil) || count == q.Limit {
				return
			}
		}
	}
}

// lines are never changed, so that a reader may go on with those it has.
func (s *Store) lines(ctx context.Context, name string) (id string, lines [][]byte, err error) {
	if err := s.begin(ctx, name); err != nil {
		return "", nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(name)
	if err != nil {
		return "", nil, err
	}
	return r.id, slices.Clip(r.lines), nil
}

// Head tells what can be known of a run without reading its events.
func (s *Store) Head(ctx context.Context, name string) (state.Head, error) {
	h := state.Head{Run: name}
	if err := s.begin(ctx, name); err != nil {
		return h, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(name)
	if err != nil {
		return h, err
	}
	first, err := state.DecodeRecord(r.lines[0], r.id)
	if err != nil {
		return h, err
	}
	last, err := state.DecodeRecord(r.lines[len(r.lines)-1], r.id)
	if err != nil {
		return h, err
	}
	h.RunID, h.Created, h.Updated = r.id, first.Time, last.Time
	if created, ok := first.Data.(state.RunCreated); ok {
		h.Pipeline = created.Pipeline
	}
	h.Last, h.Proven, h.Size = uint64(len(r.lines)), r.proof, r.size
	if r.holder != nil {
		holder := *r.holder
		h.Holder = &holder
	}
	status, err := r.status()
	h.Status = status.Observed(h.Holder != nil)
	return h, err
}

// status walks back to the record that tells the stored status.
func (r *run) status() (state.Status, error) {
	for _, line := range slices.Backward(r.lines) {
		e, err := state.DecodeRecord(line, r.id)
		if err != nil {
			return "", err
		}
		if status, ok := state.StatusOf(e); ok {
			return status, nil
		}
	}
	return state.StatusOpen, nil
}

// List yields a Head for each run that the query wants, by name.
func (s *Store) List(ctx context.Context, q state.ListQuery) iter.Seq2[state.Head, error] {
	return func(yield func(state.Head, error) bool) {
		s.mu.Lock()
		names := slices.Sorted(maps.Keys(s.runs))
		s.mu.Unlock()
		count := 0
		for _, name := range names {
			if name <= q.After {
				continue
			}
			h, err := s.Head(ctx, name)
			if err != nil && ctx.Err() == nil {
				continue // removed meanwhile, or not a run yet
			}
			if err == nil && !q.Wants(h) {
				continue
			}
			count++
			if !yield(h, err) || err != nil || count == q.Limit {
				return
			}
		}
	}
}

// check calls a check of Remove while the run is held for it. mu is held, but not meanwhile: a check reads.
func (s *Store) check(ctx context.Context, r *run, check func(context.Context) error) error {
	if check == nil {
		return nil
	}
	r.holder = &state.Holder{PID: os.Getpid(), Since: time.Now().UTC()}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		r.holder = nil
	}()
	return check(ctx)
}

// Remove archives or deletes a run. What is archived can't be read any more.
func (s *Store) Remove(ctx context.Context, name string, o state.RemoveOptions) error {
	if err := s.begin(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(name)
	if err != nil {
		return err
	}
	if h := r.holder; h != nil {
		return &state.HeldError{Run: name, Host: h.Host, PID: h.PID, Since: h.Since}
	}
	if err := s.check(ctx, r, o.Check); err != nil {
		return err
	}
	if o.Archive {
		suffix := o.Suffix
		if suffix == "" {
			suffix = time.Now().UTC().Format(time.RFC3339Nano)
		} else if err := state.ValidName("a" + suffix); err != nil {
			return fmt.Errorf("archive run %q with suffix %q: %w", name, suffix, state.ErrName)
		}
		target := name + "-" + suffix
		if s.archived[target] != nil {
			return fmt.Errorf("archive run %q as %s: %w", name, target, state.ErrExists)
		}
		s.archived[target] = r
	}
	delete(s.runs, name)
	return nil
}

// SaveSnapshot keeps a folded state. Since it proves the records that it covers, they count as synced from then on.
func (s *Store) SaveSnapshot(ctx context.Context, name string, data []byte) error {
	if err := s.begin(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(name)
	if err != nil {
		return err
	}
	if s.crash.happened {
		return ErrCrashed
	}
	r.snapshot = bytes.Clone(data)
	r.durable = len(r.lines)
	return nil
}

// LoadSnapshot returns what was saved last.
func (s *Store) LoadSnapshot(ctx context.Context, name string) ([]byte, error) {
	if err := s.begin(ctx, name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if r.snapshot == nil {
		return nil, fmt.Errorf("run %q has no snapshot: %w", name, state.ErrNotFound)
	}
	return bytes.Clone(r.snapshot), nil
}
