package main

import (
	"fmt"
	"os"
	"strings"
)

// memory is the resident memory of this process now and at most, in KB, and the time that it computed, in 10 ms.
func memory() string {
	var now, most, user, system int64
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			_, _ = fmt.Sscanf(line, "VmRSS: %d", &now)
			_, _ = fmt.Sscanf(line, "VmHWM: %d", &most)
		}
	}
	if text, err := os.ReadFile("/proc/self/stat"); err == nil {
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); len(f) > 13 {
			_, _ = fmt.Sscan(f[11]+" "+f[12], &user, &system)
		}
	}
	return fmt.Sprint(now, most, user+system)
}
