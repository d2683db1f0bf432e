package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	// busyTimeout is how long a connection waits for another process. The driver asks again at least every 2 ms, so that
	// it takes a writer that never rests hundreds of lucky times in a row to keep another one out.
	busyTimeout = time.Minute

	// Blobs larger than this are written and read in pieces, so that a connection's memory stays small.
	pieceSize = 1 << 20

	// walLimit is the size to which a log that a large transaction made longer is cut again, in bytes.
	walLimit = 16 << 20
)

// conn is a connection with its prepared statements. One goroutine uses it at a time.
type conn struct {
	db    *sqlite3.Conn
	stmts map[string]*sqlite3.Stmt
	level string   // synchronous, as it was set last
	sound struct { // what checkPages found last
		version int64 // of the data, for this connection
		until   time.Time
	}
}

// connect opens a connection to a database that is there.
func (s *Store) connect(ctx context.Context, write bool) (*conn, error) {
	c := &conn{stmts: map[string]*sqlite3.Stmt{}}
	err := c.guard(func() (err error) {
		c.db, err = sqlite3.OpenFlags(dataSource(s.file, s.vfs), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
		return err
	})
	if err == nil {
		err = c.db.BusyTimeout(busyTimeout)
	}
	if err == nil {
		c.db.SetInterrupt(ctx)
		// Without fullfsync a sync on macOS leaves the data in the drive's cache.
		err = c.exec(`PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1; PRAGMA trusted_schema = 0;
			PRAGMA cell_size_check = 1; PRAGMA journal_size_limit = ` + fmt.Sprint(walLimit))
	}
	if err == nil && !write {
		err = c.exec("PRAGMA query_only = 1")
	}
	if err == nil && s.sync != 0 { // whoever closes last moves the log into the database, readers too
		err = c.setLevel(levelOff)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.db.SetInterrupt(context.Background())
	return c, nil
}

// dataSource is the driver's name for a file. The log and its index get the mode of the database.
func dataSource(file, vfsName string) string {
	path := filepath.ToSlash(file)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	u := url.URL{Scheme: "file", Path: path, OmitHost: false}
	q := url.Values{}
	if vfsName != "" {
		q.Set("vfs", vfsName)
	} else {
		q.Set("modeof", file)
	}
	return "file://" + u.EscapedPath() + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// guard turns a panic of the driver, which has one for memory that is used up and may have others for a broken file,
// into an error. The connection must not be used after one.
func (c *conn) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{fmt.Sprint(p)}
		}
	}()
	return fn()
}

// panicError is a panic of the driver.
type panicError struct{ text string }

func (e *panicError) Error() string { return "the database driver gave up: " + e.text }

func (c *conn) close() error {
	if c == nil || c.db == nil {
		return nil
	}
	return c.guard(func() error {
		for _, st := range c.stmts {
			_ = st.Close() // tells once more how its last execution ended
		}
		c.stmts = nil
		return c.db.Close()
	})
}

func (c *conn) exec(sql string) error { return c.db.Exec(sql) }

// stmt is a prepared statement, reset, and made when it is asked for first.
func (c *conn) stmt(sql string) (*sqlite3.Stmt, error) {
	if st := c.stmts[sql]; st != nil {
		return st, nil
	}
	st, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err == nil {
		c.stmts[sql] = st
	}
	return st, err
}

// bind gives a statement its parameters: int64, string or []byte.
func (c *conn) bind(sql string, args []any) (*sqlite3.Stmt, error) {
	st, err := c.stmt(sql)
	for i, arg := range args {
		if err != nil {
			break
		}
		switch v := arg.(type) {
		case int64:
			err = st.BindInt64(i+1, v)
		case string:
			err = st.BindText(i+1, v)
		case []byte:
			err = st.BindBlob(i+1, v)
		default:
			err = fmt.Errorf("bind a %T", arg)
		}
	}
	return st, err
}

// run executes a statement that yields no rows.
func (c *conn) run(sql string, args ...any) error {
	st, err := c.bind(sql, args)
	if err != nil {
		return err
	}
	return st.Exec()
}

// query calls row for each row. What row takes out of the statement by a Raw method is valid until it returns.
func (c *conn) query(row func(*sqlite3.Stmt) error, sql string, args ...any) (err error) {
	st, err := c.bind(sql, args)
	if err != nil {
		return err
	}
	for err == nil && st.Step() {
		err = row(st)
	}
	if err != nil {
		_ = st.Reset() // says again how the last step ended
		return err
	}
	err = st.Err()
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return err
}

// The levels of synchronous that are used: see [committer].
const (
	levelFull   = "FULL"
	levelNormal = "NORMAL"
	levelOff    = "OFF"
)

func (c *conn) setLevel(level string) error {
	if c.level == level {
		return nil
	}
	c.level = ""
	if err := c.exec("PRAGMA synchronous = " + level); err != nil {
		return err
	}
	c.level = level
	return nil
}

// fill writes a blob, whose place was made by a zero blob of its size, in pieces.
func (c *conn) fill(table, column string, row int64, data []byte) error {
	b, err := c.db.OpenBlob("main", table, column, row, true)
	if err != nil {
		return err
	}
	for len(data) > 0 && err == nil {
		n := min(len(data), pieceSize)
		_, err = b.Write(data[:n])
		data = data[n:]
	}
	return errors.Join(err, b.Close())
}

// fetch reads a blob of that size in pieces.
func (c *conn) fetch(table, column string, row, size int64) ([]byte, error) {
	b, err := c.db.OpenBlob("main", table, column, row, false)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	for at := int64(0); at < size && err == nil; {
		var n int
		n, err = b.Read(data[at:min(size, at+pieceSize)])
		at += int64(n)
		if at == size {
			err = nil // io.EOF comes with the last piece
		}
	}
	return data, errors.Join(err, b.Close())
}

// insertBlob inserts a row whose last column is a blob; sql has a parameter for each column, row is its rowid.
func (c *conn) insertBlob(sql, table, column string, data []byte, args ...int64) error {
	st, err := c.stmt(sql)
	for i, arg := range args {
		if err == nil {
			err = st.BindInt64(i+1, arg)
		}
	}
	if err != nil {
		return err
	}
	if len(data) <= pieceSize {
		if err := st.BindBlob(len(args)+1, data); err != nil {
			return err
		}
		return st.Exec()
	}
	if err := st.BindZeroBlob(len(args)+1, int64(len(data))); err != nil {
		return err
	}
	if err := st.Exec(); err != nil {
		return err
	}
	return c.fill(table, column, c.db.LastInsertRowID(), data)
}
