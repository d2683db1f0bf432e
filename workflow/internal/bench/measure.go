package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// each makes a pipeline of one Each with n items.
func each(n int, fn func(ctx context.Context, i int) (string, error)) (*workflow.Pipeline, error) {
	items := func(context.Context) ([]int, error) {
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		return list, nil
	}
	key := func(i int) string { return fmt.Sprintf("item-%06d", i) }
	return workflow.New("bench", workflow.NewEach("items", items, key, fn))
}

func (b *bench) config() (workflow.Config, error) {
	store, err := filestore.Open(b.dir)
	return workflow.Config{Store: store, Concurrency: 1}, err
}

// text is a short result.
const text = "A result of a hundred bytes or so, as a short classification or a score with its reason would have it."

// itemBytes is what one item of n adds to a journal: all its records, and its share of the list of items and of the rest.
func (b *bench) itemBytes(n int, result string, item func(context.Context) error, cfg workflow.Config) (int64, error) {
	ctx, run := context.Background(), fmt.Sprintf("size-%d", time.Now().UnixNano())
	p, err := each(n, func(ctx context.Context, _ int) (string, error) { return result, item(ctx) })
	if err != nil {
		return 0, err
	}
	cfg.Concurrency = 64
	if _, err := p.Run(ctx, run, cfg); err != nil {
		return 0, err
	}
	head, err := cfg.Store.Head(ctx, run)
	if err != nil {
		return 0, err
	}
	return head.Size / int64(n), cfg.Store.Remove(ctx, run, removeIt)
}

// resultSize is that of a page of prose: what most items of a pipeline that writes give.
const resultSize = 4 << 10

func (b *bench) durableItem() error {
	result := prose(resultSize)
	cfg, err := b.config()
	if err != nil {
		return err
	}
	size, err := b.itemBytes(1000, result, nothing, cfg)
	if err != nil {
		return err
	}
	if err := b.sequential("a durable item of 4 KB", "item", result, 1, nothing, "≤ 1.15x", "≤ 1.3x"); err != nil {
		return err
	}
	raw, err := state.Marshal(result)
	if err != nil {
		return err
	}
	recorded := int64(len(raw))
	line("its bytes on disk, of all records | its result", fmt.Sprintf("%d B", size), fmt.Sprintf("%d B", recorded),
		fmt.Sprintf("%+d B", size-recorded), "≤ +450 B")
	return b.sequential("a durable item of 100 bytes", "short", text, 1, nothing, "", "")
}

func (b *bench) itemWithCall() error {
	one := func(ctx context.Context) error {
		_, err := llms.GenerateFromSinglePrompt(ctx, workflow.Model("m"), "a prompt")
		return err
	}
	return b.sequential("an item with one model call", "call", text, 2, one, "as few as possible", "")
}

// sequential compares items with a number of bare writes and syncs that together write as many bytes.
func (b *bench) sequential(what, name, result string, writes int, item func(context.Context) error, aimAppend, aimOver string) error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	cfg.Model = instant{}
	size, err := b.itemBytes(1000, result, item, cfg)
	if err != nil {
		return err
	}
	appended, err := b.appending(size / int64(writes))
	if err != nil {
		return err
	}
	defer appended.close()
	over, err := b.overwriting(size / int64(writes))
	if err != nil {
		return err
	}
	defer over.close()
	steps := b.newStepper(name, b.pairs+2, result, cfg, item)
	var ours, appends, overs []time.Duration
	for range b.pairs {
		costs, err := steps.step(1)
		if err != nil {
			return err
		}
		ours = append(ours, costs...)
		for _, limit := range []struct {
			of *bare
			to *[]time.Duration
		}{{appended, &appends}, {over, &overs}} {
			d, err := limit.of.times(writes)
			if err != nil {
				return err
			}
			*limit.to = append(*limit.to, d*time.Duration(writes))
		}
	}
	if err := steps.close(); err != nil {
		return err
	}
	as := fmt.Sprintf("append + fdatasync of its %d bytes", size)
	if writes > 1 {
		as = fmt.Sprintf("%d appends + fdatasyncs, %d bytes in all", writes, size)
	}
	row(what+" | "+as, ours, appends, aimAppend)
	row("the same | overwrite + fdatasync", ours, overs, aimOver)
	return nil
}

// fill runs all but the last items of a large run.
func (b *bench) fill(name string, cfg workflow.Config, result string, left int) error {
	cfg.Concurrency, cfg.MaxSystemic = 64, 1<<30
	rest := b.items - left
	p, err := each(b.items, func(_ context.Context, i int) (string, error) {
		if i >= rest {
			return "", errLater
		}
		return result, nil
	})
	if err != nil {
		return err
	}
	if _, err = p.Run(context.Background(), name, cfg); err != nil && !isLater(err) {
		return err
	}
	return nil
}
