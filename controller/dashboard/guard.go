package dashboard

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// guard decides which requests are answered at all. It is made once and only read, but for its attempts.
type guard struct {
	token    tokenCheck
	hosts    map[string]bool // of Config.Hosts, lower case
	attempts *limiter        // wrong tokens, by who sent them
	acts     *limiter        // requests that change something, of all together
}

func newGuard(cfg Config) (*guard, error) {
	g := &guard{
		hosts:    map[string]bool{},
		attempts: newLimiter(loginBurst, loginEvery),
		acts:     newLimiter(actBurst, actEvery),
	}
	if len(cfg.Hosts) > 0 && cfg.Token == "" {
		return nil, errors.New("dashboard: Config.Hosts names other hosts, which needs a Config.Token: without one only this machine is answered")
	}
	for _, h := range cfg.Hosts {
		if h == "" || strings.ContainsAny(h, "/ *") {
			return nil, fmt.Errorf("dashboard: Config.Hosts: %q is no host name, as in runs.example.com", h)
		}
		g.hosts[strings.ToLower(h)] = true
	}
	var err error
	g.token, err = newTokenCheck(cfg.Token)
	return g, err
}

// The rates of what can be guessed or can do harm. A person never meets them.
const (
	loginBurst = 5                // wrong tokens of one address at once
	loginEvery = 12 * time.Second // and then one in so much time
	actBurst   = 30
	actEvery   = 200 * time.Millisecond
)

// check says why a request is refused; nil: it is not. It looks at where it comes from and to, and not yet at the token.
func (g *guard) check(r *http.Request) error {
	if !g.hostAllowed(r.Host) {
		return &refusal{status: http.StatusForbidden, text: "the dashboard is not asked for under its own name",
			hint: "use the address that it printed; further names are given as Config.Hosts, with a token"}
	}
	if err := g.fromHere(r); err != nil {
		return err
	}
	// Pages may be opened by a link from anywhere. What a script of another site could use may not.
	if r.Method == http.MethodPost || strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/events" {
		return sameOrigin(r)
	}
	return nil
}

// hostAllowed checks the Host header. A page of an attacker whose name was made to point to this machine (DNS rebinding)
// sends its own name; an address can't be made to point elsewhere, so with a token each is as good as another.
func (g *guard) hostAllowed(hostport string) bool {
	hostport = strings.ToLower(hostport)
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" || g.hosts[host] || g.hosts[hostport] {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLoopback() || g.token.set())
}

// fromHere lets only this machine in while there is no token. A proxy makes everybody look like this machine.
func (g *guard) fromHere(r *http.Request) error {
	if g.token.set() {
		return nil
	}
	const hint = "give the dashboard a token to use it from elsewhere"
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return &refusal{status: http.StatusForbidden, text: "a proxy stands before this dashboard, which has no token", hint: hint}
		}
	}
	if !remoteAddr(r).IsLoopback() {
		return &refusal{status: http.StatusForbidden, text: "this dashboard answers only the machine that it runs on", hint: hint}
	}
	return nil
}

// remoteAddr is who sent the request; the zero Addr when that is no address.
func remoteAddr(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// sameOrigin refuses what a page of another site made the browser send. Programs that are no browser send neither header.
func sameOrigin(r *http.Request) error {
	foreign := &refusal{status: http.StatusForbidden, text: "the request comes from a page of another site"}
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "", site == "same-origin":
	case site == "none" && r.Method != http.MethodPost: // typed into the address bar
	default:
		return foreign
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	u, err := url.Parse(origins[0])
	if len(origins) > 1 || err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) {
		return foreign
	}
	return nil
}

// isJSON refuses every body but JSON: a form of another site can't send that.
func isJSON(r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return &refusal{status: http.StatusUnsupportedMediaType, text: "the body must be JSON", hint: "send Content-Type: application/json"}
	}
	return nil
}

// setHeaders are sent with every answer. The policy allows no script and no style but the embedded files, no frame around
// the page, and no request elsewhere.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would make the login form's Origin null
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}
