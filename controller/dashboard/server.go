package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// ErrNeedsToken refuses to serve other machines without a token.
var ErrNeedsToken = errors.New("an address that other machines can reach needs a token")

// The limits of the server of [Dashboard.Serve]. Event streams lift those on reading and writing for themselves.
const (
	readHeaderWithin = 10 * time.Second
	readWithin       = time.Minute
	answerWithin     = time.Minute
	idleWithin       = 15 * time.Second // of a connection that is kept for a next request, and has one of the places meanwhile
	maxHeader        = 32 << 10
	otherConns       = 256             // connections beside those of event streams
	shutdownWithin   = 2 * time.Second // behind the last word to the streams
)

// Serve answers requests on the listener until ctx ends; then it closes the dashboard, with closing as the time for it,
// and the server. ErrNeedsToken when the listener is not one of this machine alone and there is no token.
func (d *Dashboard) Serve(ctx, closing context.Context, l net.Listener) error {
	if !d.guard.token.set() && !local(l.Addr()) {
		return errors.Join(fmt.Errorf("dashboard: %s: %w", l.Addr(), ErrNeedsToken), l.Close())
	}
	logger, err := zap.NewStdLogAt(d.log, zap.DebugLevel)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	places := limit(l, d.cfg.MaxClients+d.otherConns)
	srv := &http.Server{
		Handler: d, ConnState: places.changed, ErrorLog: logger, MaxHeaderBytes: maxHeader,
		ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, WriteTimeout: answerWithin, IdleTimeout: idleWithin,
	}
	served := make(chan error, 1)
	if !d.life.start(func() { served <- srv.Serve(places) }) {
		return errors.Join(errClosed, l.Close())
	}
	select {
	case err = <-served:
		return errors.Join(err, d.shut(closing, srv))
	case <-ctx.Done():
	}
	closed := d.shut(closing, srv)
	if err = <-served; errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, closed)
}

// shut ends the runs of this process and the streams, and then the server, which waits for nothing more.
func (d *Dashboard) shut(closing context.Context, srv *http.Server) error {
	err := d.pauseSessions(closing)
	d.life.close()
	d.cancel()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(closing), d.lastWord+shutdownWithin)
	defer cancel()
	if srv.Shutdown(ctx) != nil {
		_ = srv.Close() // what still hangs is a client's connection
	}
	return errors.Join(err, d.Close(closing))
}

// local says that only this machine can reach an address.
func local(a net.Addr) bool {
	if a.Network() == "unix" {
		return true
	}
	p, err := netip.ParseAddrPort(a.String())
	return err == nil && p.Addr().Unmap().IsLoopback()
}

// limit bounds how many connections of a listener are open at once. Further ones wait to be accepted; meanwhile those give way
// that only wait for a next request, the oldest first: who has asked and then says nothing keeps nobody else out.
func limit(l net.Listener, n int) *limited {
	return &limited{Listener: l, places: make(chan struct{}, n), done: make(chan struct{})}
}

type limited struct {
	net.Listener
	places chan struct{}
	done   chan struct{} // closed by Close
	once   sync.Once

	mu     sync.Mutex // guards the fields below
	idle   []*placed  // the oldest first
	wanted bool       // there is no place, and nobody has given way yet
}

// Accept waits for a place, and then for a connection. Only one goroutine may call it.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	default:
		l.makeRoom()
		select {
		case l.places <- struct{}{}:
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, free: sync.OnceFunc(func() { <-l.places })}, nil
}

// makeRoom closes the connection that has been idle for longest, or else the next that becomes idle.
func (l *limited) makeRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted = len(l.idle) == 0; l.wanted {
		return
	}
	oldest := l.idle[0]
	l.idle = l.idle[1:]
	_ = oldest.Close() // whose client asks anew
}

// changed follows what the connections of a server do: its ConnState.
func (l *limited) changed(c net.Conn, to http.ConnState) {
	p, ok := c.(*placed)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case to != http.StateIdle:
		if i := slices.Index(l.idle, p); i >= 0 {
			l.idle = slices.Delete(l.idle, i, i+1)
		}
	case l.wanted:
		l.wanted = false
		_ = p.Close() // whose client asks anew
	default:
		l.idle = append(l.idle, p)
	}
}

// Close ends waiting for a place too.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	free func()
}

// Close gives the place to the next.
func (c *placed) Close() error {
	defer c.free()
	return c.Conn.Close()
}
