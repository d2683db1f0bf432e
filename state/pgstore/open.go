package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

// found is what a run's rows say of who holds it.
type found struct {
	id    int64
	runID string // empty: it never began
	state.Holder
	held  bool
	epoch int64 // of the lease; only lookFor reads it
}

func (f *found) heldError(run string) error {
	return &state.HeldError{Run: run, PID: f.PID, Host: f.Host, Since: f.Since.UTC(), Until: f.Until.UTC()}
}

// lookFor reads them; pgx.ErrNoRows when there are none.
func (s *Store) lookFor(ctx context.Context, run string) (f found, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, s.sql.look, run).Scan(&f.id, &f.runID, &f.PID, &f.Host, &f.Since, &f.Until, &f.held, &f.epoch)
	})
	return f, err
}

// Open takes the run's lease and returns its journal. See [state.Store]. The lease of a writer that died is taken over
// as soon as it has run out. An opening that fails gives back what it took, whether ctx has ended or not, and goes on trying
// that for as long as [Options.Retry].
func (s *Store) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	if err := s.begin(ctx, run); err != nil {
		return nil, err
	}
	if o.Scope != (state.Scope{}) || o.Epoch != 0 {
		return nil, fmt.Errorf("pgstore: open a part of a run, or an epoch: %w", state.ErrUnsupported)
	}
	j, err := s.acquire(ctx, run, o.Mode)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if err := j.recover(ctx, o.Mode); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// rounds is how often others may remove and make the run between two looks at it before that is strange.
const rounds = 10

// acquire takes the lease of a run.
func (s *Store) acquire(ctx context.Context, run string, mode state.Mode) (*journal, error) {
	j := &journal{store: s, run: run, token: int64(rand.Uint64())}
	for range rounds {
		f, err := s.lookFor(ctx, run)
		missing := errors.Is(err, pgx.ErrNoRows)
		if err != nil && !missing {
			return nil, err
		}
		switch begun := !missing && f.runID != ""; {
		case begun && mode == state.Create:
			return nil, exists(run)
		case !begun && mode == state.OpenExisting:
			return nil, notFound(run)
		}
		if missing {
			switch f.id, err = s.makeRun(ctx, run); {
			case errors.Is(err, pgx.ErrNoRows): // another did
				continue
			case err != nil:
				return nil, err
			}
		}
		if f.held {
			return nil, f.heldError(run)
		}
		j.id, j.seen = f.id, f.epoch
		switch err := j.take(ctx); {
		case err == nil:
			return j, nil
		case !errors.Is(err, pgx.ErrNoRows): // else another was faster, or removed it
			return nil, errors.Join(err, j.untake(ctx, err))
		}
	}
	return nil, fmt.Errorf("run %q: it was removed and made again %d times while it was being opened", run, rounds)
}

// makeRun makes the rows of a run; pgx.ErrNoRows: they are there.
func (s *Store) makeRun(ctx context.Context, run string) (id int64, err error) {
	err = s.retry(ctx, func(ctx context.Context) error { return s.pool.QueryRow(ctx, s.sql.make, run).Scan(&id) })
	return id, err
}

// take takes over a lease that has run out, and raises the epoch. pgx.ErrNoRows: it has not run out.
func (j *journal) take(ctx context.Context) error {
	s := j.store
	host, _ := os.Hostname() // without a name the number must do
	host = strings.ToValidUTF8(strings.ReplaceAll(host, "\x00", ""), "?")
	var epoch int64
	var sent time.Time
	err := s.retry(ctx, func(ctx context.Context) error {
		sent = time.Now()
		return s.pool.QueryRow(ctx, s.sql.take, j.id, j.token, os.Getpid(), host, s.o.Lease.Microseconds(), j.seen).
			Scan(&epoch, &j.runID)
	})
	if err != nil {
		return err
	}
	j.epoch = epoch
	j.lease = startLease(j, sent)
	return nil
}

// untake gives back a lease that was perhaps taken: the answer was lost, or ctx ended before it came. Taking it again tells,
// since the database knows the opening by its token, and waits for a statement of it that is still being carried out.
func (j *journal) untake(ended context.Context, why error) error {
	if ended.Err() == nil && !passing(why) {
		return nil // it was refused
	}
	ctx, cancel := j.store.leaving()
	defer cancel()
	if err := j.take(ctx); err != nil {
		return nil // another has it; or it can't be known, and runs out by itself
	}
	return j.Close()
}

// recover reads where the journal ends. Nothing can be torn: an append is a transaction.
func (j *journal) recover(ctx context.Context, mode state.Mode) error {
	if j.runID == "" {
		if mode == state.OpenExisting {
			return notFound(j.run)
		}
		return nil
	}
	if mode == state.Create {
		return exists(j.run)
	}
	ends, err := j.ends(ctx)
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		return &state.DamagedError{Run: j.run, File: j.store.place(), Seq: 1, Why: "the run has no events"}
	}
	first, last := ends[0], ends[len(ends)-1]
	if _, err := j.store.decodeFirst(j.run, j.runID, first.seq, first.record); err != nil {
		return err
	}
	if _, err := j.store.decode(j.run, j.runID, last.seq, last.record); err != nil {
		return err
	}
	j.last.Store(uint64(last.seq))
	j.there, j.synced, j.total = last.seq, last.seq, last.total
	return nil
}

// row is a row of events.
type row struct {
	seq, total int64
	record     []byte
}

// ends returns the first row and the last.
func (j *journal) ends(ctx context.Context) (ends []row, err error) {
	s := j.store
	err = s.retry(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, s.sql.ends, j.id)
		if err != nil {
			return err
		}
		ends, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (e row, err error) {
			err = r.Scan(&e.seq, &e.total, &e.record)
			return e, err
		})
		return err
	})
	return ends, err
}
