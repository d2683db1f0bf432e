package dashboard

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

const secret = "0123456789abcdef-secret"

func TestConfigThatIsNotSafeIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  Config
		says string
	}{
		{Config{}, "Store is nil"},
		{Config{Store: memstore.New(), Hosts: []string{"runs.example.com"}}, "needs a Config.Token"},
		{Config{Store: memstore.New(), Token: "short"}, "at least 16"},
		{Config{Store: memstore.New(), Token: secret, Hosts: []string{"*"}}, "no host name"},
		{Config{Store: memstore.New(), Token: secret, Hosts: []string{"http://x/"}}, "no host name"},
	} {
		_, err := New(c.cfg)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, err.Error(), "short\"")
	}
}

// TestWhoIsAnswered goes through what a browser or another machine may send.
func TestWhoIsAnswered(t *testing.T) {
	t.Parallel()
	open := newBoard(t, Config{})
	locked := newBoard(t, Config{Token: secret, Hosts: []string{"Runs.example.com", "other.example.com:8443"}})
	set := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == "Host" {
					r.Host = pairs[i+1]
					continue
				}
				r.Header.Del(pairs[i])
				if pairs[i+1] != "" {
					r.Header.Add(pairs[i], pairs[i+1])
				}
			}
		}
	}
	own := open.srv.Listener.Addr().String()
	const pause = "/api/runs/Ten/pause" // of a run that is not there: 404 when it is let through
	for _, c := range []struct {
		name   string
		board  *board
		method string
		path   string
		change func(*http.Request)
		want   int
	}{
		{"plain", open, "GET", "/api/runs", nil, 200},
		{"localhost", open, "GET", "/api/runs", set("Host", "localhost:8484"), 200},
		{"ipv6", open, "GET", "/api/runs", set("Host", "[::1]:8484"), 200},
		{"rebinding", open, "GET", "/api/runs", set("Host", "evil.example:8484"), 403},
		{"rebinding of a page", open, "GET", "/", set("Host", "evil.example"), 403},
		{"rebinding of an asset", open, "GET", "/assets/x", set("Host", "evil.example"), 403},
		{"name that begins well", open, "GET", "/api/runs", set("Host", "localhost.evil.example"), 403},
		{"another address without a token", open, "GET", "/api/runs", set("Host", "192.168.1.5:8484"), 403},
		{"a proxy without a token", open, "GET", "/api/runs", set("X-Forwarded-For", "10.0.0.1"), 403},
		{"foreign origin", open, "POST", pause, set("Origin", "http://evil.example"), 403},
		{"foreign port", open, "POST", pause, set("Origin", "http://127.0.0.1:1"), 403},
		{"null origin", open, "POST", pause, set("Origin", "null"), 403},
		{"file origin", open, "POST", pause, set("Origin", "file://"+own), 403},
		{"own origin", open, "POST", pause, set("Origin", "http://"+own), 404},
		{"no origin", open, "POST", pause, nil, 404},
		{"cross-site", open, "POST", pause, set("Sec-Fetch-Site", "cross-site"), 403},
		{"same-site", open, "POST", pause, set("Sec-Fetch-Site", "same-site"), 403},
		{"none", open, "POST", pause, set("Sec-Fetch-Site", "none"), 403},
		{"same-origin", open, "POST", pause, set("Sec-Fetch-Site", "same-origin"), 404},
		{"cross-site stream", open, "GET", "/events", set("Sec-Fetch-Site", "cross-site"), 403},
		{"foreign stream", open, "GET", "/events", set("Origin", "http://evil.example"), 403},
		{"cross-site API", open, "GET", "/api/runs", set("Sec-Fetch-Site", "cross-site"), 403},
		{"HEAD of a stream", open, "HEAD", "/events", nil, 405},
		{"typed API", open, "GET", "/api/runs", set("Sec-Fetch-Site", "none"), 200},
		{"form", open, "POST", pause, set("Content-Type", "application/x-www-form-urlencoded"), 415},
		{"text", open, "POST", pause, set("Content-Type", "text/plain"), 415},
		{"no type", open, "POST", pause, set("Content-Type", ""), 415},
		{"JSON by name only", open, "POST", pause, set("Content-Type", "text/plain; x=application/json"), 415},
		{"preflight", open, "OPTIONS", pause, set("Origin", "http://evil.example", "Access-Control-Request-Method", "POST"), 405},
		{"method", open, "DELETE", "/api/runs", nil, 405},

		{"no token", locked, "GET", "/api/runs", set("Authorization", ""), 401},
		{"no token for a stream", locked, "GET", "/events", set("Authorization", ""), 401},
		{"no token for an action", locked, "POST", pause, set("Authorization", ""), 401},
		{"no token for a page", locked, "GET", "/", set("Authorization", ""), 303},
		{"token", locked, "GET", "/api/runs", nil, 200},
		{"token in the URL", locked, "GET", "/api/runs?token=" + secret, set("Authorization", ""), 401},
		{"other scheme", locked, "GET", "/api/runs", set("Authorization", "Basic "+secret), 401},
		{"wrong token", locked, "GET", "/api/runs", set("Authorization", "Bearer "+secret+"x"), 401},
		{"empty token", locked, "GET", "/api/runs", set("Authorization", "Bearer "), 401},
		{"invented cookie", locked, "GET", "/api/runs", set("Authorization", "", "Cookie", locked.guard.token.cookie+"=99999999999.AAAA"), 401},
		{"token and rebinding", locked, "GET", "/api/runs", set("Host", "evil.example"), 403},
		{"token and foreign origin", locked, "POST", pause, set("Origin", "http://evil.example"), 403},
		{"name of its own", locked, "GET", "/api/runs", set("Host", "runs.EXAMPLE.com:99"), 200},
		{"name and port", locked, "GET", "/api/runs", set("Host", "other.example.com:8443"), 200},
		{"name and other port", locked, "GET", "/api/runs", set("Host", "other.example.com:1"), 403},
		{"address with a token", locked, "GET", "/api/runs", set("Host", "192.168.1.5:8484"), 200},
		{"a proxy with a token", locked, "GET", "/api/runs", set("X-Forwarded-For", "10.0.0.1"), 200},
	} {
		r := c.board.do(c.method, c.path, "", c.change)
		require.Equal(t, c.want, r.StatusCode, "%s: %s", c.name, r.body)
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			require.Equal(t, want, r.Header.Get(header), c.name)
		}
		csp := r.Header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'", c.name)
		require.Contains(t, csp, "frame-ancestors 'none'", c.name)
		require.NotContains(t, csp, "unsafe", c.name)
	}
}

