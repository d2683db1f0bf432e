package main

import (
	"os"
	"time"
)

// sizes are how large the tests of this package are: small enough for every run of the tests, or those of a soak
// (make soak, which sets DOGEAR_SOAK).
var sizes = struct {
	kills       int // SIGKILLs of a running novel
	crashEvery  int // events between two crashes of the sweep
	concurrent  int // novels at once in one process
	killTimeout time.Duration
}{kills: 40, crashEvery: 3, concurrent: 50, killTimeout: 5 * time.Minute}

func init() {
	if os.Getenv("DOGEAR_SOAK") != "" {
		sizes.kills, sizes.crashEvery, sizes.killTimeout = 500, 1, time.Hour
	}
}
