package sqlitestore

import (
	"context"
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/dogear-go/dogear/state"
)

// open makes the connection.
func (c *committer) open(ctx context.Context) error {
	conn, err := c.store.connect(ctx, true)
	if err != nil {
		return c.store.explain("", err)
	}
	c.use(conn)
	var app, version int64
	err = conn.query(func(st *sqlite3.Stmt) error { app = st.ColumnInt64(0); return nil }, "PRAGMA application_id")
	if err == nil {
		err = conn.query(func(st *sqlite3.Stmt) error { version = st.ColumnInt64(0); return nil }, "PRAGMA user_version")
	}
	if err == nil && app != applicationID {
		err = errors.New("it is an SQLite database of another program; nothing was changed")
	}
	if err == nil {
		err = checkVersion(version)
	}
	if err == nil {
		err = c.guard(c.settle)
	}
	if err != nil {
		return errors.Join(c.store.explain("", err), conn.close())
	}
	return nil
}

func (c *committer) use(conn *conn) {
	c.conn = conn
	conn.db.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error { c.pages = pages; return nil })
}

// settle makes everything durable that can be read. That the log can be read does not mean that it is on the disk: after
// a sync that failed, in whatever process, the system holds its pages in memory and counts them as clean, and no later
// sync would write them. So the same bytes are written again, and synced. Meanwhile nobody else writes.
func (c *committer) settle() error {
	if c.store.sync == state.SyncNone {
		return nil
	}
	if err := c.conn.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := c.rewriteLog()
	return errors.Join(err, c.conn.run("ROLLBACK"))
}

func (c *committer) rewriteLog() error {
	wal, err := walOf(c.conn)
	if err != nil || wal == nil {
		return err
	}
	size, err := wal.Size()
	if err != nil || size == 0 {
		return asIOError(err)
	}
	buf := make([]byte, min(size, pieceSize))
	for off := int64(0); off < size; {
		part := buf[:min(int64(len(buf)), size-off)]
		if _, err := wal.ReadAt(part, off); err != nil && !errors.Is(err, io.EOF) {
			return asIOError(err)
		}
		if _, err := wal.WriteAt(part, off); err != nil {
			return asIOError(err)
		}
		off += int64(len(part))
	}
	return asIOError(wal.Sync(vfs.SYNC_FULL))
}

// heal makes a new connection after one that failed, so that a run can be opened again. While no other process has the
// file, the database reads its log anew and checks it.
func (s *Store) heal() error {
	if !s.commits.sick.Load() {
		return nil
	}
	return s.commits.commit(&op{alone: true, heals: true, do: func(*conn) error {
		c := &s.commits
		if c.broken == nil {
			return nil
		}
		_ = c.conn.close() // its error was reported
		if err := s.readers.drain(false); err != nil {
			return err
		}
		conn, err := s.connect(context.Background(), true)
		if err != nil {
			return err
		}
		c.use(conn)
		if err := c.settle(); err != nil {
			return err
		}
		c.broken = nil
		c.sick.Store(false)
		return nil
	}})
}

// close waits for what is being written and closes the connection.
func (c *committer) close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	last := &op{alone: true, heals: true, do: (*conn).close, turn: make(chan bool, 1)}
	lead := c.join(last)
	c.mu.Unlock()
	return c.await(last, lead)
}
