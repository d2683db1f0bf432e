package killtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// disk tells how long syncing took at each time, by syncing a little file again and again. When others keep the disk busy,
// whoever syncs waits, and that is no fault of who is tested.
type disk struct {
	mu    sync.Mutex // guards what follows
	spans []span     // of the syncs, in order
	since time.Time  // when the one began that is going on; zero: none is
}

type span struct{ from, to time.Time }

// watchDisk watches the disk of temporary files until ctx is done; wait returns when it has ended.
func watchDisk(ctx context.Context, t testing.TB) (d *disk, wait func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	require.NoError(t, err)
	d = &disk{}
	var watcher sync.WaitGroup
	watcher.Go(func() {
		defer func() { _ = f.Close() }() // it holds nothing
		d.probe(ctx, f)
	})
	return d, watcher.Wait
}

func (d *disk) probe(ctx context.Context, f *os.File) {
	const often = 50 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	for n := byte(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		d.set(began, span{})
		if _, err := f.WriteAt([]byte{n}, 0); err != nil || f.Sync() != nil {
			d.set(time.Time{}, span{})
			return // whoever is tested will say it better
		}
		d.set(time.Time{}, span{began, time.Now()})
	}
}

func (d *disk) set(since time.Time, done span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since = since; !done.to.IsZero() {
		d.spans = append(d.spans, done)
	}
}

// busy is for how much of a time a sync was going on. On a disk that is not overloaded it is some hundredths.
func (d *disk) busy(from, to time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	var sum time.Duration
	add := func(s span) {
		if s.from.Before(from) {
			s.from = from
		}
		if s.to.After(to) {
			s.to = to
		}
		sum += max(s.to.Sub(s.from), 0)
	}
	if !d.since.IsZero() {
		add(span{d.since, to})
	}
	for i := len(d.spans) - 1; i >= 0 && d.spans[i].to.After(from); i-- {
		add(d.spans[i])
	}
	return sum
}
