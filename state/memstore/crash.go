package memstore

import "errors"

// ErrCrashed is the error of every write after a simulated crash, until Restart.
var ErrCrashed = errors.New("memstore: simulated crash")

// crash is a crash to come, or one that has happened.
type crash struct {
	at       int // at the event with this count since CrashAfter or CrashBefore; zero: none to come
	keep     bool
	unsynced bool // what was not synced is lost with it
	count    int
	happened bool
}

// CrashAfter ends the process right after the n-th event from now, counted over all runs of the store, is written, and
// before the append that holds it returns: the events of its batch up to it are kept, the append fails, and so does
// everything that writes until [Store.Restart]. With durableOnly it is a power cut: Restart then drops what was not
// acknowledged by a synced append, that event included. An n of zero or less crashes at once.
func (s *Store) CrashAfter(n int, durableOnly bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = crash{at: n, keep: true, unsynced: durableOnly, happened: n <= 0}
}

// CrashBefore ends the process instead of writing the n-th event from now. Everything before it is kept: whoever wrote
// that has seen it acknowledged, and may have gone on.
func (s *Store) CrashBefore(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = crash{at: max(n, 1), happened: n <= 0}
}

// Crashed tells whether the crash has happened.
func (s *Store) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crash.happened
}

// Appended is the number of events that were written to the store in its life, over all runs and restarts: the range
// for a sweep of crashes.
func (s *Store) Appended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.appended
}

// Restart begins the next process: all locks are released, and journals opened before stay dead. A crash that has not
// happened is called off.
func (s *Store) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	cut := s.crash.happened && s.crash.unsynced
	s.crash = crash{}
	s.life++
	for name, r := range s.runs {
		r.holder, r.writer = nil, nil
		if cut {
			r.cut()
		}
		if len(r.lines) == 0 {
			delete(s.runs, name)
		}
	}
}

// cut drops what was not synced. A batch whose append failed never was.
func (r *run) cut() {
	r.lines = r.lines[:r.durable:r.durable] // readers keep what they have
	r.size, r.proof = 0, 0
	for _, line := range r.lines {
		r.size += int64(len(line))
	}
	if r.durable > 0 {
		r.proof = uint64(r.durable - 1)
	}
}

// step says whether the process dies instead of writing the next event.
func (s *Store) step() error {
	s.crash.count++
	if s.crash.at == s.crash.count && !s.crash.keep {
		s.crash.happened = true
		return ErrCrashed
	}
	return nil
}

// stepped says whether it dies after having written it.
func (s *Store) stepped() error {
	s.appended++
	if s.crash.at == s.crash.count && s.crash.keep {
		s.crash.happened = true
		return ErrCrashed
	}
	return nil
}
