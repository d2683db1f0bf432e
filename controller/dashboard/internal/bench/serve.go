package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/state/filestore"
)

// serve is the dashboard. Each line of its input is answered with the memory that it takes and took at most, in KB, and the
// processor time that it took, in nanoseconds.
func serve(dir string) error {
	store, err := filestore.Open(dir)
	if err != nil {
		return err
	}
	d, err := dashboard.New(dashboard.Config{Store: store})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			now, most := memory()
			fmt.Println(now, most, computed().Nanoseconds())
		}
	}()
	return d.Serve(ctx, context.Background(), l)
}
