package main

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/sample"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
)

// testLive is the way of a person: a question, its approval, progress, a pause, a resume, the end. The page is never
// loaded again, and holds what a reader left on it.
func testLive(t *testing.T, browser context.Context) {
	g := newGauge(2) // plan and people
	b, _ := novel(t, "book", sample.Params{Genre: "mystery", Chapters: 3, Scenes: 4}, g)
	p := open(t, browser, b.url("runs/book"))
	p.until(`document.querySelector('[data-state="live"]')`)
	js[bool](p, `(document.body.dataset.left = "here") === "here"`)
	require.Contains(t, p.text(), "Waiting for a person")

	p.click(`[data-action="approve"]`)
	p.until(`document.querySelector("dialog .shown").innerText.includes("A lighthouse keeper finds")`)
	p.do(chromedp.SendKeys(chromedp.CSS(`#decision-note`), "More of Tomas, please."))
	p.click(`dialog button.main`)
	p.until(`document.querySelector(".toast") && !document.querySelector("dialog")`)
	p.until(`document.querySelector('#step-outline_review .why, #gate .actions')`)
	p.until(`document.querySelector('#head[data-status="running"]')`) // it was resumed as well
	g.allow(5)
	p.until(`document.querySelector("#step-prose_writing .items").innerText.includes("5 of 12")`)
	p.until(`/^[1-9][0-9.]* % · book$/.test(document.title)`)
	p.until(`document.querySelector("#tail .type") && document.querySelector("#tail").innerText.includes("item.completed")`)
	require.Equal(t, "5", js[string](p, `[...document.querySelectorAll("#cells .tabs button")].find((b) => b.innerText.startsWith("Completed")).querySelector("span").innerText`))

	p.click(`[data-action="pause"]`)
	p.click(`dialog button.main`)
	p.until(`document.querySelector("#head").innerText.includes("pausing")`)
	g.allow(4) // the calls in flight finish
	p.until(`document.querySelector('#head[data-status="paused"]')`)
	p.until(`document.querySelector("link[rel=icon]").href.endsWith("icon-paused.svg")`)

	p.click(`[data-action="resume"]`)
	p.click(`dialog button.main`)
	g.allow(100)
	p.until(`document.querySelector('#head[data-status="completed"]') && document.title === "Completed · book"`)
	require.Equal(t, "here", js[string](p, `document.body.dataset.left`))
	require.Equal(t, 1, p.loaded())

	st, err := state.Load(t.Context(), b.cfg.Store, "book")
	require.NoError(t, err)
	require.Equal(t, "More of Tomas, please.", st.Step("outline_review").Gate.Decided.Note)
}

// testRetry sees what failed, with its error, and tries it again; first one item, then the rest.
func testRetry(t *testing.T, browser context.Context) {
	g := newGauge(1000)
	g.fail = func(prompt string) error {
		if strings.Contains(prompt, "Write scene ch02") {
			return &resilience.Error{Class: resilience.ContentPolicy, Status: 400, Err: errRefused}
		}
		return nil
	}
	g.breaks(true)
	b, pipeline := novel(t, "book", sample.Params{Chapters: 2, Scenes: 2}, g)
	s := &stage{store: b.cfg.Store, novel: pipeline}
	require.NoError(t, s.start(t.Context(), "book", sample.Params{Chapters: 2, Scenes: 2}, g.before, true))
	p := open(t, browser, b.url("runs/book"))
	p.until(`document.querySelector('[data-state="live"]')`)
	require.Contains(t, js[string](p, `document.querySelector("#errors").innerText`), "content_policy")
	require.Contains(t, js[string](p, `document.querySelector("#errors").innerText`), errRefused.Error())

	p.do(chromedp.Focus(chromedp.CSS(`.window`)), chromedp.KeyEvent("n"))
	p.until(`document.querySelector(".item-card").innerText.includes("ch02/sc01") && document.querySelector(".item-card").innerText.includes("content_policy")`)
	g.breaks(false)
	p.click(`.item-card [data-action="retry"]`)
	p.until(`document.querySelector("dialog").innerText.includes("ch02/sc01")`)
	p.click(`dialog button.main`)
	p.until(`document.querySelector('#head[data-status="completed"]')`)
	require.Equal(t, 1, p.loaded())
}

// testEdit changes a text and a structure, sees what the server refuses in words, and loses nothing that was typed.
func testEdit(t *testing.T, browser context.Context) {
	b, _ := novel(t, "book", sample.Params{Chapters: 1, Scenes: 1}, newGauge(1000))
	p := open(t, browser, b.url("runs/book/steps/story_planning"))
	p.click(`article .actions a.button`)
	p.until(`document.querySelector("#edit button.main:not([disabled])")`)
	themes := `[...document.querySelectorAll("#edit textarea")].find((f) => f.dataset.name === "themes")`
	title := `document.querySelector("#edit textarea")`
	typed := func(field, text string) {
		js[bool](p, `(() => { const f = `+field+`; f.value = `+quote(text)+`; f.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
	}
	typed(title, "Low Water \"Keeper\" <b>")
	typed(themes, `["one",`)
	p.click(`#edit button.main`)
	p.until(`document.querySelector("#edit .problem:not([hidden])").innerText.includes("no valid JSON")`)

	p.do(chromedp.Reload()) // what was typed is still there
	p.until(themes + `.value === '["one",'`)
	require.Equal(t, `Low Water "Keeper" <b>`, js[string](p, title+`.value`))

	p.expects("422")
	p.expects("400")
	typed(themes, `{"not": "a list"}`)
	p.click(`#edit button.main`)
	p.until(`document.querySelector("#edit-problem:not([hidden])")`)
	require.Contains(t, js[string](p, `document.querySelector("#edit-problem").innerText`), "Your text is still here")
	require.Contains(t, js[string](p, themes+`.value`), "not")

	typed(themes, `["one", "two"]`)
	p.click(`#edit button.main`)
	p.until(`!document.querySelector("#edit") && document.querySelector("article")?.innerText.includes("edited by a person")`)
	require.Contains(t, p.text(), `Low Water "Keeper" <b>`)
	st, err := state.Load(t.Context(), b.cfg.Store, "book")
	require.NoError(t, err)
	e, err := state.ReadEvent(t.Context(), b.cfg.Store, "book", st.ResultSeq(state.Scope{Step: "story_planning"}))
	require.NoError(t, err)
	raw, _ := e.Result()
	require.Contains(t, string(raw), `"themes":["one","two"]`)
	require.Contains(t, string(raw), `"setting":"An island of forty houses`)
}
