package resilience

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// frame is a frame of HTTP/2 (RFC 9113, section 4.1).
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// speakHTTP2 serves one connection: it reads until the first request, then writes the frames.
func speakHTTP2(t *testing.T, frames ...[]byte) (address string, c *http.Client) {
	t.Helper()
	cert, pool := certificate(t, "server.test", time.Now().Add(time.Hour))
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	serveOn(t, l, func(c net.Conn) {
		_, _ = c.Write(frame(4, 0, 0, nil)) // SETTINGS
		if _, err := io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
			return
		}
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(c, head); err != nil {
				return
			}
			size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
			if _, err := io.CopyN(io.Discard, c, size); err != nil {
				return
			}
			if head[3] == 1 { // HEADERS: the request
				_, _ = c.Write(bytes.Join(frames, nil))
				_ = c.(*tls.Conn).CloseWrite()
				wait(c)
				return
			}
		}
	})
	return "https://" + l.Addr().String(), client(func(tr *http.Transport) {
		tr.ForceAttemptHTTP2 = true
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "server.test"}
	})
}

// TestHTTP2Errors: a connection that the server ends is a network's failure, unless it says that it was asked too often.
func TestHTTP2Errors(t *testing.T) {
	t.Parallel()
	goAway := func(code uint32) []byte {
		payload := binary.BigEndian.AppendUint32(nil, 1) // the last stream that was looked at: ours
		return frame(7, 0, 0, append(binary.BigEndian.AppendUint32(payload, code), "too_many_429"...))
	}
	reset := func(code uint32) []byte { return frame(3, 0, 1, binary.BigEndian.AppendUint32(nil, code)) }
	for name, c := range map[string]struct {
		frames [][]byte
		want   Class
	}{
		"go away":             {[][]byte{goAway(0)}, Network},
		"go away, error":      {[][]byte{goAway(2)}, Network},
		"enhance your calm":   {[][]byte{goAway(11)}, RateLimit},
		"reset":               {[][]byte{reset(2)}, Network},
		"reset, enhance calm": {[][]byte{reset(11)}, RateLimit},
		"reset, http 1.1":     {[][]byte{reset(13)}, Network},
		"nonsense":            {[][]byte{frame(1, 4, 2, []byte{0xff})}, Network},
	} {
		t.Run(name, func(t *testing.T) {
			address, client := speakHTTP2(t, c.frames...)
			err := fetch(client, address)
			require.Error(t, err)
			require.Equal(t, c.want, Classify(err), "%T %v", errors.Unwrap(err), err)
		})
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	err := fetch(s.Client(), s.URL)
	require.ErrorContains(t, err, "stream")
	require.Equal(t, Network, Classify(err))
}
