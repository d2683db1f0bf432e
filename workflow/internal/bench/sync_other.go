//go:build !linux

package main

import (
	"os"
	"time"
)

func datasync(f *os.File) error { return f.Sync() }

func system(string) string { return "file system unknown" }

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
