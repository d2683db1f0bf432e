package resilience

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen serves connections with a function until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, l, serve)
	return l.Addr().String()
}

func serveOn(t *testing.T, l net.Listener, serve func(net.Conn)) {
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
}

// readRequest reads an HTTP/1 request's head.
func readRequest(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }

// wait keeps a connection open until the other side or the test closes it.
func wait(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func fetch(c *http.Client, address string) error {
	resp, err := c.Post(address, "application/json", strings.NewReader("{}"))
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	return err
}

func client(change func(*http.Transport)) *http.Client {
	tr := &http.Transport{DisableKeepAlives: true}
	if change != nil {
		change(tr)
	}
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// certificate makes one for a name that ends at a time, and a pool that trusts it.
func certificate(t *testing.T, name string, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// nameServer answers every question with a code: 3 says that there is no such name, 2 that it failed; 0: not at all.
func nameServer(t *testing.T, code byte) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() { _ = pc.Close(); <-done })
	go func() {
		defer close(done)
		for buf := make([]byte, 512); ; {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 12 || code == 0 {
				continue
			}
			answer := append([]byte{}, buf[:n]...)
			answer[2], answer[3] = 0x81, 0x80|code
			answer[10], answer[11] = 0, 0 // the question's additional record is not repeated
			end := 12
			for end < n && answer[end] != 0 {
				end += int(answer[end]) + 1
			}
			_, _ = pc.WriteTo(answer[:min(end+5, n)], from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// TestNetworkErrors: failures of real connections are told apart where the remedy differs.
func TestNetworkErrors(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	secure := func(name string, until time.Time, trusted bool) (string, *http.Client) {
		cert, pool := certificate(t, name, until)
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		s.Config.ErrorLog = nil
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL, client(func(tr *http.Transport) {
			tr.TLSClientConfig = &tls.Config{ServerName: "server.test"}
			if trusted {
				tr.TLSClientConfig.RootCAs = pool
			}
		})
	}
	dial := func(d *net.Dialer) *http.Client {
		return client(func(tr *http.Transport) { tr.DialContext = d.DialContext })
	}
	control := func(errno syscall.Errno) *http.Client {
		return dial(&net.Dialer{Control: func(string, string, syscall.RawConn) error { return os.NewSyscallError("socket", errno) }})
	}
	proxied := func(address string) *http.Client {
		u, err := url.Parse("http://" + address)
		require.NoError(t, err)
		return client(func(tr *http.Transport) { tr.Proxy = http.ProxyURL(u) })
	}
	answers := func(raw string) func(net.Conn) {
		return func(c net.Conn) { readRequest(c); _, _ = io.WriteString(c, raw) }
	}
	year := time.Now().Add(365 * 24 * time.Hour)
	for _, c := range []struct {
		name      string
		make      func() error
		want      Class
		permanent bool
		hint      string
	}{
		{"refused", func() error { return fetch(client(nil), gone.URL) }, Network, false, "nothing answers there"},
		{"reset", func() error {
			return fetch(client(nil), "http://"+listen(t, func(c net.Conn) { readRequest(c); _ = c.(*net.TCPConn).SetLinger(0) }))
		}, Network, false, ""},
		{"closed without an answer", func() error { return fetch(client(nil), "http://"+listen(t, readRequest)) }, Network, false, ""},
		{"cut body", func() error {
			return fetch(client(nil), "http://"+listen(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")))
		}, Network, false, ""},
		{"cut chunk", func() error {
			return fetch(client(nil), "http://"+listen(t, answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nshort")))
		}, Network, false, ""},
		{"no HTTP", func() error { return fetch(client(nil), "http://"+listen(t, answers("SSH-2.0-OpenSSH_9.6\r\n"))) }, Network, false, ""},
		{"broken compression", func() error {
			return fetch(client(nil), "http://"+listen(t, answers("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at all")))
		}, InvalidResponse, false, ""},
		{"https to http", func() error { return fetch(client(nil), strings.Replace(plain.URL, "http:", "https:", 1)) }, Network, true, "http or https"},
		{"https to something", func() error {
			return fetch(client(nil), "https://"+listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n"); wait(c) }))
		}, Network, true, "http or https"},
		{"authority", func() error { u, c := secure("server.test", year, false); return fetch(c, u) }, Network, true, "certificate"},
		{"host", func() error { u, c := secure("other.test", year, true); return fetch(c, u) }, Network, true, "certificate"},
		{"expired", func() error { u, c := secure("server.test", time.Now().Add(-time.Hour), true); return fetch(c, u) }, Network, true, "the clock"},
		{"TLS version", func() error {
			u, c := secure("server.test", year, true)
			c.Transport.(*http.Transport).TLSClientConfig.MaxVersion = tls.VersionTLS10
			c.Transport.(*http.Transport).TLSClientConfig.MinVersion = tls.VersionTLS10
			return fetch(c, u)
		}, Network, false, ""},
		{"no such name", func() error {
			return fetch(dial(&net.Dialer{Resolver: nameServer(t, 3)}), "http://no-such-name.test/v1")
		}, Network, false, "name was not found"},
		{"name server fails", func() error { return fetch(dial(&net.Dialer{Resolver: nameServer(t, 2)}), "http://some-name.test/v1") }, Network, false, "name server"},
		{"name server is silent", func() error {
			c := dial(&net.Dialer{Resolver: nameServer(t, 0), Timeout: 50 * time.Millisecond})
			return fetch(c, "http://some-name.test/v1")
		}, Network, false, "name server"},
		{"dial timeout", func() error { return fetch(dial(&net.Dialer{Timeout: time.Nanosecond}), plain.URL) }, Timeout, false, ""},
		{"handshake timeout", func() error {
			return fetch(client(func(tr *http.Transport) { tr.TLSHandshakeTimeout = 30 * time.Millisecond }), "https://"+listen(t, wait))
		}, Timeout, false, ""},
		{"header timeout", func() error {
			return fetch(client(func(tr *http.Transport) { tr.ResponseHeaderTimeout = 30 * time.Millisecond }), "http://"+listen(t, wait))
		}, Timeout, false, ""},
		{"client timeout", func() error {
			c := client(nil)
			c.Timeout = 30 * time.Millisecond
			return fetch(c, "http://"+listen(t, wait))
		}, Timeout, false, ""},
		{"client timeout in the body", func() error {
			c := client(nil)
			c.Timeout = 50 * time.Millisecond
			return fetch(c, "http://"+listen(t, func(c net.Conn) { answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")(c); wait(c) }))
		}, Timeout, false, ""},
		{"read deadline", func() error {
			conn, err := net.Dial("tcp", listen(t, wait))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetReadDeadline(time.Now()))
			_, err = conn.Read(make([]byte, 1))
			return err
		}, Timeout, false, ""},
		{"closed here", func() error {
			conn, err := net.Dial("tcp", listen(t, wait))
			require.NoError(t, err)
			require.NoError(t, conn.Close())
			_, err = conn.Write([]byte("x"))
			return err
		}, Network, false, ""},
		{"redirects", func() error {
			s := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
			defer s.Close()
			return fetch(client(nil), s.URL)
		}, Network, true, "from one address to the next"},
		{"proxy wants a password", func() error {
			return fetch(proxied(listen(t, answers("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))), "https://api.test/v1")
		}, Auth, false, ""},
		{"proxy forbids", func() error {
			return fetch(proxied(listen(t, answers("HTTP/1.1 403 Forbidden\r\n\r\n"))), "https://api.test/v1")
		}, Permission, false, ""},
		{"proxy fails", func() error {
			return fetch(proxied(listen(t, answers("HTTP/1.1 502 Bad Gateway\r\n\r\n"))), "https://api.test/v1")
		}, Server, false, ""},
		{"no proxy", func() error { return fetch(proxied(strings.TrimPrefix(gone.URL, "http://")), "https://api.test/v1") }, Network, false, "HTTPS_PROXY"},
		{"no scheme", func() error { return fetch(client(nil), "api.openai.com/v1") }, InvalidRequest, false, "check the base URL"},
		{"other scheme", func() error { return fetch(client(nil), "htps://api.openai.com/v1") }, InvalidRequest, false, "check the base URL"},
		{"no host", func() error { return fetch(client(nil), "http:///v1") }, InvalidRequest, false, "check the base URL"},
		{"bad host", func() error { return fetch(client(nil), "http://[::1/v1") }, InvalidRequest, false, "check the base URL"},
		{"bad port", func() error { return fetch(client(nil), "http://127.0.0.1:port/v1") }, InvalidRequest, false, "check the base URL"},
		{"port too large", func() error { return fetch(client(nil), "http://127.0.0.1:99999/v1") }, InvalidRequest, false, "check the base URL"},
		{"a space in the address", func() error { return fetch(client(nil), "http://api openai.com/v1") }, InvalidRequest, false, "check the base URL"},
		{"a new line in the address", func() error { return fetch(client(nil), "http://api.openai.com/v1\n") }, InvalidRequest, false, "check the base URL"},
		{"too many files", func() error { return fetch(control(syscall.EMFILE), plain.URL) }, Network, false, "ulimit"},
		{"no ports", func() error { return fetch(control(syscall.EADDRNOTAVAIL), plain.URL) }, Network, false, "lower the concurrency"},
		{"no way to the net", func() error { return fetch(control(syscall.ENETUNREACH), plain.URL) }, Network, false, "no way to the server"},
		{"no way to the host", func() error { return fetch(control(syscall.EHOSTUNREACH), plain.URL) }, Network, false, "no way to the server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.make()
			require.Error(t, err)
			require.Equal(t, c.want, Classify(err), "%T %v", err, err)
			var e *Error
			require.ErrorAs(t, Wrap("p", "m", err), &e)
			require.Equal(t, c.permanent, e.Permanent, "%v", err)
			if c.permanent {
				require.False(t, e.Retryable())
			}
			require.Contains(t, e.Error(), c.hint)
			// what openai's client keeps of it as text has the same class where the text says enough
			if c.want != Canceled && c.name != "proxy forbids" && c.name != "dial timeout" {
				require.Equal(t, c.want, Classify(errors.New(err.Error())), "as text: %v", err)
			}
		})
	}
	require.Equal(t, Unknown, Classify(fmt.Errorf("write journal: %w", syscall.ENOSPC)), "a full disk is no network")
	require.Equal(t, Unknown, Classify(&os.PathError{Op: "open", Path: "key.txt", Err: syscall.ENOENT}))
	require.Equal(t, InvalidRequest, Classify(FromHTTP("p", 400, nil, []byte("Client sent an HTTP request to an HTTPS server.\n"))))
}
