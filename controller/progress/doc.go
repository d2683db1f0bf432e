// Package progress shows people how a run goes, while it goes.
//
// On a terminal a [Display] keeps a few live lines at the bottom: one for each step that runs, with a bar, what failed,
// tokens, cost and the time that is left, and below them the calls in flight, what waits, and the whole run. A step
// that ends becomes one line that scrolls away above them, as do failures and whatever is written to [Display.Writer].
// Anywhere else (a file, a pipe, TERM=dumb, CI) it prints one plain line for each event worth it.
//
//	d := progress.New(os.Stderr, progress.Options{})
//	defer d.Close()
//	cfg.Observers = append(cfg.Observers, d.Observe)
//	cfg.Logger = logTo(d.Writer())
//
// It never holds up a run: what it is told is noted and drawn later, at most ten times a second, by a goroutine of its
// own, which waits for a terminal that stands still. It neither hides the cursor nor changes the terminal's mode, so a
// process that is killed leaves both as they were.
package progress
