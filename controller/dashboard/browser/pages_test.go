package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/sample"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestBrowser opens the pages in a Chromium. The tests come one after another: some measure time.
func TestBrowser(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, context.Context)
	}{
		{"a run from its gate to its end, live", testLive},
		{"what failed is tried again", testRetry},
		{"a result is edited", testEdit},
		{"texts of models are only text", testHostile},
		{"the grid of 100,000 items", testLarge},
		{"the connection is lost and found", testReconnect},
		{"only a keyboard", testKeyboard},
		{"without scripts", testNoScripts},
		{"every page is sound, light and dark, wide and narrow", testSound},
		{"logging in", testLogin},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, browser) })
	}
}

// testLarge measures, with bounds that only a page that does too much exceeds.
func testLarge(t *testing.T, browser context.Context) {
	const n = 100_000
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	each := workflow.NewEach("many", func(context.Context) ([]int, error) { return list, nil }, func(i int) string { return fmt.Sprintf("item-%06d", i) },
		func(_ context.Context, i int) (int, error) {
			if i%997 == 500 {
				return 0, fmt.Errorf("no luck with %d", i)
			}
			return i, nil
		}, workflow.Attempts(1))
	pipeline, err := workflow.New("large", each)
	require.NoError(t, err)
	store := memstore.New()
	_, err = pipeline.Run(t.Context(), "large", workflow.Config{Store: store, Concurrency: 8})
	require.ErrorIs(t, err, workflow.ErrPartial)
	b := newBoard(t, dashboard.Config{Store: store})

	p := open(t, browser, b.url("runs/large"))
	p.until(`document.querySelector("#cells .tabs")?.innerText.includes("100,000")`)
	took := js[float64](p, `performance.getEntriesByType("navigation")[0].domInteractive`)
	require.Less(t, took, 5000.0, "milliseconds until the page can be used")
	require.Less(t, js[int](p, `document.querySelectorAll("*").length`), 3000, "elements of the page")
	// Scroll through the whole grid, a window at a time, with a frame drawn for each.
	frames := js[[]float64](p, `(async () => {
		const box = document.querySelector(".cells .window");
		const took = [];
		for (let i = 1; i <= 60; i++) {
			const began = performance.now();
			box.scrollTop = box.scrollHeight * i / 60;
			await new Promise(requestAnimationFrame);
			await new Promise(requestAnimationFrame);
			took.push(performance.now() - began);
		}
		return took.sort((a, b) => a - b);
	})()`)
	require.Less(t, frames[30], 500.0, "milliseconds for two frames of scrolling, half of the time") // the rest tells how busy the machine is
	t.Logf("usable after %.0f ms; two frames of scrolling %.0f ms, %.0f at most", took, frames[30], frames[59])

	p.do(chromedp.Focus(chromedp.CSS(`.window`)), chromedp.KeyEvent(kb.End))
	p.until(`document.querySelector(".item-card").innerText.includes("item-099999")`)
	p.do(chromedp.KeyEvent("p"))
	p.until(`document.querySelector(".item-card").innerText.includes("item-099203")`)
	p.until(`document.querySelector('[role="option"]').innerText.includes("item-099203, Failed")`)
	js[bool](p, `([...document.querySelectorAll("#cells .tabs button")].find((b) => b.innerText.startsWith("Failed")).click(), true)`)
	p.until(`document.querySelector("#cells .tabs [aria-pressed=true]").innerText.startsWith("Failed")`)
	p.do(chromedp.Focus(chromedp.CSS(`.window`)), chromedp.KeyEvent(kb.Home))
	p.until(`document.querySelector(".item-card").innerText.includes("item-000500")`)
}

