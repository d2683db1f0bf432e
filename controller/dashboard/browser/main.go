// Command browser makes the pictures of the dashboard: it runs samples, opens their pages in a Chromium, light and dark,
// wide and narrow, and writes PNG files.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	out := flag.String("o", "../pictures", "folder for the pictures")
	only := flag.String("only", "", "make only the pictures whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := makeAll(ctx, os.Stdout, *out, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
