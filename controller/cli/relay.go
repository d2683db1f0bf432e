package cli

import (
	"io"
	"sync"

	"github.com/dogear-go/dogear/controller/progress"
)

// relay is stderr. While a run is shown on it, whatever is printed goes through the display, so that nothing is drawn
// over.
type relay struct {
	w io.Writer

	mu      sync.Mutex        // guards display; not held while something is written
	display *progress.Display // nil: nothing is shown
}

// Write is safe for concurrent use where w is, and while a run is shown.
func (r *relay) Write(p []byte) (int, error) {
	r.mu.Lock()
	d := r.display
	r.mu.Unlock()
	if d != nil {
		return d.Writer().Write(p)
	}
	return r.w.Write(p)
}

// show begins to show a run.
func (r *relay) show(o progress.Options) *progress.Display {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.display = progress.New(r.w, o)
	return r.display
}

// hide ends that. It may be called again.
func (r *relay) hide() {
	r.mu.Lock()
	d := r.display
	r.mu.Unlock()
	if d == nil {
		return
	}
	_ = d.Close() // it is always nil
	r.mu.Lock()
	r.display = nil
	r.mu.Unlock()
}

// hide ends the showing of the run on stderr.
func (k *kit) hide() {
	if r, ok := k.stderr.(*relay); ok {
		r.hide()
	}
}
