package killtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// starved is how long the threads of a process have waited for a processor until now, in sum. On a machine that is not
// overloaded it is some milliseconds. Where the system does not tell (elsewhere than on Linux), it is zero.
func starved(pid int) time.Duration {
	files, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "schedstat"))
	if err != nil {
		return 0
	}
	var sum time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		var ran, waited int64 // nanoseconds
		if _, err := fmt.Sscan(string(data), &ran, &waited); err == nil {
			sum += time.Duration(waited)
		}
	}
	return sum
}

// starvation is how long the process, and this one while it served it, have waited for a processor.
func (c *Child) starvation() time.Duration {
	return starved(c.Process.Pid) + starved(os.Getpid()) - c.before
}
