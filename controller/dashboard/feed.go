package dashboard

import (
	"context"
	"sync"
)

// feed is what the event streams of one thing are made of, encoded once for all of them. Each client reads at its own
// pace and is ahead of or behind the others; nobody waits for it. What a client has missed for good it is told anew.
type feed struct {
	mu      sync.Mutex // guards the fields below
	gen     uint64     // another one: what was sent before is about another journal
	seq     uint64     // where the last tick ends
	ticks   []tick     // the last ones, the oldest first, without gaps
	size    int        // bytes of their frames
	state   []byte     // frame of the whole state
	version uint64     // raised with state
	anew    []byte     // frames that follow the state for who has missed something
	grown   chan struct{}
}

// tick is what happened from one number to another, as frames.
type tick struct {
	from, to uint64
	frames   []byte
}

// position is how far a client is.
type position struct{ gen, seq, version uint64 }

// maxFeed bounds the bytes of the ticks that are kept for who is slow.
const maxFeed = 1 << 20

// push adds what happened since the last tick. A nil state is the one before.
func (f *feed) push(gen, to uint64, frames, state, anew []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen != gen {
		f.gen, f.seq, f.ticks, f.size = gen, to, nil, 0
	}
	if to > f.seq {
		f.ticks = append(f.ticks, tick{f.seq, to, frames})
		f.size += len(frames)
		f.seq = to
	}
	for len(f.ticks) > 1 && f.size > maxFeed {
		f.size -= len(f.ticks[0].frames)
		f.ticks = f.ticks[1:]
	}
	if state != nil {
		f.state = state
		f.version++
	}
	f.anew = anew
	if f.grown != nil {
		close(f.grown)
	}
	f.grown = make(chan struct{})
}

// reset forgets everything, until the next push.
func (f *feed) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ticks, f.size, f.state, f.anew = nil, 0, nil, nil
}

// ready waits until there is a state.
func (f *feed) ready(ctx context.Context) error {
	for {
		f.mu.Lock()
		if f.grown == nil {
			f.grown = make(chan struct{})
		}
		ready, grown := f.state != nil, f.grown
		f.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// since is what a client is told next, as pieces to be written one after another; and a channel that is closed when there
// is more.
func (f *feed) since(p position) (pieces [][]byte, next position, grown <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.grown == nil {
		f.grown = make(chan struct{})
	}
	next = position{f.gen, f.seq, f.version}
	oldest := f.seq
	if len(f.ticks) > 0 {
		oldest = f.ticks[0].from
	}
	missed := p.gen != f.gen || p.seq < oldest || p.seq > f.seq
	if !missed {
		for _, t := range f.ticks {
			if t.from >= p.seq {
				pieces = append(pieces, t.frames)
			}
		}
	}
	if (missed || p.version != f.version) && f.state != nil {
		pieces = append(pieces, f.state)
	}
	if missed && len(f.anew) > 0 {
		pieces = append(pieces, f.anew)
	}
	return pieces, next, f.grown
}

// end is where a client stands that has just been told the state, and what to tell it if it has missed something.
func (f *feed) end() (p position, state, anew []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return position{f.gen, f.seq, f.version}, f.state, f.anew
}