// TestOnlyThisMachineWithoutAToken: the address that a connection comes from counts, not what it says.
func TestOnlyThisMachineWithoutAToken(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Store: memstore.New()})
	require.NoError(t, err)
	for remote, want := range map[string]int{
		"127.0.0.1:5": 200, "[::1]:5": 200, "[::ffff:127.0.0.1]:5": 200, "10.0.0.7:5": 403, "[fe80::1%eth0]:5": 403, "@": 403, "": 403,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/api/runs", nil)
		r.Host, r.RemoteAddr = "localhost", remote
		d.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, remote)
	}
	require.NoError(t, d.Close(t.Context()))
}

// TestRunNamesThatAreWays: no name leads out of the store, whatever it is spelled like.
func TestRunNamesThatAreWays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := filestore.Open(filepath.Join(dir, "out"))
	require.NoError(t, err)
	outside, err := filestore.Open(dir)
	require.NoError(t, err)
	_, err = book(t, "one").Run(t.Context(), "secrets", workflow.Config{Store: outside, Model: &script{}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "out", "ok"), 0o700))
	b := newBoard(t, Config{Store: store})
	for _, name := range []string{
		"..%2fsecrets", "%2e%2e%2fsecrets", "..%5csecrets", "%2e%2e", ".", "..", "%2fetc%2fpasswd", "//etc/passwd", "secrets%00", "%00",
		"out%2f..%2f..%2fsecrets", ".archive", ".archive%2fx", "CON", "nul.txt", "COM1", "lpt9.json", "a.", "-rf", "ünï", "a%0d%0ab", "a b",
		strings.Repeat("x", 129), strings.Repeat("x", 8000), "ok%2f..%2f..%2fsecrets", "<script>", "%3Cscript%3E", "%zz", "a:b", "secrets",
	} {
		for _, path := range []string{"/api/runs/%s", "/api/runs/%s/items?step=plan", "/events?run=%s", "/api/runs/%s/events"} {
			if strings.Contains(name, "%zz") {
				continue // no URL at all: the client refuses it
			}
			r := b.do(http.MethodGet, fmt.Sprintf(path, name), "", nil)
			require.Contains(t, []int{400, 404, 301, 307, 308}, r.StatusCode, "%s: %s", name, r.body)
			require.NotContains(t, r.body, "book")
			require.NotContains(t, r.body, "<script>")
			require.NotContains(t, r.body, dir)
		}
		if !strings.Contains(name, "%zz") {
			r := b.do(http.MethodPost, "/api/runs/"+name+"/pause", "{}", nil)
			require.Contains(t, []int{404, 405, 301, 307, 308, 429}, r.StatusCode, "%s: %s", name, r.body)
		}
	}
	require.Empty(t, get[RunList](b, "/api/runs").Runs)
}

