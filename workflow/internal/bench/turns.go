package main

import (
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
	removeIt = state.RemoveOptions{}
)

func isLater(err error) bool { return errors.Is(err, workflow.ErrPartial) }

// prose is a text of n bytes as a model writes it: with quotes, line ends and a few letters that are not ASCII.
func prose(n int) string {
	const line = "“I never said that,” she told him, and put the café's only \"clean\" cup back on the shelf. He did not look up.\n"
	return strings.ToValidUTF8(strings.Repeat(line, n/len(line)+1)[:n], ".")
}

// instant is a model that answers at once.
type instant struct{}

func (m instant) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

func (instant) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: strings.Repeat("word ", 20), StopReason: "stop"}}}, nil
}

func nothing(context.Context) error { return nil }

// growth compares items of a large run with items of runs of 200, each taking its turn, so that each pair sees the same
// disk.
func (b *bench) growth() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	if err := b.fill("large", cfg, text, b.pairs+2); err != nil {
		return err
	}
	large, small := b.newStepper("large", 0, text, cfg, nothing), b.newStepper("small", 200, text, cfg, nothing)
	var many, few []time.Duration
	for range b.pairs {
		for _, side := range []struct {
			s  *stepper
			to *[]time.Duration
		}{{large, &many}, {small, &few}} {
			costs, err := side.s.step(1)
			if err != nil {
				return err
			}
			*side.to = append(*side.to, costs...)
		}
	}
	if err := errors.Join(large.close(), small.close()); err != nil {
		return err
	}
	row(fmt.Sprintf("a durable item in a run of %d | in runs of 200", b.items), many, few, "≤ 1.05x")
	return b.growthBytes(cfg)
}

func (b *bench) growthBytes(cfg workflow.Config) error {
	many, err := b.itemBytes(b.items, text, nothing, cfg)
	if err != nil {
		return err
	}
	few, err := b.itemBytes(200, text, nothing, cfg)
	if err != nil {
		return err
	}
	line("its bytes on disk, of all records", fmt.Sprintf("%d B", many), fmt.Sprintf("%d B", few), fmt.Sprintf("%.2fx", float64(many)/float64(few)), "≤ 1.05x")
	return nil
}
