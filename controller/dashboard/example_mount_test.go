package dashboard_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/dogear-go/dogear/controller/dashboard"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// A program with a server of its own mounts the dashboard below a path of it.
func Example_mount() {
	store := memstore.New()
	hello := workflow.NewTask("hello", func(context.Context) (string, error) { return "Hello", nil })
	greeting, err := workflow.New("greeting", hello)
	if err != nil {
		panic(err)
	}
	d, err := dashboard.New(dashboard.Config{
		Store: store,
		Open: func(ctx context.Context, _, run string) (*workflow.Run, error) {
			return greeting.Open(ctx, run, workflow.Config{Store: store})
		},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/dogear/", http.StripPrefix("/dogear", d))
	server := httptest.NewServer(mux)
	defer server.Close()
	defer d.Close(context.Background()) // before the server: it ends the event streams

	if _, err := greeting.Run(context.Background(), "Monday", workflow.Config{Store: store}); err != nil {
		panic(err)
	}
	resp, err := http.Get(server.URL + "/dogear/api/runs/Monday")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, resp.Header.Get("Content-Type"))
	// Output: 200 application/json; charset=utf-8
}
