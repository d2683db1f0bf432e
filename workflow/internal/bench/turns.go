package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

var (
	errLater = workflow.Reject(errors.New("left for later"))
	listAll  = state.ListQuery{}
	removeIt = state.RemoveOptions{}
)

func isLater(err error) bool { return errors.Is(err, workflow.ErrPartial) }

func filler(n int) string { return string(bytes.Repeat([]byte("lorem "), n/6)) }

// instant is a model that answers at once.
type instant struct{}

func (m instant) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

func (instant) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: strings.Repeat("word ", 20), StopReason: "stop"}}}, nil
}

// turns lets the items of the large run and of small ones take turns, so that each pair sees the same disk.
func (b *bench) turns(cfg workflow.Config) (large, small []time.Duration, err error) {
	toLarge, toSmall := make(chan struct{}), make(chan struct{})
	done := make(chan error, 2)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	side := func(mine, other chan struct{}, costs *[]time.Duration) func(context.Context, int) (string, error) {
		var left time.Time
		return func(context.Context, int) (string, error) {
			if !left.IsZero() && len(*costs) < b.pairs {
				*costs = append(*costs, time.Since(left))
			}
			select {
			case other <- struct{}{}: // your turn
			case <-ctx.Done():
				return "", ctx.Err()
			}
			select {
			case <-mine:
			case <-ctx.Done():
				return "", ctx.Err()
			}
			left = time.Now()
			return text, nil
		}
	}
	go func() {
		p, err := each(b.items, side(toLarge, toSmall, &large))
		if err == nil {
			_, err = p.Run(ctx, "large", cfg)
		}
		done <- err
	}()
	go func() {
		<-toSmall // the large run is open
		for i := 0; ctx.Err() == nil; i++ {
			fn := side(toSmall, toLarge, &small)
			p, err := each(200, fn)
			if err == nil {
				_, err = p.Run(ctx, fmt.Sprintf("small-%d", i), cfg)
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	first := <-done // the large run ends first: the small ones go on as long as it does
	cancel()
	for _, err := range []error{first, <-done} {
		if err != nil && !errors.Is(err, context.Canceled) && !isLater(err) {
			return nil, nil, err
		}
	}
	return large, small, nil
}
