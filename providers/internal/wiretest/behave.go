package wiretest

import (
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Good answers as it was asked.
func Good(c *Call) {
	if !c.Streams() {
		c.Head(http.StatusOK, "application/json")
		c.Write(c.Whole(Answer(), "stop"))
		return
	}
	Stream(append(c.Parts(Texts()...), c.End)...)(c)
}

// Stream sends parts of a stream, and ends it cleanly.
func Stream(parts ...string) Behaviour {
	return func(c *Call) {
		c.Head(http.StatusOK, c.Protocol.Stream)
		for _, p := range parts {
			c.Write(p)
		}
	}
}

// Status answers with an error in the provider's words.
func Status(status int, header ...string) Behaviour {
	return func(c *Call) {
		for i := 0; i+1 < len(header); i += 2 {
			c.W.Header().Set(header[i], header[i+1])
		}
		c.Head(status, "application/json")
		c.Write(c.Error(status, "it went wrong, "+Key))
	}
}

// Body answers with a body of one's own.
func Body(status int, kind, body string) Behaviour {
	return func(c *Call) {
		c.Head(status, kind)
		c.Write(body)
	}
}

// InBand answers 200 with an error in it.
func InBand(status int) Behaviour {
	return func(c *Call) {
		c.Head(http.StatusOK, "application/json")
		c.Write(c.Error(status, "it went wrong, "+Key))
	}
}

// InStream sends an error in the middle of a stream.
func InStream(status int) Behaviour {
	return func(c *Call) {
		c.Head(http.StatusOK, c.Protocol.Stream)
		c.Write(c.first())
		c.Write(c.Event(status, "it went wrong, "+Key))
	}
}

// first is a stream's beginning, with some text.
func (c *Call) first() string {
	parts := c.Parts(Texts()...)
	for i, p := range parts {
		if strings.Contains(p, Texts()[0]) {
			return strings.Join(parts[:i+1], "")
		}
	}
	return ""
}

// Cut ends a stream cleanly in the middle, Open before its end mark only.
func Cut(c *Call) { Stream(c.first())(c) }

// Open ends a stream cleanly where only its end mark is missing.
func Open(c *Call) { Stream(c.Parts(Texts()...)...)(c) }

// Reset breaks the connection in the middle of an answer.
func Reset(c *Call) {
	if c.Streams() {
		c.Head(http.StatusOK, c.Protocol.Stream)
		c.Write(c.first())
	} else {
		c.W.Header().Set("Content-Length", "1000")
		c.Head(http.StatusOK, "application/json")
		c.Write(c.Whole(Answer(), "stop")[:20])
	}
	if h, ok := c.W.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
}

// Hang never answers.
func Hang(c *Call) { c.Wait() }

// HangMid stops in the middle of an answer.
func HangMid(c *Call) {
	if c.Streams() {
		c.Head(http.StatusOK, c.Protocol.Stream)
		c.Write(c.first())
	} else {
		c.W.Header().Set("Content-Length", "1000")
		c.Head(http.StatusOK, "application/json")
		c.Write(c.Whole(Answer(), "stop")[:20])
	}
	c.Wait()
}

// HangEnd gives the whole answer and does not end the connection.
func HangEnd(c *Call) {
	Good(c)
	c.Wait()
}

// Drip sends a little, again and again, without ever coming to an end.
func Drip(every time.Duration) Behaviour {
	return func(c *Call) {
		drop := " "
		if c.Streams() {
			c.Head(http.StatusOK, c.Protocol.Stream)
			drop = c.first()
		} else {
			c.Head(http.StatusOK, "application/json")
		}
		for c.R.Context().Err() == nil {
			c.Write(drop)
			drop = "\n"
			c.Pause(every)
			select {
			case <-c.Server.over:
				return
			default:
			}
		}
	}
}

// Redirect sends the client somewhere.
func Redirect(status int, to string) Behaviour {
	return func(c *Call) {
		target := to
		if target == "" {
			target = c.R.URL.Path
		}
		http.Redirect(c.W, c.R, target, status)
	}
}
