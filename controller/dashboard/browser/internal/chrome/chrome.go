// Package chrome starts a Chromium of its own, for tests and pictures of the pages.
package chrome

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// ErrNone says that no Chromium was found on this machine.
var ErrNone = errors.New("no chromium or google-chrome in the PATH")

// Find looks for a Chromium.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// Start starts a browser with an empty profile in dir. It ends with ctx, or when stop is called, which waits for it. The
// context that it returns is for chromedp.NewContext, which opens tabs.
func Start(ctx context.Context, dir string) (browser context.Context, stop func(), err error) {
	path, err := Find()
	if err != nil {
		return nil, nil, err
	}
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	opts = append(opts,
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("force-color-profile", "srgb"),
	)
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	alloc, endAlloc := chromedp.NewExecAllocator(ctx, opts...)
	browser, endBrowser := chromedp.NewContext(alloc)
	stop = func() {
		_ = chromedp.Cancel(browser) // waits for the process; that it is gone already is what is wanted
		endBrowser()
		endAlloc()
	}
	if err := chromedp.Do(browser); err != nil { // starts the process
		stop()
		return nil, nil, err
	}
	return browser, stop, nil
}
