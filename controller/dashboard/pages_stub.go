package dashboard

import (
	"html/template"
	"net/http"
)

// pages adds the pages.
func (d *Dashboard) pages(*http.ServeMux) {}

// loginPage asks for the token. p says why it was refused; empty: it was not asked for yet.
func (d *Dashboard) loginPage(w http.ResponseWriter, r *http.Request, status int, p Problem) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = template.Must(template.New("").Parse(`<!doctype html><title>Log in</title><p>{{.P.Error}}</p><form method="post" action="login">`+
		`<input type="hidden" name="next" value="{{.Next}}"><input type="password" name="token"><button>Log in</button></form>`)).
		Execute(w, map[string]any{"P": p, "Next": r.FormValue("next")})
}

// errorPage shows a problem as a page.
func (d *Dashboard) errorPage(w http.ResponseWriter, _ *http.Request, status int, p Problem) {
	http.Error(w, p.Error, status)
}
