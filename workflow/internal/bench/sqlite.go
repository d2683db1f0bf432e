package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// sqlite asks the program that measures the SQLite store, since nothing that belongs to workflow links a database.
func (b *bench) sqlite() error {
	cmd := exec.CommandContext(context.Background(), "go", "run", "github.com/dogear-go/dogear/state/sqlitestore/internal/bench",
		"-dir", b.dir, "-pairs", strconv.Itoa(b.pairs))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("measuring the SQLite store: %w", err)
	}
	for row := range strings.Lines(string(out)) {
		what, figures, _ := strings.Cut(row, "   ")
		f := strings.Fields(figures)
		if len(f) < 4 {
			return fmt.Errorf("measuring the SQLite store: %q is no row", row)
		}
		line(what, f[0], f[1], f[2], "≤ "+f[len(f)-1])
	}
	return nil
}
