package main

import (
	"context"
	_ "embed"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/sample"
	"github.com/dogear-go/dogear/state/memstore"
)

// sound.js returns what is wrong with a page: names, labels, headings, tables, contrast, width.
//
//go:embed testdata/sound.js
var soundScript string

// testSound checks every page: by rules that hold for all of them, at 320 and 1280 pixels, in both themes.
func testSound(t *testing.T, browser context.Context) {
	store := memstore.New()
	finished(t, store, "partial", sample.Params{Genre: "saga", Chapters: 12, Scenes: 10}, failing)
	s := &stage{store: store}
	var err error
	s.novel, err = sample.New()
	require.NoError(t, err)
	require.NoError(t, s.start(t.Context(), "waiting", sample.Params{Chapters: 2, Scenes: 2}, nil, false))
	b := newBoard(t, dashboard.Config{Store: store, Open: s.open})
	empty := newBoard(t, dashboard.Config{})
	for _, c := range []struct{ name, url, ready string }{
		{"runs", b.url(""), `[data-state="live"]`},
		{"no runs", empty.url(""), `[data-state="live"]`},
		{"partial", b.url("runs/partial"), `[data-state="live"]`},
		{"waiting", b.url("runs/waiting"), `[data-state="live"]`},
		{"outputs", b.url("runs/partial/steps/prose_writing"), `article`},
		{"structure", b.url("runs/partial/steps/character_design"), `article`},
		{"edit", b.url("runs/waiting/steps/story_planning?edit=1"), `#edit`},
		{"not found", b.url("runs/nosuch"), `#problem`},
	} {
		p := open(t, browser, c.url)
		if c.name == "not found" {
			p.expects("404")
		}
		p.until(`document.querySelector(` + quote(c.ready) + `)`)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{320, 1280} {
				p.do(chromedp.EmulateViewport(width, 800), media(scheme), drawn)
				require.Empty(t, js[[]string](p, soundScript), "%s, %s, %d pixels", c.name, scheme, width)
			}
		}
		paper := js[string](p, `getComputedStyle(document.documentElement).backgroundColor`)
		require.Equal(t, "rgb(22, 21, 19)", paper, "dark as the system")
		p.do(chromedp.Click(chromedp.CSS(`#theme`)), drawn) // auto to light
		require.Equal(t, "rgb(247, 245, 240)", js[string](p, `getComputedStyle(document.documentElement).backgroundColor`))
		require.Equal(t, "light", js[string](p, `localStorage.getItem("dogear-theme")`))
		js[bool](p, `(localStorage.removeItem("dogear-theme"), true)`)
	}
}
