//go:build unix

package progress

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// prepare makes a terminal ready to be drawn on; false: it can't be.
func prepare(*os.File) bool { return true }

// resumed listens for the process being put to work again after it was stopped (Ctrl+Z, fg): then a shell has printed.
type resumed struct {
	signals chan os.Signal
	done    sync.WaitGroup
}

func (r *resumed) listen(fn func()) {
	r.signals = make(chan os.Signal, 1)
	signal.Notify(r.signals, syscall.SIGCONT)
	r.done.Go(func() {
		for range r.signals {
			fn()
		}
	})
}

func (r *resumed) unlisten() {
	if r.signals == nil {
		return
	}
	signal.Stop(r.signals)
	close(r.signals)
	r.done.Wait()
}
