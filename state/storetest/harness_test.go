package storetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
)

// witness is a testing.TB that writes down what a check says of a store, and lets the test go on.
type witness struct {
	testing.TB
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex // guards the fields below
	said     []string
	failed   bool
	skipped  bool
	cleanups []func()
}

func (w *witness) Context() context.Context { return w.ctx }
func (w *witness) Helper()                  {}
func (w *witness) Log(...any)               {}
func (w *witness) Logf(string, ...any)      {}

func (w *witness) Cleanup(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cleanups = append(w.cleanups, f)
}

func (w *witness) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed, w.said = true, append(w.said, fmt.Sprintf(format, args...))
}

func (w *witness) Failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *witness) Error(args ...any) { w.Errorf("%s", fmt.Sprintln(args...)) }
func (w *witness) Fail()             { w.Errorf("failed") }
func (w *witness) FailNow()          { w.Errorf("failed"); runtime.Goexit() }
func (w *witness) Fatal(args ...any) { w.Error(args...); runtime.Goexit() }
func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	runtime.Goexit()
}

func (w *witness) Skip(args ...any) {
	w.mu.Lock()
	w.skipped, w.said = true, append(w.said, fmt.Sprintln(args...))
	w.mu.Unlock()
	runtime.Goexit()
}

// watch runs a check and says whether it found fault with the store.
func watch(t *testing.T, c check, s subject) *witness {
	t.Helper()
	w := &witness{TB: t}
	w.ctx, w.cancel = context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			w.cancel()
			for i := len(w.cleanups) - 1; i >= 0; i-- {
				w.cleanups[i]()
			}
		}()
		c.run(w, s)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the check %q does not end", c.name)
	}
	return w
}

// named finds a check.
func named(t *testing.T, name string) check {
	t.Helper()
	for _, c := range checks() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q", name)
	return check{}
}

// fault is a store that is broken in one way, and the checks that must notice.
type fault struct {
	name string
	open func() subject
	seen []string // names of checks
}

func TestChecksNotice(t *testing.T) {
	t.Parallel()
	noticed := map[string]bool{}
	for _, f := range faults() {
		for _, name := range f.seen {
			noticed[name] = true
			t.Run(f.name+": "+name, func(t *testing.T) {
				t.Parallel()
				w := watch(t, named(t, name), f.open())
				require.True(t, w.failed, "a store with this fault passes")
				require.False(t, w.skipped, strings.Join(w.said, "\n"))
			})
		}
	}
	for _, c := range checks() {
		require.True(t, noticed[c.name], "no fault shows that the check %q can fail", c.name)
	}
}

// TestChecksPass: what the faults are put into is without fault, the leases included.
func TestChecksPass(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := watch(t, c, broken(func(*bad) {})())
			require.False(t, w.failed, strings.Join(w.said, "\n"))
			require.False(t, w.skipped, strings.Join(w.said, "\n"))
		})
	}
}

var _ state.Store = (*leases)(nil)
