package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/dogear-go/dogear/controller/dashboard/browser/internal/chrome"
)

// shot is one picture.
type shot struct {
	name   string
	url    string
	width  int64
	height int64 // zero: the whole page
	dark   bool
	ready  string // there when the page can be taken
	do     []step
}

const wide, narrow = 1280, 360

func shots(url, empty, locked string) []shot {
	live := url + "runs/Ten_Chapter_Novel"
	focus := []step{
		chromedp.Focus(chromedp.CSS(`.window`)), chromedp.WaitVisible(chromedp.CSS(`.item-card .prose`)),
		chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0)`),
	}
	const ready = `[data-state="live"]`
	const measured = `[data-known]` // an item has been done since the page was opened
	return []shot{
		{name: "runs-light", url: url, width: wide, height: 620, ready: ready},
		{name: "runs-dark", url: url, width: wide, height: 620, dark: true, ready: ready},
		{name: "runs-narrow", url: url, width: narrow, height: 780, ready: ready},
		{name: "run-light", url: live, width: wide, ready: measured, do: focus},
		{name: "run-dark", url: live, width: wide, ready: measured, dark: true, do: focus},
		{name: "run-narrow", url: live, width: narrow, ready: measured},
		{name: "run-partial", url: url + "runs/Nine_Winters", width: wide, height: 1000, ready: ready},
		{name: "gate-light", url: url + "runs/Harbour_Lights", width: wide, height: 860, ready: ready},
		{name: "gate-decide-dark", url: url + "runs/Harbour_Lights", width: wide, height: 860, dark: true, ready: ready,
			do: []step{chromedp.Click(chromedp.CSS(`[data-action="approve"]`)), chromedp.WaitVisible(chromedp.CSS(`dialog textarea`))}},
		{name: "outputs-light", url: url + "runs/Salt_and_Slate/steps/prose_writing", width: wide, height: 1000, ready: `article .prose`},
		{name: "outputs-dark-narrow", url: url + "runs/Salt_and_Slate/steps/story_planning", width: narrow, height: 780, dark: true, ready: `article dl`},
		{name: "edit-light", url: url + "runs/Nine_Winters/steps/prose_writing?item=ch01%2Fsc01+The+tide+table&edit=1", width: wide, height: 860, ready: `#edit`},
		{name: "login-light", url: locked, width: 900, height: 520, ready: `#token`},
		{name: "empty-light", url: empty, width: 1100, height: 620, ready: `.teach`},
		{name: "not-found-dark", url: url + "runs/nosuch", width: 900, height: 420, dark: true, ready: `#problem`},
	}
}

// takeAll opens each page in a tab of its own.
func takeAll(ctx context.Context, dir string, list []shot, save func(string, []byte) error, only string) error {
	browser, stop, err := chrome.Start(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range list {
		if !strings.Contains(s.name, only) {
			continue
		}
		png, err := take(browser, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := save(s.name, png); err != nil {
			return err
		}
	}
	return nil
}

func take(browser context.Context, s shot) (png []byte, err error) {
	tab, closeTab := chromedp.NewContext(browser)
	defer closeTab()
	tab, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	high := s.height
	if high == 0 {
		high = 900
	}
	actions := []step{viewport(s, high), media(scheme), chromedp.Navigate(s.url), chromedp.WaitReady(chromedp.CSS(s.ready))}
	actions = append(actions, s.do...)
	actions = append(actions, drawn)
	if err := chromedp.Do(tab, actions...); err != nil {
		return nil, err
	}
	if s.height == 0 {
		whole, err := chromedp.Run(tab, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
		if err == nil {
			err = chromedp.Do(tab, viewport(s, whole), drawn)
		}
		if err != nil {
			return nil, err
		}
	}
	return chromedp.Run(tab, chromedp.CaptureScreenshot())
}

// step is one thing to do in a tab.
type step = chromedp.Action[chromedp.Void]

// drawn waits for two frames: what scripts have drawn is on the page then.
func drawn(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
	_, err = chromedp.Evaluate[bool](`new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`, chromedp.EvalAwaitPromise)(ctx, t)
	return v, err
}

func viewport(s shot, high int64) step {
	if s.width < 600 {
		return chromedp.EmulateViewport(s.width, high, chromedp.EmulateMobile)
	}
	return chromedp.EmulateViewport(s.width, high)
}

func media(scheme string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
