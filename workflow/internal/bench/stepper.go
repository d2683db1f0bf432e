package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dogear-go/dogear/workflow"
)

// stepper runs the items of a pipeline one after another, as many as it is asked for at a time, and tells what each
// cost: what lies between the end of one item's function and the beginning of the next one's.
type stepper struct {
	ask   chan int             // sent by whoever asks
	got   chan []time.Duration // sent when so many costs are there
	ended chan struct{}        // closed when no more comes
	err   error                // why; valid once ended is closed
	stop  context.CancelFunc
}

// newStepper runs n items a run in run after run; n zero: one run, of which some items are done already.
func (b *bench) newStepper(name string, n int, result string, cfg workflow.Config, item func(context.Context) error) *stepper {
	ctx, stop := context.WithCancel(context.Background())
	s := &stepper{ask: make(chan int), got: make(chan []time.Duration), ended: make(chan struct{}), stop: stop}
	go func() {
		defer close(s.ended)
		s.err = s.run(ctx, b, name, n, result, cfg, item)
	}()
	return s
}

func (s *stepper) run(ctx context.Context, b *bench, name string, n int, result string, cfg workflow.Config, item func(context.Context) error) error {
	left := 0 // costs that are still asked for
	var costs []time.Duration
	for i := 0; ; i++ {
		var begin time.Time
		count, run := n, fmt.Sprintf("%s-%d", name, i)
		if n == 0 {
			count, run = b.items, name
		}
		p, err := each(count, func(ctx context.Context, _ int) (string, error) {
			if !begin.IsZero() {
				costs, left = append(costs, time.Since(begin)), left-1
			}
			if left <= 0 && !begin.IsZero() {
				if err := s.hand(ctx, costs); err != nil {
					return "", err
				}
				costs = nil
			}
			if left <= 0 {
				select {
				case left = <-s.ask:
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
			begin = time.Now()
			return result, item(ctx)
		})
		if err != nil {
			return err
		}
		if _, err := p.Run(ctx, run, cfg); err != nil || n == 0 {
			return err
		}
	}
}

func (s *stepper) hand(ctx context.Context, costs []time.Duration) error {
	select {
	case s.got <- costs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// step runs items and returns what each cost.
func (s *stepper) step(n int) ([]time.Duration, error) {
	select {
	case s.ask <- n:
	case <-s.ended:
		return nil, fmt.Errorf("no more items: %w", s.err)
	}
	select {
	case costs := <-s.got:
		return costs, nil
	case <-s.ended:
		return nil, fmt.Errorf("no more items: %w", s.err)
	}
}

func (s *stepper) close() error {
	s.stop()
	<-s.ended
	if errors.Is(s.err, context.Canceled) || isLater(s.err) {
		return nil
	}
	return s.err
}
