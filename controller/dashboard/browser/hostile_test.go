package main

import (
	"context"
	"errors"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// evil is what a model may write: markup, code, marks that turn the reading direction, control characters.
const evil = "<script>window.hit=1</script>\"><img src=x onerror=\"window.hit=2\">'\u202eevil\u202c\x1b[31m\u2066</textarea></title><style>*{display:none}</style>{{.}}javascript:window.hit=3"

type evilParams struct {
	Genre string `json:"genre><script>window.hit=4</script>"`
	Title string `json:"title"`
}

type evilResult struct {
	Name string            `json:"<img src=x onerror=window.hit=5>"`
	Text string            `json:"text"`
	More map[string]string `json:"more"`
}

// evilRun is a run in which everything that a model, a provider or a person names is evil.
func evilRun(t *testing.T) state.Store {
	t.Helper()
	store := memstore.New()
	task := workflow.NewTask("write", func(ctx context.Context) (evilResult, error) {
		workflow.Warn(ctx, "code"+evil, "warning "+evil)
		return evilResult{Name: evil, Text: evil + "\n\n" + evil, More: map[string]string{evil: evil}}, nil
	})
	gate := workflow.NewGate("gate", func(context.Context) (string, error) { return "asked: " + evil, nil })
	each := workflow.NewEach("each", func(context.Context) ([]string, error) { return []string{evil, "b" + evil}, nil }, func(s string) string { return s },
		func(_ context.Context, s string) (string, error) {
			if s == evil {
				return "", errors.New("failed " + evil)
			}
			return s, nil
		}, workflow.Attempts(1))
	pipeline, err := workflow.New("pipe", task, workflow.NewParallel("both", gate, each))
	require.NoError(t, err)
	cfg := workflow.Config{Store: store, Params: evilParams{evil, evil}, Settings: map[string]string{"set" + evil: evil}}
	_, err = pipeline.Run(t.Context(), "evil", cfg)
	require.ErrorIs(t, err, workflow.ErrWaiting)
	return store
}

func testHostile(t *testing.T, browser context.Context) {
	b := newBoard(t, dashboard.Config{Store: evilRun(t), Open: func(context.Context, string, string) (*workflow.Run, error) {
		return nil, errors.New("opening failed: " + evil)
	}})
	harmless := func(p *tab) {
		t.Helper()
		require.Equal(t, "undefined", js[string](p, `typeof window.hit`))
		require.Zero(t, js[int](p, `document.querySelectorAll('img, body style, main script, iframe, [onerror]').length`))
		require.False(t, js[bool](p, `/[\u202a-\u202e\u2066-\u2069\u001b]/.test(document.body.innerText)`), "marks must be written out")
		require.False(t, js[bool](p, `/[\u202a-\u202e\u2066-\u2069\u001b]/.test(document.title)`))
	}
	p := open(t, browser, b.url("runs/evil"))
	p.until(`document.querySelector('[data-state="live"]')`)
	p.do(chromedp.Focus(chromedp.CSS(`.window`)))
	p.until(`document.querySelector(".item-card").innerText.includes("failed")`)
	text := p.text()
	require.Contains(t, text, "<script>window.hit=1</script>")
	require.Contains(t, text, `\u202e`)
	require.Contains(t, text, "window.hit=4")
	harmless(p)
	p.click(`[data-action="approve"]`)
	p.until(`document.querySelector("dialog .shown").innerText.includes("asked: <script>")`)
	harmless(p)
	p.do(chromedp.KeyEvent("\x1b"))

	for _, link := range []string{`#steps a[href*="write"]`, `#steps a[href$="each"]`} {
		q := open(t, browser, b.url("runs/evil"))
		q.click(link)
		q.until(`document.querySelector("article")`)
		require.Contains(t, q.text(), `"><img src=x onerror="window.hit=2">`)
		harmless(q)
		if js[bool](q, `Boolean(document.querySelector('article .actions a.button'))`) {
			q.click(`article .actions a.button`)
			q.until(`document.querySelector("#edit")`)
			require.True(t, js[bool](q, `typeof window.hit === "undefined" && !document.querySelector("main img, main script")`))
		}
	}
	q := open(t, browser, b.url(""))
	q.until(`document.querySelector('[data-state="live"]')`)
	require.Contains(t, q.text(), "evil")
	harmless(q)
}
