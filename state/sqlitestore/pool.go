package sqlitestore

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// minReaders is how many connections read at once where there are fewer cores.
const minReaders = 4

// pool keeps the connections that read.
type pool struct {
	store *Store
	slots chan struct{} // holds a token for each connection that is at work or being opened

	draining sync.Mutex // held while all slots are being taken

	mu     sync.Mutex // guards what follows
	idle   []*conn
	closed bool
}

func (p *pool) init() { p.slots = make(chan struct{}, max(minReaders, runtime.GOMAXPROCS(0))) }

// read calls fn with a connection, inside one transaction: what fn reads is of one moment. fn must not call what the
// user gave: a caller who reads in turn would wait for a connection that he holds.
func (s *Store) read(ctx context.Context, fn func(*conn) error) error {
	p := &s.readers
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	c.db.SetInterrupt(ctx)
	err = c.guard(func() error {
		if err := c.run("BEGIN"); err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		return c.run("COMMIT")
	})
	c.db.SetInterrupt(context.Background())
	p.put(c, err)
	if ctx.Err() != nil && err != nil {
		return ctx.Err() // the database says that it was interrupted
	}
	return err
}

func (p *pool) take(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.store.connect(ctx, false)
}

// put takes a connection back. One that failed is not used again, unless nothing is wrong with it.
func (p *pool) put(c *conn, err error) {
	var panicked *panicError
	good := !errors.As(err, &panicked)
	if good && err != nil && !c.db.GetAutocommit() {
		good = c.exec("ROLLBACK") == nil
	}
	p.mu.Lock()
	if good = good && !p.closed && (err == nil || !isSQLite(err)); good {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !good {
		_ = c.close() // what went wrong is reported already
	}
}

// drain waits for all who read and closes the connections.
func (p *pool) drain(closing bool) error {
	p.draining.Lock()
	defer p.draining.Unlock()
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, p.closed || closing
	p.mu.Unlock()
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.close())
	}
	for range cap(p.slots) {
		<-p.slots
	}
	return errors.Join(errs...)
}

func (p *pool) close() error { return p.drain(true) }
