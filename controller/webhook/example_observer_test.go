package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/dogear-go/dogear/controller/webhook"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// A program that tells an address of its own how its run ended, and the receiver of it.
func Example() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var n webhook.Notification
		if verifier.Verify(body, r.Header) != nil || json.Unmarshal(body, &n) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Printf("%s: %s, %.0f %%\n", n.Type, n.Data.Run, n.Data.Progress)
	}))
	defer receiver.Close()

	hook, err := webhook.New(webhook.Config{URL: receiver.URL, Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	count := workflow.NewTask("count", func(context.Context) (int, error) { return 42, nil })
	pipeline, err := workflow.New("counting", count)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = pipeline.Run(context.Background(), "monday", workflow.Config{Store: memstore.New(), Observers: []state.Observer{hook.Observe}})
	fmt.Println("the run:", err)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println("the webhook:", hook.Close(ctx))
	// Unordered output:
	// the run: <nil>
	// run.completed: monday, 100 %
	// the webhook: <nil>
}

// Two channels are told of one run: a program and, as text, people.
func ExampleObserver() {
	post := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(len(body) > 0)
	}
	receiver := httptest.NewServer(http.HandlerFunc(post))
	defer receiver.Close()
	program, _ := webhook.New(webhook.Config{URL: receiver.URL})
	people, _ := webhook.New(webhook.Config{URL: receiver.URL, Format: webhook.Slack})

	observe := webhook.Observer(program, people) // for one run; in workflow.Config.Observers
	observe(state.Event{Seq: 1, Type: state.TypeRunCreated, Data: state.RunCreated{RunID: "r", Name: "monday", Pipeline: "counting"}})
	observe(state.Event{Seq: 2, Type: state.TypeRunStopped, Data: state.RunStopped{Status: state.StatusCompleted}})
	_ = program.Close(context.Background())
	_ = people.Close(context.Background())
	// Output:
	// true
	// true
}
