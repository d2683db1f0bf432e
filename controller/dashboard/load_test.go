package dashboard

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/dogear-go/dogear/state/memstore"
)

// TestThousandsOfIdleStreams: the process stays responsive and bounded; one stream more is refused; Close ends them all,
// and no goroutine of theirs is left. It counts goroutines, so it runs alone.
func TestThousandsOfIdleStreams(t *testing.T) {
	const streams = 2000
	d, err := New(Config{Store: memstore.New(), MaxClients: streams, Poll: 20 * time.Millisecond, Logger: zap.NewNop()})
	require.NoError(t, err)
	d.lastWord = time.Minute // this machine may be busy with other tests
	j := begin(t, d.cfg.Store, "Ten", 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, t.Context(), l) }()

	addr := l.Addr().String()
	conns := make([]net.Conn, streams)
	for i := range conns {
		conns[i] = openStream(t, addr, "/events?run=Ten")
	}
	require.Eventually(t, func() bool { return len(d.clients) == streams }, time.Minute, time.Millisecond)
	refused := openStream(t, addr, "/events?run=Ten")
	line, err := bufio.NewReader(refused).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "503")
	require.NoError(t, refused.Close())

	began := time.Now()
	j.finish(1)
	resp, err := http.Get("http://" + addr + "/api/runs/Ten")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(body), `"run":"Ten"`)
	require.Less(t, time.Since(began), 10*time.Second, "responsive")
	runtime.GC()
	runtime.ReadMemStats(&m1)
	// Both ends of each connection are in this process. Measured: 25 KB.
	require.Less(t, m1.HeapInuse+m1.StackInuse, m0.HeapInuse+m0.StackInuse+streams*64<<10)

	stop()
	require.NoError(t, <-served)
	for _, c := range conns {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		text, err := io.ReadAll(c)
		require.NoError(t, err, "the server has closed it")
		require.Contains(t, string(text), "event: end")
		require.NoError(t, c.Close())
	}
	j.close()
	http.DefaultClient.CloseIdleConnections()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before }, time.Minute, 10*time.Millisecond,
		"goroutines: %d before", before)
}

// openStream asks for a stream and reads nothing.
func openStream(t *testing.T, addr, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, addr)
	require.NoError(t, err)
	return c
}

// TestADeadClientHoldsNobodyUp: one that reads nothing is dropped once its time is over, and another one beside it sees
// everything meanwhile.
func TestADeadClientHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Store: memstore.New(), Poll: 5 * time.Millisecond, Logger: zap.NewNop()})
	require.NoError(t, err)
	d.patience = 300 * time.Millisecond
	srv := httptest.NewUnstartedServer(d)
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && s == http.StateNew {
			_ = tcp.SetWriteBuffer(4096)
		}
	}
	srv.Start()
	b := &board{Dashboard: d, t: t, store: d.cfg.Store, srv: srv}
	t.Cleanup(func() {
		require.NoError(t, d.Close(context.Background()))
		srv.Close()
	})
	j := begin(t, d.cfg.Store, "Ten", 3000)
	dead := openStream(t, srv.Listener.Addr().String(), "/events?run=Ten")
	require.NoError(t, dead.(*net.TCPConn).SetReadBuffer(4096))
	defer func() { _ = dead.Close() }()
	live := b.listen("?run=Ten", "")
	require.Eventually(t, func() bool { return len(d.clients) == 2 }, 5*time.Second, time.Millisecond)
	for i := 0; len(d.clients) == 2; i++ {
		require.Less(t, i, 3000, "the dead client was never dropped")
		last := j.finish(i)
		live.find(streamEvent, func(data string) bool { return strings.HasPrefix(data, fmt.Sprintf(`{"seq":%d,`, last)) })
	}
}

// TestASlowClientSkips: what a client was too slow for is not kept for it; it is told to read again, and goes on.
func TestASlowClientSkips(t *testing.T) {
	t.Parallel()
	var f feed
	f.push(1, 1, nil, []byte("state 1"), nil)
	at, _, _ := f.end()
	big := make([]byte, maxFeed/4)
	for seq := uint64(2); seq < 20; seq++ {
		f.push(1, seq, big, fmt.Append(nil, "state ", seq), []byte("anew"))
		require.LessOrEqual(t, f.size, maxFeed)
	}
	pieces, next, _ := f.since(at)
	require.Equal(t, [][]byte{[]byte("state 19"), []byte("anew")}, pieces)
	pieces, _, _ = f.since(next)
	require.Empty(t, pieces)
	f.push(1, 20, []byte("tick 20"), nil, []byte("anew"))
	pieces, next, _ = f.since(next)
	require.Equal(t, [][]byte{[]byte("tick 20")}, pieces)
	f.push(2, 3, nil, []byte("other"), []byte("anew"))
	pieces, _, _ = f.since(next)
	require.Equal(t, [][]byte{[]byte("other"), []byte("anew")}, pieces, "another journal")
}

// TestStreamsOverHTTP2: the same, with the deadlines of streams instead of connections; it outlives the server's limits.
func TestStreamsOverHTTP2(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Store: memstore.New(), Poll: 5 * time.Millisecond, Logger: zap.NewNop()})
	require.NoError(t, err)
	for _, h2 := range []bool{true, false} {
		srv := httptest.NewUnstartedServer(d)
		srv.EnableHTTP2 = h2
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		srv.Config.ReadTimeout, srv.Config.WriteTimeout = time.Second, time.Second
		srv.StartTLS()
		b := &board{Dashboard: d, t: t, store: d.cfg.Store, srv: srv}
		name := fmt.Sprint("Run", h2)
		j := begin(t, d.cfg.Store, name, 10)
		c := b.listen("?run="+name, "")
		require.Equal(t, map[bool]int{true: 2, false: 1}[h2], c.resp.ProtoMajor)
		c.next()
		<-time.After(1200 * time.Millisecond)
		j.finish(1)
		c.find(streamEvent, func(data string) bool { return strings.Contains(data, "item.completed") })
		c.close()
		srv.Close()
	}
	require.NoError(t, d.Close(t.Context()))
}
