package dashboard

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"
)

// authorize says why the request may not pass; nil: it carries the token, or a cookie that was given for it.
func (g *guard) authorize(r *http.Request, now time.Time) error {
	if !g.token.set() || g.token.validCookie(r, now) {
		return nil
	}
	if token, given := bearer(r); given {
		return g.try(r, token, now)
	}
	return &refusal{status: http.StatusUnauthorized, text: "the dashboard's token is needed",
		hint: "log in, or send Authorization: Bearer TOKEN"}
}

// try compares a token. Who sent many wrong ones must wait, even with the right one: the answer would tell it apart.
func (g *guard) try(r *http.Request, token string, now time.Time) error {
	who := network(remoteAddr(r))
	if wait := g.attempts.wait(who, now); wait > 0 {
		return &refusal{status: http.StatusTooManyRequests, text: "too many wrong tokens; wait a little", after: wait}
	}
	if g.token.matches(token) {
		return nil
	}
	g.attempts.take(who, now)
	return &refusal{status: http.StatusUnauthorized, text: "this is not the dashboard's token"}
}

// network is what one who guesses can hardly change: an IPv4 address, or the /64 that an IPv6 user has to himself.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// loginRequest is the body of POST /login, which may also be a form: this page works without scripts.
type loginRequest struct {
	Token string `json:"token"`
	Next  string `json:"next"` // where to go afterwards: a path below the dashboard
}

const maxLogin = 8 << 10

func (d *Dashboard) login(w http.ResponseWriter, r *http.Request) {
	form := false
	req, err := readLogin(w, r, &form)
	if err == nil {
		err = d.guard.try(r, req.Token, time.Now())
	}
	switch {
	case !d.guard.token.set():
		d.fail(w, r, &refusal{status: http.StatusNotFound, text: "this dashboard has no token; nobody needs to log in"})
	case err != nil && form:
		status, problem := statusOf(err)
		d.log.Warn("login refused", zap.Stringer("from", remoteAddr(r)), zap.Int("status", status))
		d.loginPage(w, r, status, problem)
	case err != nil:
		d.log.Warn("login refused", zap.Stringer("from", remoteAddr(r)))
		d.fail(w, r, err)
	default:
		http.SetCookie(w, d.guard.token.newCookie(time.Now(), secure(r)))
		d.log.Info("logged in", zap.Stringer("from", remoteAddr(r)))
		if form {
			w.Header().Set("Location", "."+nextPath(req.Next)) // relative: where the dashboard is mounted is not known
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		writeJSON(w, http.StatusOK, Accepted{Text: "logged in"})
	}
}

func readLogin(w http.ResponseWriter, r *http.Request, form *bool) (req loginRequest, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		*form = true
		if err := r.ParseForm(); err != nil {
			return req, badBody(err)
		}
		return loginRequest{r.PostForm.Get("token"), r.PostForm.Get("next")}, nil
	}
	if err := isJSON(r); err != nil {
		return req, err
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return req, badBody(err)
	}
	return req, nil
}

func (d *Dashboard) logout(w http.ResponseWriter, r *http.Request) {
	if d.guard.token.set() {
		http.SetCookie(w, d.guard.token.noCookie(secure(r)))
	}
	writeJSON(w, http.StatusOK, Accepted{Text: "logged out"})
}

// secure says that the browser speaks TLS, with the dashboard or with a proxy before it.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

// nextPath is a path below the dashboard, whatever was asked for.
func nextPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}

// toLogin sends a person who opened a page to the login.
func toLogin(w http.ResponseWriter, r *http.Request) {
	up := strings.Repeat("../", max(0, strings.Count(r.URL.Path, "/")-1))
	w.Header().Set("Location", fmt.Sprintf("%slogin?next=%s", up, url.QueryEscape(nextPath(r.URL.RequestURI()))))
	w.Header().Set("Connection", "close") // as behind every refusal
	w.WriteHeader(http.StatusSeeOther)
}