// testReconnect stops the server under an open page.
func testReconnect(t *testing.T, browser context.Context) {
	g := newGauge(2)
	b, _ := novel(t, "book", sample.Params{Chapters: 1, Scenes: 2}, g)
	p := open(t, browser, b.url("runs/book"))
	p.expects("net::ERR")
	p.expects("Failed to load resource")
	p.until(`document.querySelector('[data-state="live"]')`)
	b.stop()
	p.until(`document.querySelector("#link-state").innerText.includes("connection lost, retrying")`)

	// An action now says in words what went wrong.
	p.click(`[data-action="approve"]`)
	p.do(chromedp.SendKeys(chromedp.CSS(`#decision-note`), "kept"))
	p.click(`#decision-resume`) // not now
	p.click(`dialog button.main`)
	p.until(`document.querySelector("dialog .problem").innerText.includes("can't be reached")`)
	require.Equal(t, "kept", js[string](p, `document.querySelector("#decision-note").value`))

	b.start()
	p.until(`document.querySelector('[data-state="live"]')`)
	p.click(`dialog button.main`)
	p.until(`document.querySelector(".toast")`)
	g.allow(100)
	p.click(`[data-action="resume"]`)
	p.click(`dialog button.main`)
	p.until(`document.querySelector('#head[data-status="completed"]')`)
	require.Equal(t, 1, p.loaded())
}

// testKeyboard goes from the list to an output and pauses nothing by accident: a dialog is left with Escape.
func testKeyboard(t *testing.T, browser context.Context) {
	b, _ := novel(t, "book", sample.Params{Chapters: 1, Scenes: 1}, newGauge(100))
	p := open(t, browser, b.url(""))
	p.until(`document.querySelector('[data-state="live"]')`)
	p.tabTo(`document.activeElement.textContent === "book"`)
	visible := js[string](p, `getComputedStyle(document.activeElement).outlineStyle`)
	require.Equal(t, "solid", visible, "the focus must be seen")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector("#gate") && document.querySelector('[data-state="live"]')`)
	p.do(chromedp.KeyEvent(kb.Tab))
	require.Equal(t, "Skip to the content", js[string](p, `document.activeElement.textContent`))
	p.tabTo(`document.activeElement.dataset.action === "approve"`)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector("dialog[open]")`)
	p.do(chromedp.KeyEvent(kb.Escape))
	p.until(`!document.querySelector("dialog") && document.activeElement.dataset.action === "approve"`)
	p.tabTo(`document.activeElement.textContent.trim() === "story_planning"`)
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.querySelector("article")?.innerText.includes("The Keeper of Low Water")`)
}

// tabTo presses Tab until something has the focus.
func (p *tab) tabTo(expression string) {
	p.t.Helper()
	for range 60 {
		if js[bool](p, expression) {
			return
		}
		p.do(chromedp.KeyEvent(kb.Tab))
	}
	p.t.Fatalf("the keyboard never came to %s", expression)
}

// testNoScripts reads everything with scripts switched off.
func testNoScripts(t *testing.T, browser context.Context) {
	store := memstore.New()
	finished(t, store, "book", sample.Params{Genre: "saga", Chapters: 12, Scenes: 10}, failing)
	b := newBoard(t, dashboard.Config{Store: store})
	off := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
	p := open(t, browser, b.url("?status=partial&sort=name"), off)
	require.Contains(t, p.text(), "book")
	p.click(`.runs a`)
	p.until(`document.querySelector("h1").innerText === "book"`)
	text := p.text()
	for _, want := range []string{"Partial", "story_planning", "content_policy", "ch01/sc01 The tide table", "Buttons need scripts", "groq"} {
		require.Contains(t, text, want)
	}
	require.False(t, js[bool](p, `[...document.querySelectorAll(".live-only")].some((e) => e.offsetParent)`), "what needs scripts must not be shown")
	p.click(`[data-plain] a[rel="next"]`)
	p.until(`document.querySelector("[data-plain] table").innerText.includes("ch11/sc01")`)
	p.click(`[data-plain] tbody a`)
	p.until(`document.querySelector("article .prose p")`)
}

// testLogin meets the login, with a wrong token and the right one.
func testLogin(t *testing.T, browser context.Context) {
	const token = "a long token for the test"
	store := memstore.New()
	finished(t, store, "book", sample.Params{Chapters: 1, Scenes: 1}, nil)
	b := newBoard(t, dashboard.Config{Store: store, Token: token})
	p := open(t, browser, b.url("runs/book"))
	p.expects("401")
	p.until(`document.querySelector("#token")`)
	p.do(chromedp.SendKeys(chromedp.CSS(`#token`), "wrong"+kb.Enter))
	p.until(`document.querySelector(".problem")?.innerText.includes("token")`)
	p.do(chromedp.SendKeys(chromedp.CSS(`#token`), token+kb.Enter))
	p.until(`document.querySelector("h1").innerText === "book" && document.querySelector('[data-state="live"]')`)
}
