package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// pages adds the pages. They are whole without scripts; with them, they stay as the runs are.
func (d *Dashboard) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", d.page(d.runsPage))
	mux.HandleFunc("GET /runs/{run}", d.page(d.runPage))
	mux.HandleFunc("GET /runs/{run}/steps/{step}", d.page(d.stepPage))
	mux.HandleFunc("GET /assets/{name}", d.serveAsset)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.errorPage(w, r, http.StatusNotFound, Problem{Error: "There is no such page.", Hint: "The list of runs leads to all of them."})
	})
}

// page adapts a function that makes a page. An error becomes a page too.
func (d *Dashboard) page(fn func(context.Context, *http.Request) (pageData, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := fn(r.Context(), r)
		if err != nil {
			d.fail(w, r, err)
			return
		}
		if raw, ok := p.Body.(rawJSON); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write(raw)
			return
		}
		d.render(w, http.StatusOK, p)
	}
}

// loginPage asks for the token. p says why it was refused; empty: it was not asked for yet.
func (d *Dashboard) loginPage(w http.ResponseWriter, r *http.Request, status int, p Problem) {
	d.render(w, status, pageData{Kind: "login", Title: "Log in", Root: rootOf(r), Icon: "idle", Body: struct {
		Problem
		Next string
	}{p, r.FormValue("next")}})
}

// errorPage shows a problem as a page.
func (d *Dashboard) errorPage(w http.ResponseWriter, r *http.Request, status int, p Problem) {
	title := "That did not work"
	switch status {
	case http.StatusNotFound:
		title = "Not found"
	case http.StatusForbidden, http.StatusUnauthorized:
		title = "Not allowed"
	}
	d.render(w, status, pageData{Kind: "problem", Title: title, Root: rootOf(r), Icon: "idle", Body: struct {
		Problem
		Status int
		Title  string
	}{p, status, title}})
}

// runsBody is what the list of runs is made of.
type runsBody struct {
	RunList
	Query    listQuery
	Filtered bool
	Choices  []choice // statuses
	Sorts    []choice
	First    string // link to the first page; empty: this is it
	NextPage string
}

// choice is one of a list that a reader chooses from.
type choice struct {
	Value, Text string
	Chosen      bool
}

func (d *Dashboard) runsPage(ctx context.Context, r *http.Request) (pageData, error) {
	v := r.URL.Query()
	q, err := parseListQuery(v)
	if err != nil {
		return pageData{}, err
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	list, err := d.runList(ctx, q)
	if err != nil {
		return pageData{}, err
	}
	b := runsBody{RunList: list, Query: q, Filtered: q.Text != "" || len(q.Status) > 0, Choices: statusChoices(q), Sorts: sortChoices(q)}
	if q.After != "" {
		b.First = "./" + query(v, "after", "")
	}
	if list.Next != "" {
		b.NextPage = "./" + query(v, "after", list.Next)
	}
	return pageData{Kind: "runs", Title: "Runs", Root: rootOf(r), Icon: "idle", Live: rootOf(r) + "events", Body: b}, nil
}

func statusChoices(q listQuery) []choice {
	all := []choice{{"", "any status", len(q.Status) == 0}}
	for _, s := range []state.Status{state.StatusRunning, state.StatusWaiting, state.StatusPaused, state.StatusInterrupted,
		state.StatusFailed, state.StatusPartial, state.StatusCompleted} {
		all = append(all, choice{string(s), statusWord(s), len(q.Status) == 1 && q.Status[0] == s})
	}
	return all
}

func sortChoices(q listQuery) []choice {
	all := []choice{
		{"-updated", "last changed first", false}, {"updated", "longest unchanged first", false}, {"name", "name, A to Z", false},
		{"-name", "name, Z to A", false}, {"status", "status", false}, {"-progress", "furthest first", false},
		{"progress", "least progress first", false}, {"-cost", "most expensive first", false}, {"cost", "cheapest first", false},
	}
	for i := range all {
		all[i].Chosen = all[i].Value == q.Sort || q.Sort == "" && i == 0
	}
	return all
}

// query is a query string like v, with one parameter set, or removed when value is empty.
func query(v url.Values, name, value string) string {
	c := url.Values{}
	for k, list := range v {
		if k != "live" {
			c[k] = list
		}
	}
	c.Del(name)
	if value != "" {
		c.Set(name, value)
	}
	if len(c) == 0 {
		return ""
	}
	return "?" + c.Encode()
}

// stepHref is the page of a step's outputs, or of one item's.
func stepHref(root, run, step, item string) string {
	href := root + "runs/" + url.PathEscape(run) + "/steps/" + segment(step)
	if item != "" {
		href += "?" + url.Values{"item": {item}}.Encode()
	}
	return href
}

// segment writes a name as one segment of a path. Browsers take "." and ".." for ways, in every spelling.
func segment(name string) string {
	if strings.Trim(name, ".") == "" {
		return "~" + name
	}
	if strings.HasPrefix(name, "~") {
		name = "~" + name
	}
	return url.PathEscape(name)
}

// unsegment is the reverse of segment, after the path was unescaped.
func unsegment(name string) string { return strings.TrimPrefix(name, "~") }
