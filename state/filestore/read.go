package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// Events yields the run's events in order. One event by its number costs one read of the file.
func (s *Store) Events(ctx context.Context, run string, q state.Query) iter.Seq2[state.Event, error] {
	return func(yield func(state.Event, error) bool) {
		r := reader{store: s, run: run, query: q, next: max(q.From, 1), yield: yield}
		if err := r.read(ctx); err != nil {
			yield(state.Event{}, err)
		}
	}
}

// reader is one call of Events.
type reader struct {
	store *Store
	run   string
	query state.Query
	next  uint64 // number of the event to read next
	count int    // events yielded
	yield func(state.Event, error) bool
	done  bool // the caller wants no more
}

// errStale means that a record is not where the index said.
var errStale = errors.New("not the record that stood here")

func (r *reader) read(ctx context.Context) error {
	if err := begin(ctx, r.run); err != nil {
		return err
	}
	f, err := r.store.openJournal(r.run)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	err = r.readFile(ctx, f)
	if errors.Is(err, errStale) {
		// Another journal has the place of the one that was known, or it is damaged: look again, at all of it.
		r.store.entry(r.run).forget()
		err = r.readFile(ctx, f)
	}
	if errors.Is(err, errStale) {
		err = r.store.damaged(r.run, r.next, err.Error())
	}
	return err
}

func (r *reader) readFile(ctx context.Context, f vfs.File) error {
	var need uint64
	if r.query.Limit > 0 && r.query.Scope == nil {
		need = r.next + uint64(r.query.Limit-r.count) - 1
	}
	v, err := r.store.view(ctx, r.run, f, need)
	if err != nil {
		return err
	}
	upto := v.last()
	if need > 0 {
		upto = min(upto, need)
	}
	if r.next <= upto {
		if err := r.readSpan(ctx, f, v, upto); err != nil || r.done {
			return err
		}
	}
	if need > 0 && need <= v.last() {
		return nil
	}
	return v.damage
}

func (r *reader) readSpan(ctx context.Context, f vfs.File, v view, upto uint64) error {
	off, end := v.span(r.next, upto)
	lines := newLineReader(io.NewSectionReader(f, 0, end), off, int(min(end-off, lineBuffer)))
	for r.next <= upto {
		if err := ctx.Err(); err != nil {
			return err
		}
		ln, err := lines.next()
		if errors.Is(err, io.EOF) {
			return errStale
		}
		if err != nil {
			return err
		}
		e, err := state.DecodeRecord(ln.text, v.runID)
		switch {
		case errors.Is(err, state.ErrNewerFormat):
			return fmt.Errorf("run %q, record %d: %w", r.run, r.next, err)
		case err != nil:
			return fmt.Errorf("%w: %w", errStale, err)
		case e.Seq != r.next:
			return errStale
		}
		r.next++
		if !r.wants(e) {
			continue
		}
		r.count++
		if !r.yield(e, nil) || r.count == r.query.Limit {
			r.done = true
			return nil
		}
	}
	return nil
}

func (r *reader) wants(e state.Event) bool {
	s := r.query.Scope
	return s == nil || e.Step == s.Step && (s.Item == "" || e.Item == s.Item)
}

// openJournal opens a run's journal for reading. A run can be archived between the look at its checkpoint and that at its
// journal, so damage is believed only when it is seen again.
func (s *Store) openJournal(run string) (vfs.File, error) {
	const looks = 3
	for look := 1; ; look++ {
		w, err := s.witness(run)
		if err != nil {
			return nil, err
		}
		f, err := s.fs.OpenFile(s.path(run, journalFile), os.O_RDONLY, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err = s.noFirst(run, err, w); !errors.Is(err, state.ErrDamaged) || look == looks {
			return nil, err
		}
	}
}
