package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/controller"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

const (
	runName     = "Large"
	concurrency = 4
	// eventsPerItem are item.started, call.sent, call.answered and item.completed.
	eventsPerItem = 4
)

// paced is a model that answers at once, or when its turn has come.
type paced struct {
	turn  <-chan time.Time // nil: at once
	words string
}

func (m paced) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

func (m paced) GenerateContent(ctx context.Context, _ []llms.MessageContent, _ ...llms.CallOption) (*llms.ContentResponse, error) {
	if m.turn != nil {
		select {
		case <-m.turn:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: m.words, StopReason: "stop",
		GenerationInfo: map[string]any{"PromptTokens": 50, "CompletionTokens": 120}}}}, nil
}

// pipeline is one Each.
func pipeline(items int, only *atomic.Int64) (*workflow.Pipeline, error) {
	writer := workflow.Model("writer")
	each := workflow.NewEach("prose",
		func(context.Context) ([]int, error) {
			list := make([]int, items)
			for i := range list {
				list[i] = i
			}
			return list, nil
		},
		func(i int) string { return fmt.Sprintf("chapter %d/scene %d", i/20+1, i%20+1) },
		func(ctx context.Context, i int) (string, error) {
			if only.Add(-1) < 0 {
				return "", errEnough
			}
			return llms.GenerateFromSinglePrompt(ctx, writer, fmt.Sprint("scene ", i))
		})
	return workflow.New("bench", each)
}

var errEnough = &resilience.Error{Class: resilience.Auth, Err: errors.New("enough for now")}

// writer works on the run: "DIR ITEMS fill N" makes it, with N items done; "DIR ITEMS rate R" goes on with R events a
// second (0: as fast as it goes) until its input ends. Each line of the input is answered with the number of events so
// far, the time, and the processor time that it took, both in nanoseconds.
func writer(args []string) error {
	dir, mode := args[0], args[2]
	items, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	opts, only := filestore.Options{}, &atomic.Int64{}
	only.Store(int64(items))
	if mode == "fill" {
		opts.Sync = state.SyncNone
		only.Store(int64(n))
	}
	store, err := filestore.OpenWith(dir, opts)
	if err != nil {
		return err
	}
	p, err := pipeline(items, only)
	if err != nil {
		return err
	}
	var events atomic.Uint64
	ctl := controller.New()
	model := paced{words: strings.Repeat("word ", 20)}
	if mode == "rate" && n > 0 {
		ticker := time.NewTicker(time.Second * eventsPerItem / time.Duration(n))
		defer ticker.Stop()
		model.turn = ticker.C
	}
	cfg := workflow.Config{
		Store: store, Model: model, Concurrency: concurrency, Controller: ctl,
		Price:     func(string, string, state.Usage) (int64, bool) { return 170, true },
		Observers: []state.Observer{func(e state.Event) { events.Store(e.Seq) }},
	}
	if mode == "fill" {
		if _, err := p.Run(context.Background(), runName, cfg); err == nil {
			return errors.New("the run completed")
		}
		fmt.Println("filled")
		return nil
	}
	fmt.Println("ready")
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Println(events.Load(), time.Now().UnixNano(), computed().Nanoseconds())
		}
		ctl.Pause("the measurement is over")
	}()
	if _, err := p.Run(context.Background(), runName, cfg); !errors.Is(err, workflow.ErrPaused) {
		return fmt.Errorf("the run did not last: %w", err)
	}
	return nil
}
