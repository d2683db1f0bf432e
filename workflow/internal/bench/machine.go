package main

import (
	"fmt"
	"runtime"
	"time"
)

// machine is what the figures were measured on.
func machine(dir string) string {
	return fmt.Sprintf("%d cores, %s/%s, %s, %s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, system(dir), runtime.Version(),
		time.Now().UTC().Format("2006-01-02"))
}
