package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/dogear-go/dogear/state"
)

// committer writes. All that is waiting to be written, whatever its run, goes into one transaction and one sync: whoever
// comes while nobody writes leads, and whoever comes meanwhile waits for the next transaction, which the first of those
// waiting leads. So a lone writer pays for no goroutine between him and the database.
//
// A transaction in which anybody asks for a sync is committed with synchronous=FULL, which syncs the log before the
// commit counts; any other with NORMAL, which writes the log and leaves it to the system. That survives the process, and
// a later sync covers it: SQLite's log is one file, and its frames count up to the first that is not whole, each one's
// checksum including all before it. What was moved into the database in between was synced there first, at both levels.
type committer struct {
	store *Store
	every int // pages in the log that make a checkpoint worth while; constant

	mu      sync.Mutex // guards what follows
	waiting []*op
	leading bool
	closed  bool

	// What follows belongs to the leader, one goroutine at a time.

	conn   *conn
	sick   atomic.Bool // broken is set; also for others to see
	broken error       // what the log holds may not be on the disk: nothing is written before heal
	crowd  int         // how many the last transaction was for
	pages  int         // in the log, as its last commit left it
	count  int         // transactions that wrote something
}

// op is something to be written.
type op struct {
	sync  bool
	alone bool // in a transaction of its own
	bare  bool // do has one statement, which is a transaction of its own unless it is one of several
	heals bool // about the connection itself: outside of transactions, and even when it is broken
	do    func(*conn) error
	err   error
	turn  chan bool // sent by the leader: true, lead now; false, it is done
}

const (
	// maxTogether is how many may share a transaction.
	maxTogether = 4096

	// checkpointPages is the length of the log, in pages, from which on it is moved into the database, unless a test says
	// another. SQLite's own.
	checkpointPages = 1000
)

// commit writes what op does, and returns when it is written, and on the disk if it asks for that. That may take as long
// as another process writes, up to busyTimeout.
func (c *committer) commit(o *op) error {
	if o.turn == nil {
		o.turn = make(chan bool, 1)
	}
	o.err = nil
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	lead := c.join(o)
	c.mu.Unlock()
	return c.await(o, lead)
}

