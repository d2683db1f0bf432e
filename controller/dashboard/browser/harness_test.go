package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/chrome"
	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/sample"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// patience is how long a test waits for what must happen; it is long because machines may be busy.
const patience = 30 * time.Second

// startBrowser starts a Chromium for a test. Without one the test is left out, unless it is required.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	if _, err := chrome.Find(); err != nil {
		if os.Getenv("DOGEAR_REQUIRE_BROWSER") == "1" {
			t.Fatalf("DOGEAR_REQUIRE_BROWSER=1, and there is %v", err)
		}
		t.Skipf("NOT TESTED IN A BROWSER: there is %v. Install chromium; DOGEAR_REQUIRE_BROWSER=1 makes this a failure.", err)
	}
	browser, stop, err := chrome.Start(context.Background(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(stop)
	return browser
}

// tab is a page that is looked at. What goes wrong in it fails the test when it ends: errors on the console, reports of
// the content security policy, requests to anywhere but the dashboard.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex // guards the fields below
	wrong  []string
	expect []string // parts of messages that are expected
	pages  int      // documents that were loaded
}

// open opens a page in a tab of its own. Steps come before the page is loaded.
func open(t *testing.T, browser context.Context, address string, steps ...step) *tab {
	t.Helper()
	own, err := url.Parse(address)
	require.NoError(t, err)
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx)) // the tab must not be made under the limit
	ctx, cancel := context.WithTimeout(ctx, 4*patience)
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, func(ev any) { p.event(ev, own.Host) }))
	enable := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return err
	})
	p.do(append([]step{enable}, steps...)...)
	p.do(chromedp.Navigate(address))
	t.Cleanup(p.check)
	return p
}

func (p *tab) event(ev any, host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			p.wrong = append(p.wrong, fmt.Sprintf("console: %s %s", ev.Type, argument(ev.Args)))
		}
	case *runtime.EventExceptionThrown:
		p.wrong = append(p.wrong, "exception: "+ev.ExceptionDetails.Text+" "+describe(ev.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
			p.wrong = append(p.wrong, fmt.Sprintf("log: %s %s", ev.Entry.Text, ev.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if ev.Type == network.ResourceTypeDocument {
			p.pages++
		}
		if u, err := url.Parse(ev.Request.URL); err != nil || u.Host != host {
			p.wrong = append(p.wrong, "request to elsewhere: "+ev.Request.URL)
		}
	}
}

func argument(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		b.WriteString(describe(a) + " ")
	}
	return b.String()
}

func describe(o *runtime.RemoteObject) string {
	if o == nil {
		return ""
	}
	return o.Description + string(o.Value)
}

// check fails the test for what went wrong on the page.
func (p *tab) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrong {
		known := false
		for _, e := range p.expect {
			known = known || strings.Contains(w, e)
		}
		if !known {
			p.t.Error(w)
		}
	}
}

// expects lets a message pass: a test that makes a request fail finds it on the console.
func (p *tab) expects(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expect = append(p.expect, part)
}

// loaded is how many documents the tab has loaded.
func (p *tab) loaded() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pages
}

func (p *tab) do(steps ...step) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for _, s := range steps {
		err := chromedp.Do(ctx, s)
		for replaced(err) && ctx.Err() == nil {
			err = chromedp.Do(ctx, s)
		}
		require.NoError(p.t, err)
	}
}

// replaced: the element that was found was gone before anything was done with it, since a live page draws its parts anew.
func replaced(err error) bool {
	var e *cdproto.Error
	return errors.As(err, &e) && strings.Contains(strings.ToLower(e.Message), "node with given id")
}

// js evaluates an expression.
func js[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return v
}

// until waits for an expression to be true. The page itself can't be asked to do that: its policy forbids such code.
func (p *tab) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("never true: %s (%v)\non the page: %.1500s", expression, err, p.text())
		}
	}
}

// text is what a reader sees of the page.
func (p *tab) text() string {
	text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	return text
}

// click clicks on the first element of a selector, as a mouse does.
func (p *tab) click(css string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`document.querySelector(%q)`, css))
	p.do(chromedp.Click(chromedp.CSS(css)))
}

// board is a dashboard behind a server that can be stopped and started again at its address.
type board struct {
	t    *testing.T
	cfg  dashboard.Config
	addr string
	stop func()
}

func newBoard(t *testing.T, cfg dashboard.Config) *board {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = memstore.New()
	}
	cfg.Poll = 50 * time.Millisecond
	b := &board{t: t, cfg: cfg, addr: "127.0.0.1:0"}
	b.start()
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *board) start() {
	b.t.Helper()
	d, err := dashboard.New(b.cfg)
	require.NoError(b.t, err)
	l, err := net.Listen("tcp", b.addr)
	require.NoError(b.t, err)
	b.addr = l.Addr().String()
	srv := &http.Server{Handler: d, ReadHeaderTimeout: patience}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(l) // ends with Close
	}()
	b.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(b.t, d.Close(ctx))
		_ = srv.Close()
		<-ended
	}
}

func (b *board) url(path string) string { return "http://" + b.addr + "/" + path }

// gauge lets calls of a model through, one for each permit.
type gauge struct {
	permits chan struct{}
	fail    func(prompt string) error // nil: none
	mu      sync.Mutex                // guards broken
	broken  bool                      // calls that fail may fail
}

func newGauge(n int) *gauge {
	g := &gauge{permits: make(chan struct{}, 10_000)}
	g.allow(n)
	return g
}

func (g *gauge) allow(n int) {
	for range n {
		g.permits <- struct{}{}
	}
}

func (g *gauge) breaks(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = yes
}

func (g *gauge) before(ctx context.Context, _, prompt string) error {
	select {
	case <-g.permits:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken && g.fail != nil {
		return g.fail(prompt)
	}
	return nil
}

// novel is a sample run that stands at its gate, and a dashboard that can work on it.
func novel(t *testing.T, run string, p sample.Params, g *gauge) (*board, *workflow.Pipeline) {
	t.Helper()
	pipeline, err := sample.New()
	require.NoError(t, err)
	store := memstore.New()
	cfg, err := sample.Config(p, g.before)
	require.NoError(t, err)
	cfg.Store = store
	_, err = pipeline.Run(t.Context(), run, cfg)
	require.ErrorIs(t, err, workflow.ErrWaiting)
	return newBoard(t, dashboard.Config{Store: store, Open: func(ctx context.Context, _, run string) (*workflow.Run, error) {
		again := cfg
		again.Params = nil
		return pipeline.Open(ctx, run, again)
	}}), pipeline
}

// finished runs a sample to its end, approved.
func finished(t *testing.T, store state.Store, run string, p sample.Params, before func(context.Context, string, string) error) {
	t.Helper()
	pipeline, err := sample.New()
	require.NoError(t, err)
	s := &stage{store: store, novel: pipeline}
	require.NoError(t, s.start(t.Context(), run, p, before, true))
}

var errRefused = errors.New("the request was blocked")
