package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// lease keeps the right to write a run. It owns one goroutine, for which stop waits.
type lease struct {
	j      *journal
	alive  context.Context // done when the right is lost, which is its cause; or when it was given back
	end    context.CancelCauseFunc
	lost   chan struct{} // closed by lose
	once   sync.Once     // guards lost
	quit   chan struct{} // closed by stop: no further renewal
	done   chan struct{} // closed by the goroutine when it ends
	renew  context.Context
	cancel context.CancelFunc // ends a renewal that is under way
}

// leaveTime is how long stop lets a renewal go on that is under way. Ending it costs the pool a connection.
const leaveTime = 200 * time.Millisecond

// startLease begins to renew a lease that was asked for at that moment: for the database it began later.
func startLease(j *journal, sent time.Time) *lease {
	l := &lease{j: j, lost: make(chan struct{}), quit: make(chan struct{}), done: make(chan struct{})}
	l.alive, l.end = context.WithCancelCause(context.Background())
	l.renew, l.cancel = context.WithCancel(context.Background())
	go l.keep(sent)
	return l
}

// keep renews the lease after each third of it. After a failure it tries again soon; and when a whole lease has gone by
// since the last renewal that succeeded was sent, the right is lost: by the clock of the database the lease, which began
// later than that, is about to run out. The local clock is the monotonic one; where that stands still while the machine
// sleeps, the epoch still keeps a late writer from writing.
func (l *lease) keep(sent time.Time) {
	defer close(l.done)
	length := l.j.store.o.Lease
	next := sent.Add(length / 3)
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-l.quit:
			timer.Stop()
			return
		case <-timer.C:
		}
		begun := time.Now()
		renewed, err := l.ask(min(length/3, time.Until(sent.Add(length))))
		switch {
		case err == nil && renewed:
			sent = begun
			next = sent.Add(length / 3)
			continue
		case err == nil:
			l.lose(state.ErrFenced)
			return
		}
		if !time.Now().Before(sent.Add(length)) {
			l.lose(fmt.Errorf("%w: the lease of %s ran out because the database could not be reached: %w", errLeaseOver, length, err))
			return
		}
		next = earlier(time.Now().Add(min(length/20, lastWait)), sent.Add(length))
	}
}

// errLeaseOver is ErrFenced for callers: whether another has taken the run over yet is not known.
var errLeaseOver = fmt.Errorf("%w, or may do so at any moment", state.ErrFenced)

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ask renews the lease once. False: it is another's.
func (l *lease) ask(limit time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(l.renew, limit, errSlow)
	defer cancel()
	s := l.j.store
	tag, err := s.pool.Exec(ctx, s.sql.renew, l.j.id, l.j.epoch, s.o.Lease.Microseconds())
	return tag.RowsAffected() == 1, err
}

// lose says that the right to write is gone.
func (l *lease) lose(why error) {
	l.once.Do(func() {
		l.end(why)
		close(l.lost)
	})
}

// err says why the right is gone; nil while it is not.
func (l *lease) err() error {
	if l.alive.Err() == nil {
		return nil
	}
	return context.Cause(l.alive)
}

// stop ends the renewals and waits for the goroutine.
func (l *lease) stop() {
	close(l.quit)
	timer := time.NewTimer(leaveTime)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
	}
	l.cancel()
	<-l.done
}

// giveBack ends the lease in the database, so that the next writer need not wait for it to run out. A run that never
// began is forgotten; only the database knows which did, when an opening failed or the answer to the first append was lost.
func (l *lease) giveBack(ctx context.Context) error {
	s, j := l.j.store, l.j
	err := s.retry(ctx, func(ctx context.Context) error {
		if j.last.Load() == 0 {
			tag, err := s.pool.Exec(ctx, s.sql.discard, j.id, j.epoch)
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
		}
		_, err := s.pool.Exec(ctx, s.sql.giveBack, j.id, j.epoch)
		return err
	})
	if err != nil {
		return fmt.Errorf("run %q: give back its lease, which now runs out by itself within %s: %w", j.run, s.o.Lease, err)
	}
	return nil
}

// leaving returns a context to give something back under, which the caller's end does not end. It is bounded.
func (s *Store) leaving() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), max(s.o.Retry, time.Second), errSlow)
}

var errClosed = errors.New("it was closed")
