package dashboard

import "sync"

// life counts what a dashboard must wait for before it is closed: its goroutines, and the streams that it serves.
type life struct {
	mu     sync.Mutex // guards closed
	closed bool       // nothing may start any more
	open   sync.WaitGroup
}

// start runs fn on a goroutine; false: the dashboard is being closed.
func (l *life) start(fn func()) bool {
	if !l.enter() {
		return false
	}
	go func() {
		defer l.open.Done()
		fn()
	}()
	return true
}

// enter makes the dashboard wait for the caller, who calls leave; false: the dashboard is being closed.
func (l *life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open.Add(1)
	}
	return !l.closed
}

func (l *life) leave() { l.open.Done() }

// close lets nothing start any more.
func (l *life) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}
