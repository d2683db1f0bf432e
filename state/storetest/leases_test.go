package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
)

// leases is a store in memory whose locks are leases with epochs, which can be lost.
type leases struct {
	*memstore.Store
	lax bool // broken: who lost a run may go on

	mu   sync.Mutex // guards runs
	runs map[string]*lease
}

// lease is who has a run.
type lease struct {
	epoch   uint64
	expired bool
	holder  *leased // nil: nobody
	inner   state.Journal
}

func newLeases() *leases { return &leases{Store: memstore.New(), runs: map[string]*lease{}} }

// with opens a store again as itself: it keeps nothing elsewhere.
func with(l *leases) subject {
	return subject{l, func(_ testing.TB, s state.Store) state.Store { return s }, expire(l)}
}

func expire(l *leases) func(testing.TB, state.Store, string) {
	return func(_ testing.TB, _ state.Store, run string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.runs[run].expired = true
	}
}

func (l *leases) Open(ctx context.Context, run string, o state.OpenOptions) (state.Journal, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.runs[run]
	if at == nil {
		at = &lease{}
	}
	if at.holder != nil && at.expired {
		if err := at.inner.Close(); err != nil {
			return nil, err
		}
		close(at.holder.lost)
		at.holder = nil
	}
	inner, err := l.Store.Open(ctx, run, o)
	if err != nil {
		return nil, err
	}
	l.runs[run] = at
	at.epoch++
	at.expired, at.inner = false, inner
	at.holder = &leased{Journal: inner, store: l, at: at, epoch: at.epoch, lost: make(chan struct{})}
	return at.holder, nil
}

// leased is one opening.
type leased struct {
	state.Journal
	store  *leases
	at     *lease
	epoch  uint64
	lost   chan struct{} // closed by who takes the run over
	fenced bool
}

func (j *leased) Append(ctx context.Context, events []state.Event, sync bool) error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	switch {
	case j.epoch == j.at.epoch:
		return j.Journal.Append(ctx, events, sync)
	case j.store.lax:
		return j.at.inner.Append(ctx, events, sync)
	case j.fenced:
		return fmt.Errorf("epoch %d: %w", j.epoch, state.ErrJournalFailed)
	}
	j.fenced = true
	return fmt.Errorf("epoch %d: %w", j.epoch, state.ErrFenced)
}

func (j *leased) Epoch() uint64         { return j.epoch }
func (j *leased) Lost() <-chan struct{} { return j.lost }

func (j *leased) Close() error {
	j.store.mu.Lock()
	defer j.store.mu.Unlock()
	if j.at.holder != j {
		return nil
	}
	j.at.holder = nil
	return j.Journal.Close()
}

// WriteSnapshot and OpenSnapshot make the store one of streams.
func (l *leases) WriteSnapshot(ctx context.Context, run string, write func(io.Writer) error) error {
	var b buffer
	if err := write(&b); err != nil {
		return err
	}
	return l.SaveSnapshot(ctx, run, b.data)
}

func (l *leases) OpenSnapshot(ctx context.Context, run string) (io.ReadCloser, error) {
	data, err := l.LoadSnapshot(ctx, run)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(&buffer{data: data}), nil
}

type buffer struct{ data []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}

func (b *buffer) Read(p []byte) (int, error) {
	if len(b.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

// Verify and Repair make it a Repairer.
func (l *leases) Verify(ctx context.Context, run string) (state.Report, error) {
	var r state.Report
	for _, err := range l.Events(ctx, run, state.Query{}) {
		if err != nil {
			return r, err
		}
		r.Records++
	}
	return r, nil
}

// Repair finds nothing to repair.
func (l *leases) Repair(ctx context.Context, run string) (state.Report, error) {
	return l.Verify(ctx, run)
}

var errBroken = errors.New("broken on purpose")