// commitWithin is commit for one who may leave: when ctx ends while the transaction with op has not begun, because others
// of this process or another one are writing, it returns ctx's error at once, and nothing of op is written. Once it has
// begun, he waits for its end. The op keeps its place in the line, where it then does nothing, so that it makes no
// difference to those who share the transaction, or to whom op leads. It must have a do that is not bare, and it must not
// be used again.
func (c *committer) commitWithin(ctx context.Context, o *op) error {
	const (
		waiting = iota
		begun
		left
	)
	var at atomic.Int32
	do := o.do
	o.do = func(c *conn) error {
		if !at.CompareAndSwap(waiting, begun) && at.Load() == left { // begun: the transaction is tried again
			return nil
		}
		return do(c)
	}
	done := make(chan error, 1)
	go func() { done <- c.commit(o) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if at.CompareAndSwap(waiting, left) {
		return ctx.Err()
	}
	return <-done // it has begun
}

// join adds op to those waiting and tells whether it must lead. The caller holds mu.
func (c *committer) join(o *op) (lead bool) {
	c.waiting = append(c.waiting, o)
	lead = !c.leading
	c.leading = true
	return lead
}

func (c *committer) await(o *op, lead bool) error {
	if lead || <-o.turn {
		c.lead(o)
	}
	return o.err
}

// lead writes the next transaction, of which own is one, and hands over to the next leader.
func (c *committer) lead(own *op) {
	batch := c.take()
	c.write(batch)
	c.crowd = len(batch)
	for _, o := range batch {
		if o != own {
			o.turn <- false
		}
	}
	c.checkpoint()
	c.mu.Lock()
	var next *op
	if len(c.waiting) > 0 {
		next = c.waiting[0]
	} else {
		c.leading = false
	}
	c.mu.Unlock()
	if next != nil {
		next.turn <- true
	}
}

// checkpoint moves the log into the database when it is long. SQLite does that by itself, but says nothing of a sync of
// the log that failed over it, after which the system counts the log's pages as clean. Other errors leave the log as it is.
func (c *committer) checkpoint() {
	if c.pages < c.every || c.broken != nil {
		return
	}
	c.pages = 0
	err := c.guard(func() error {
		_, _, err := c.conn.db.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
		return err
	})
	if errors.Is(err, sqlite3.IOERR) {
		c.fall(err)
	}
}

// take removes those that go together. The one who leads is the first of them. After a transaction for many it waits for
// those who are just on their way back: a sync takes as long for one as for all of them.
func (c *committer) take() []*op {
	for still := 0; c.crowd > 1 && still < 3; {
		c.mu.Lock()
		before := len(c.waiting)
		c.mu.Unlock()
		if before >= c.crowd {
			break
		}
		runtime.Gosched()
		c.mu.Lock()
		grown := len(c.waiting) > before
		c.mu.Unlock()
		if still++; grown {
			still = 0
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 1
	if !c.waiting[0].alone {
		for n < len(c.waiting) && n < maxTogether && !c.waiting[n].alone {
			n++
		}
	}
	batch := slices.Clone(c.waiting[:n])
	c.waiting = slices.Delete(c.waiting, 0, n)
	return batch
}

// write writes a batch, and leaves each op's error in it. An op whose own fault it is fails alone: the transaction is
// taken back as a whole and tried again without it.
func (c *committer) write(batch []*op) {
	for len(batch) > 0 {
		var guilty *op
		err := c.guard(func() (err error) {
			guilty, err = c.transaction(batch)
			return err
		})
		if err == nil {
			return
		}
		if errors.Is(err, sqlite3.IOERR) && c.broken == nil {
			c.fall(err)
		}
		if guilty == nil {
			for _, o := range batch {
				o.err = err
			}
			return
		}
		guilty.err = err
		batch = slices.DeleteFunc(slices.Clone(batch), func(o *op) bool { return o == guilty })
	}
}

// guard keeps a panic of the driver from ending the process.
func (c *committer) guard(fn func() error) error {
	err := c.conn.guard(fn)
	var panicked *panicError
	if errors.As(err, &panicked) {
		c.fall(err)
	}
	return err
}

// fall ends the writing until heal.
func (c *committer) fall(err error) {
	c.broken = err
	c.sick.Store(true)
}

// transaction does what the batch wants. With an error nothing of it was written; a guilty op is the only one to blame.
func (c *committer) transaction(batch []*op) (guilty *op, err error) {
	if c.broken != nil && !batch[0].heals {
		return nil, fmt.Errorf("the database could not be written before; open the run again to go on: %w", c.broken)
	}
	if batch[0].heals {
		return nil, batch[0].do(c.conn)
	}
	if len(batch) == 1 && batch[0].bare {
		if err := c.setLevel(batch); err != nil {
			return nil, err
		}
		c.count++
		return nil, batch[0].do(c.conn)
	}
	if !slices.ContainsFunc(batch, func(o *op) bool { return o.do != nil }) {
		return nil, c.syncLog(batch)
	}
	if err := c.setLevel(batch); err != nil {
		return nil, err
	}
	c.count++
	if err := c.conn.run("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	for _, o := range batch {
		if o.do == nil {
			continue
		}
		if err := o.do(c.conn); err != nil {
			if !isSQLite(err) || errors.Is(err, sqlite3.CONSTRAINT) || errors.Is(err, sqlite3.TOOBIG) {
				guilty = o
			}
			return guilty, c.rollback(err)
		}
	}
	if err := c.conn.run("COMMIT"); err != nil {
		return nil, c.rollback(err)
	}
	return nil, nil
}

func (c *committer) rollback(err error) error {
	if c.conn.db.GetAutocommit() {
		return err // the database has done it
	}
	if rerr := c.conn.run("ROLLBACK"); rerr != nil {
		c.fall(rerr)
		return errors.Join(err, rerr)
	}
	return err
}

func (c *committer) setLevel(batch []*op) error {
	switch {
	case c.store.sync == state.SyncNone:
		return c.conn.setLevel(levelOff)
	case slices.ContainsFunc(batch, func(o *op) bool { return o.sync }):
		return c.conn.setLevel(levelFull)
	}
	return c.conn.setLevel(levelNormal)
}

// syncLog syncs what was written before without a sync. There is nothing to commit, and SQLite syncs nothing for a
// transaction that changes nothing, so the log itself is synced.
func (c *committer) syncLog(batch []*op) error {
	if c.store.sync == state.SyncNone || !slices.ContainsFunc(batch, func(o *op) bool { return o.sync }) {
		return nil
	}
	wal, err := walOf(c.conn)
	if err != nil || wal == nil {
		return err
	}
	return asIOError(wal.Sync(vfs.SYNC_FULL))
}

// asIOError marks an error of a file that was used without SQLite in between.
func asIOError(err error) error {
	if err == nil || errors.Is(err, sqlite3.IOERR) {
		return err
	}
	return fmt.Errorf("%w: %w", sqlite3.IOERR_FSYNC, err)
}
