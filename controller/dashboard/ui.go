package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"
)

// files are the templates, styles and scripts. Nothing is built from them, and nothing else is loaded.
//
//go:embed templates/*.html assets/*
var files embed.FS

// ui is what pages are made with. It is made once and only read.
type ui struct {
	templates map[string]*template.Template // by page
	assets    map[string]asset              // by name
}

type asset struct {
	data []byte
	kind string // content type
	tag  string // ETag
}

// pageNames are the pages; each has a template of its name.
var pageNames = [...]string{"runs", "run", "step", "edit", "login", "problem"}

func newUI() (ui, error) {
	u := ui{templates: map[string]*template.Template{}, assets: map[string]asset{}}
	base, err := template.New("layout").Funcs(pageFuncs()).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return u, fmt.Errorf("dashboard: templates: %w", err)
	}
	for _, name := range pageNames {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(files, "templates/"+name+".html")
		}
		if err != nil {
			return u, fmt.Errorf("dashboard: template %s: %w", name, err)
		}
		u.templates[name] = t
	}
	return u, u.readAssets()
}

func (u *ui) readAssets() error {
	return fs.WalkDir(files, "assets", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		u.assets[path.Base(name)] = asset{data: data, kind: kindOf(name), tag: `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
}

// kindOf is the content type of an asset. What the system says of file names is not asked: a wrong entry there would stop
// the page, because browsers are told not to guess.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// serveAsset answers with an embedded file. It is asked for again with each page, and mostly not sent again.
func (d *Dashboard) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := d.ui.assets[r.PathValue("name")]
	if !ok {
		d.errorPage(w, r, http.StatusNotFound, Problem{Error: "there is no such file"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("ETag", a.tag)
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.data))
}

// pageData is what every page is made of.
type pageData struct {
	Kind  string // which page
	Title string // of the document; the name of the run or page comes first
	Root  string // the way to the dashboard's first page, as the start of a relative link
	Icon  string // which icon the tab has: a status, or "idle"
	Live  string // the event stream, relative; empty: the page does not change
	Trail []crumb
	Body  any
}

// crumb is a page above this one. The last one is this one and has no link.
type crumb struct{ Text, Href string }

// rootOf is the relative way from the page of a request to the first page. It holds wherever the dashboard is mounted.
func rootOf(r *http.Request) string {
	return "./" + strings.Repeat("../", max(0, strings.Count(r.URL.EscapedPath(), "/")-1))
}

// render writes a page. It is made whole before the first byte leaves, so that a fault in a template is told as one.
func (d *Dashboard) render(w http.ResponseWriter, status int, p pageData) {
	var b bytes.Buffer
	if err := d.ui.templates[p.Kind].ExecuteTemplate(&b, "layout", p); err != nil {
		d.log.Error("a page could not be made", zap.String("page", p.Kind), zap.Error(err))
		http.Error(w, "the page could not be made; the dashboard's log says more", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error is the reader's going away
}
