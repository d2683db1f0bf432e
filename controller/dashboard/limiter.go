package dashboard

import (
	"sync"
	"time"
)

// limiter lets burst events of a key happen at once, and then one in each while.
type limiter struct {
	burst int
	every time.Duration

	mu   sync.Mutex           // guards full
	full map[string]time.Time // by key: when it has its burst again
}

// maxKeys bounds the memory of a limiter.
const maxKeys = 4096

func newLimiter(burst int, every time.Duration) *limiter {
	return &limiter{burst: burst, every: every, full: map[string]time.Time{}}
}

// wait is how long the key must wait before its next event; zero or less: it need not.
func (l *limiter) wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.full[key].Sub(now)) - time.Duration(l.burst-1)*l.every
}

// take counts an event of the key.
func (l *limiter) take(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.full) >= maxKeys {
		l.forget(now)
	}
	full := l.full[key]
	if full.Before(now) {
		full = now
	}
	l.full[key] = full.Add(l.every)
}

// forget drops the keys that have their burst again and, if they are still too many, all: who made them that many can't
// be told from the others.
func (l *limiter) forget(now time.Time) {
	for key, full := range l.full {
		if full.Before(now) {
			delete(l.full, key)
		}
	}
	if len(l.full) >= maxKeys {
		clear(l.full)
	}
}
