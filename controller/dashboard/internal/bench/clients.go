package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// clients are open event streams.
type clients struct {
	conns []net.Conn
	wait  sync.WaitGroup
	bytes atomic.Int64 // read by all
}

// connect opens n streams of the run.
func connect(addr string, n int) (*clients, error) {
	c := &clients{}
	for i := range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
		if _, err := fmt.Fprintf(conn, "GET /events?run=%s HTTP/1.1\r\nHost: %s\r\n\r\n", runName, addr); err != nil {
			c.close()
			return nil, err
		}
		switch i % 10 {
		case 0: // dead: reads nothing
		case 1, 2:
			c.wait.Go(func() { c.read(conn, 1<<10, 200*time.Millisecond) })
		default:
			c.wait.Go(func() { c.read(conn, 64<<10, 0) })
		}
	}
	return c, nil
}

func (c *clients) read(conn net.Conn, size int, pause time.Duration) {
	r, buf := bufio.NewReader(conn), make([]byte, size)
	for {
		n, err := io.ReadAtLeast(r, buf, 1)
		c.bytes.Add(int64(n))
		if err != nil {
			return
		}
		if pause > 0 {
			<-time.After(pause)
		}
	}
}

func (c *clients) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.wait.Wait()
}
