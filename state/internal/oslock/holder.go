package oslock

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Who has just taken a lock needs a moment to write who he is; until then the file names the holder before him.
const (
	nameTries = 10
	namePoll  = 2 * time.Millisecond
)

// Holder tells who has a lock, by what probe says of it (see [Probe]) in the words of a [state.Holder]; nil: nobody. One that
// can't be known has no PID. It waits a moment for who has just taken it.
func Holder(probe func() (held bool, text []byte, err error)) (*state.Holder, error) {
	for tries := 1; ; tries++ {
		held, text, err := probe()
		if err != nil || !held {
			return nil, err
		}
		var h state.Holder
		if json.Unmarshal(text, &h) == nil && !dead(h) {
			return &h, nil
		}
		if tries == nameTries {
			return &state.Holder{}, nil
		}
		<-time.After(namePoll)
	}
}

// dead tells that a holder's process is known to be no more, so that another has the lock.
func dead(h state.Holder) bool {
	host, err := os.Hostname()
	if err != nil || host != h.Host || h.PID <= 0 || runtime.GOOS == "windows" {
		return false
	}
	p, err := os.FindProcess(h.PID)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }() // it was only looked at
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
