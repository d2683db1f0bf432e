package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// wire is a network that a test can cut: for good, until it is plugged in again, or now and then, before, within or
// behind what is sent, so that the server carried it out or not, and the client can't know.
type wire struct {
	mu    sync.Mutex
	rng   *rand.Rand
	conns map[*cutConn]bool
	every int // about every how many-th write is cut; zero: none
	cuts  int
	off   bool
	deaf  func() // called once when the next answer has come, which is then lost with its connection
}

var errCut = errors.New("the wire was cut")

// cuttable returns a pool on a wire of its own.
func cuttable(t *testing.T, params ...string) (*pgxpool.Pool, *wire) {
	t.Helper()
	p, w, _ := hooked(t, params...)
	return p, w
}

// hooked also tells of a statement before it is sent.
func hooked(t *testing.T, params ...string) (*pgxpool.Pool, *wire, *hook) {
	t.Helper()
	c, err := pgxpool.ParseConfig(server(t).URL(params...))
	require.NoError(t, err)
	w, h := &wire{conns: map[*cutConn]bool{}}, &hook{}
	c.ConnConfig.DialFunc, c.ConnConfig.Tracer = w.dial, h
	p, err := pgxpool.NewWithConfig(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p, w, h
}

// hook does something once, just before a statement is sent.
type hook struct {
	mu  sync.Mutex
	sql string
	do  func()
}

func (h *hook) before(sql string, do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sql, h.do = sql, do
}

func (h *hook) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	h.mu.Lock()
	do := h.do
	if do != nil && data.SQL == h.sql {
		h.do = nil
	} else {
		do = nil
	}
	h.mu.Unlock()
	if do != nil {
		do()
	}
	return ctx
}

func (h *hook) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	off := w.off
	w.mu.Unlock()
	if off {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errCut}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &cutConn{Conn: conn, wire: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
	return c, nil
}

// unplug cuts everything and lets nothing through until plug.
func (w *wire) unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = true
	for c := range w.conns {
		_ = c.Conn.Close()
	}
}

func (w *wire) plug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off = false
}

// cutting lets about every so many-th write be cut.
func (w *wire) cutting(seed uint64, every int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rng, w.every = rand.New(rand.NewPCG(seed, 1)), every
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts
}

// lose lets the next answer be lost, when the server has carried out what was asked, and calls then.
func (w *wire) lose(then func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = then
}

// fate says how many bytes of a write get through before the wire is cut; -1: all, uncut.
func (w *wire) fate(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.every == 0 || w.rng.IntN(w.every) > 0 {
		return -1
	}
	w.cuts++
	switch w.rng.IntN(4) {
	case 0:
		return 0
	case 1:
		return w.rng.IntN(n)
	}
	return n // the server gets it; the answer is lost
}

type cutConn struct {
	net.Conn
	wire *wire
}

func (c *cutConn) Write(b []byte) (int, error) {
	n := c.wire.fate(len(b))
	if n < 0 {
		return c.Conn.Write(b)
	}
	if n > 0 {
		_, _ = c.Conn.Write(b[:n])
	}
	_ = c.Close()
	return 0, &net.OpError{Op: "write", Net: "cut", Err: errCut}
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.mu.Lock()
	lost := c.wire.deaf
	c.wire.deaf = nil
	c.wire.mu.Unlock()
	if lost == nil {
		return n, err
	}
	lost()
	_ = c.Close()
	return 0, &net.OpError{Op: "read", Net: "cut", Err: errCut}
}

func (c *cutConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