func TestBodiesAndHeadersAreBounded(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	code, text := b.post("/api/runs/Ten/approve", `{"note":"`+strings.Repeat("x", maxBody)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, code, text)
	code, text = b.post("/api/runs/Ten/approve", `{"step":"a","hash":"b","note":"`+strings.Repeat("x", maxNote+1)+`"}`)
	require.Equal(t, http.StatusBadRequest, code, text)
	code, text = b.post("/api/runs/Ten/approve", `{"step":"a","hash":"b"} {"step":"c"}`)
	require.Equal(t, http.StatusBadRequest, code, text)
	for _, more := range []string{"}", "}junk", "]", " ] {", "{}", "null", "x", `"`} { // behind the object
		code, text = b.post("/api/runs/Ten/pause", "{} "+more)
		require.Equal(t, http.StatusBadRequest, code, "%s: %s", more, text)
	}
	code, text = b.post("/api/runs/Ten/pause", "{} \n\t ")
	require.Equal(t, http.StatusNotFound, code, text)
	code, text = b.post("/api/runs/Ten/pause", "{"+strings.Repeat(`"a":`+strings.Repeat("[", 100), 100))
	require.Equal(t, http.StatusBadRequest, code, text)
	r := b.do(http.MethodPost, "/login", "token="+strings.Repeat("x", 2*maxLogin), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	require.GreaterOrEqual(t, r.StatusCode, 400)
	require.Less(t, r.StatusCode, 500)

	open := newBoard(t, Config{Open: opener(book(t), b.store, nil)})
	body := strings.NewReader(`{"step":"s","replaces":"h","result":"` + strings.Repeat("x", maxEdit) + `"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, open.srv.URL+"/api/runs/Ten/edit", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := open.srv.Client().Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
}

// TestActionsHaveARate: a page gone wild, or a script, is told to wait.
func TestActionsHaveARate(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	refused := 0
	for range 2 * actBurst {
		if code, _ := b.post("/api/runs/Ten/pause", "{}"); code == http.StatusTooManyRequests {
			refused++
		}
	}
	require.Positive(t, refused)
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{Token: secret})
	b.token = "" // no header from here on
	r := b.do(http.MethodGet, "/runs/Ten?live=1", "", nil)
	require.Equal(t, http.StatusSeeOther, r.StatusCode)
	require.Equal(t, "../login?next=%2Fruns%2FTen%3Flive%3D1", r.Header.Get("Location"))
	require.Equal(t, http.StatusOK, b.do(http.MethodGet, "/login", "", nil).StatusCode)

	form := func(token, next, origin string) reply {
		return b.do(http.MethodPost, "/login", url.Values{"token": {token}, "next": {next}}.Encode(), func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", origin)
		})
	}
	own := b.srv.URL
	require.Equal(t, http.StatusForbidden, form(secret, "/", "http://evil.example").StatusCode)
	require.Equal(t, http.StatusUnauthorized, form("wrong", "/", own).StatusCode)
	for next, want := range map[string]string{
		"/runs/Ten?live=1": "./runs/Ten?live=1", "": "./", "//evil.example/": "./", "http://evil.example/": "./", "evil": "./", `/\evil.example`: "./%5Cevil.example",
		"/a\r\nSet-Cookie: x=y": "./",
	} {
		r = form(secret, next, own)
		require.Equal(t, http.StatusSeeOther, r.StatusCode, r.body)
		require.Equal(t, want, r.Header.Get("Location"), next)
	}
	cookies := r.Cookies()
	require.Len(t, cookies, 1)
	c := cookies[0]
	require.True(t, c.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.NotContains(t, r.Header.Get("Set-Cookie"), secret)
	with := func(value string) int {
		return b.do(http.MethodGet, "/api/runs", "", func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: value})
		}).StatusCode
	}
	require.Equal(t, http.StatusOK, with(c.Value))
	require.Equal(t, http.StatusUnauthorized, with("9"+c.Value), "another end than was signed")
	require.Equal(t, http.StatusUnauthorized, with(c.Value+"A"))
	other := newBoard(t, Config{Token: secret + "2"})
	require.NotEqual(t, c.Name, other.guard.token.cookie)

	past := b.guard.token.newCookie(time.Now().Add(-2*loginLasts), false)
	require.Equal(t, http.StatusUnauthorized, with(past.Value), "a login ends")

	r = b.do(http.MethodPost, "/login", `{"token":"`+secret+`"}`, nil)
	require.Equal(t, http.StatusOK, r.StatusCode)
	r = b.do(http.MethodPost, "/logout", "", func(r *http.Request) { r.AddCookie(c) })
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.Negative(t, r.Cookies()[0].MaxAge)
}

// TestGuessingHasARate: after some wrong tokens not even the right one is looked at for a while, by header and by login.
func TestGuessingHasARate(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{Token: secret})
	b.token = "wrong wrong wrong wrong"
	for range loginBurst {
		require.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/api/runs", "", nil).StatusCode)
	}
	b.token = secret
	r := b.do(http.MethodGet, "/api/runs", "", nil)
	require.Equal(t, http.StatusTooManyRequests, r.StatusCode)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	require.Equal(t, http.StatusTooManyRequests, b.do(http.MethodPost, "/login", `{"token":"`+secret+`"}`, nil).StatusCode)
}

// TestTheRefusedKeepNobodyOut: who has asked, and was refused or not, and then keeps all connections open, leaves room for
// who comes next; refused ones are closed at once, whatever the client wants.
func TestTheRefusedKeepNobodyOut(t *testing.T) {
	t.Parallel()
	d, err := New(Config{Store: memstore.New(), Token: secret, MaxClients: 1})
	require.NoError(t, err)
	d.otherConns = 3
	const places = 4
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- d.Serve(ctx, t.Context(), l) }()

	// ask sends a request on a connection of its own, which is left open.
	ask := func(path, host, token string) (net.Conn, *http.Response) {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(idleWithin*2/3)), "sooner than idle connections end by themselves")
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, token)
		require.NoError(t, err)
		in := bufio.NewReader(c)
		resp, err := http.ReadResponse(in, nil)
		require.NoError(t, err, path)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return c, resp
	}
	for range 2 * places {
		for host, want := range map[string]int{"evil.example": http.StatusForbidden, "localhost": http.StatusUnauthorized} {
			c, resp := ask("/api/runs", host, "")
			require.Equal(t, want, resp.StatusCode)
			require.True(t, resp.Close, "the answer says so")
			_, err := c.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
		}
	}
	for range 2 * places { // these are kept as long as nobody needs their places
		_, resp := ask("/login", "localhost", "")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.False(t, resp.Close)
	}
	_, resp := ask("/api/runs", "localhost", secret)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	stop()
	require.NoError(t, <-served)
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	l := newLimiter(3, time.Second)
	now := time.Unix(1000, 0)
	for range 3 {
		require.LessOrEqual(t, l.wait("a", now), time.Duration(0))
		l.take("a", now)
	}
	require.Equal(t, time.Second, l.wait("a", now))
	require.LessOrEqual(t, l.wait("b", now), time.Duration(0))
	require.LessOrEqual(t, l.wait("a", now.Add(time.Second)), time.Duration(0))
	for i := range 3 * maxKeys {
		l.take(fmt.Sprint(i), now)
	}
	require.LessOrEqual(t, len(l.full), maxKeys)
}

// TestNothingSecretIsLogged: neither the token, right or wrong, nor what a request carried.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	b := newBoard(t, Config{Token: secret, Logger: zap.New(core)})
	b.do(http.MethodPost, "/login", `{"token":"not-`+secret+`"}`, nil)
	b.do(http.MethodPost, "/login", `{"token":"`+secret+`"}`, nil)
	b.do(http.MethodPost, "/api/runs/Ten/approve", `{"step":"s","hash":"h","note":"the `+secret+`"}`, nil)
	b.do(http.MethodGet, "/api/runs/Ten/items?step="+secret, "", nil)
	require.NotZero(t, logs.Len())
	for _, e := range logs.All() {
		require.NotContains(t, fmt.Sprint(e.Message, e.ContextMap()), secret)
	}
}

// TestAPanicTellsNothing: 500, and the details in the log.
func TestAPanicTellsNothing(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	d, err := New(Config{Store: memstore.New(), Logger: zap.New(core)})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/api/x", nil)
	r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
	d.guarded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the inner secret") })).ServeHTTP(w, r)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "secret")
	require.Equal(t, 1, logs.FilterMessage("a request panicked").Len())
	require.NoError(t, d.Close(t.Context()))
}
