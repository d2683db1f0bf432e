package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// routes puts everything together: what is checked for every request, and what answers it.
func (d *Dashboard) routes() http.Handler {
	mux := http.NewServeMux()
	d.pages(mux)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { d.loginPage(w, r, http.StatusOK, Problem{}) })
	mux.HandleFunc("POST /login", d.login)
	mux.HandleFunc("POST /logout", d.logout)
	mux.HandleFunc("GET /events", d.events)
	mux.HandleFunc("GET /api/runs", answer(d, func(ctx context.Context, r *http.Request) (RunList, error) {
		q, err := parseListQuery(r.URL.Query())
		if err != nil {
			return RunList{}, err
		}
		return d.runList(ctx, q)
	}))
	mux.HandleFunc("GET /api/runs/{run}", answer(d, func(ctx context.Context, r *http.Request) (RunView, error) {
		return d.runView(ctx, r.PathValue("run"))
	}))
	mux.HandleFunc("GET /api/runs/{run}/items", answer(d, func(ctx context.Context, r *http.Request) (ItemList, error) {
		q, err := parseItemQuery(r.URL.Query())
		if err != nil {
			return ItemList{}, err
		}
		return d.itemList(ctx, r.PathValue("run"), q)
	}))
	mux.HandleFunc("GET /api/runs/{run}/grid", answer(d, func(ctx context.Context, r *http.Request) (Grid, error) {
		return d.grid(ctx, r.PathValue("run"), r.URL.Query().Get("step"))
	}))
	mux.HandleFunc("GET /api/runs/{run}/result", answer(d, func(ctx context.Context, r *http.Request) (ResultView, error) {
		q := r.URL.Query()
		return d.result(ctx, r.PathValue("run"), q.Get("step"), q.Get("item"))
	}))
	mux.HandleFunc("GET /api/runs/{run}/events", answer(d, func(ctx context.Context, r *http.Request) (EventList, error) {
		q, err := parseEventQuery(r.URL.Query())
		if err != nil {
			return EventList{}, err
		}
		return d.eventList(ctx, r.PathValue("run"), q)
	}))
	mux.HandleFunc("GET /api/runs/{run}/cost", answer(d, func(ctx context.Context, r *http.Request) (CostSeries, error) {
		return d.costSeries(ctx, r.PathValue("run"))
	}))
	mux.HandleFunc("POST /api/runs/{run}/{action}", d.act)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		d.fail(w, r, &refusal{status: http.StatusNotFound, text: "there is no such thing in this API"})
	})
	return d.guarded(mux)
}

// guarded checks a request before anything else sees it.
func (d *Dashboard) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		defer d.recovered(w, r)
		if err := d.admit(r); err != nil {
			var own *refusal
			if errors.As(err, &own) && own.status == http.StatusUnauthorized && isPage(r) {
				toLogin(w, r)
				return
			}
			d.fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit says why a request is refused; nil: it is answered.
func (d *Dashboard) admit(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		return &refusal{status: http.StatusMethodNotAllowed, text: "only GET, HEAD and POST are answered"}
	}
	if err := d.guard.check(r); err != nil {
		return err
	}
	open := r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/assets/") && r.Method != http.MethodPost
	if open {
		return nil
	}
	return d.guard.authorize(r, time.Now())
}

// isPage says that a person, not a script, asked.
func isPage(r *http.Request) bool {
	return r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/events"
}

// recovered turns a panic into a 500 that tells nothing.
func (d *Dashboard) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // which is how a handler drops a connection
	}
	d.log.Error("a request panicked", zap.String("kind", fmt.Sprintf("%T", p)), zap.String("path", logPath(r)), zap.ByteString("stack", debug.Stack()))
	d.fail(w, r, &refusal{status: http.StatusInternalServerError, text: "something went wrong in the dashboard", hint: "its log says more"})
}

// answer adapts a function that gives an object.
func answer[T any](d *Dashboard, fn func(ctx context.Context, r *http.Request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case d.busy <- struct{}{}:
			defer func() { <-d.busy }()
		case <-r.Context().Done():
			return
		}
		v, err := fn(r.Context(), r)
		if err != nil {
			d.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

// fail answers with an error: a page for who opened one, else JSON.
func (d *Dashboard) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, problem := statusOf(err)
	if status == http.StatusInternalServerError {
		d.log.Warn("a request failed", zap.String("path", logPath(r)), zap.Error(err))
	}
	var own *refusal
	if errors.As(err, &own) && own.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(own.after/time.Second)+1))
	}
	leave(w, status)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="dogear"`)
	}
	if isPage(r) && r.Header.Get("Accept") != "" && !strings.Contains(r.Header.Get("Accept"), "json") {
		d.errorPage(w, r, status, problem)
		return
	}
	writeJSON(w, status, problem)
}

// leave ends the connection behind the refusal of a request that came uninvited, or too often: kept open, it would have a
// place among the connections without having shown anything, and many of those would leave none.
func leave(w http.ResponseWriter, status int) {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Connection", "close")
	}
}

// logPath is a path as it may stand in a log: bounded. The query is left out; item keys are made by models.
func logPath(r *http.Request) string { return clip(r.URL.EscapedPath()) }

// writeJSON answers with an object. An error of writing is the client's going away.
func writeJSON[T any](w http.ResponseWriter, status int, v T) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// badBody is an error of reading a body.
func badBody(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &refusal{status: http.StatusRequestEntityTooLarge, text: fmt.Sprintf("the body has more than %d bytes", large.Limit)}
	}
	return badRequest("the body is not what is expected")
}
