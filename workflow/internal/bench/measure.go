package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tmc/langchaingo/llms"

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

const text = "A result of a hundred bytes or so, as a short classification or a score with its reason would have it."

// bare is the physical limit: an append and a sync of as many bytes.
type bare struct {
	file *os.File
	data []byte
}

func (b *bench) bare(bytes int64) (*bare, error) {
	file, err := os.OpenFile(b.path("bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &bare{file, make([]byte, bytes)}, err
}

func (b *bare) append() (time.Duration, error) {
	start := time.Now()
	if _, err := b.file.Write(b.data); err != nil {
		return 0, err
	}
	err := datasync(b.file)
	return time.Since(start), err
}

// paired runs n items one after another. What lies between the end of one item's function and the beginning of the next
// one's is what Dogear adds to an item; inside the function, against is measured.
func (b *bench) paired(name string, n int, cfg workflow.Config, fn func(context.Context) error, against func() (time.Duration, error)) (ours, theirs []time.Duration, err error) {
	var left time.Time
	p, err := each(n, func(ctx context.Context, i int) (string, error) {
		var own time.Duration
		if !left.IsZero() {
			own = time.Since(left)
		}
		other, err := against()
		if err != nil {
			return "", err
		}
		if own > 0 {
			ours, theirs = append(ours, own), append(theirs, other)
		}
		left = time.Now()
		return text, fn(ctx)
	})
	if err != nil {
		return nil, nil, err
	}
	_, err = p.Run(context.Background(), name, cfg)
	return ours, theirs, err
}

func (b *bench) bytesPerItem(fn func(context.Context) error, cfg workflow.Config) (int64, error) {
	const n = 200
	none := func() (time.Duration, error) { return 1, nil }
	if _, _, err := b.paired(fmt.Sprintf("size-%d", time.Now().UnixNano()), n, cfg, fn, none); err != nil {
		return 0, err
	}
	var size int64
	for head, err := range cfg.Store.List(context.Background(), listAll) {
		if err != nil {
			return 0, err
		}
		size = head.Size
		if err := cfg.Store.Remove(context.Background(), head.Run, removeIt); err != nil {
			return 0, err
		}
	}
	return size / n, nil
}

func (b *bench) durableItem() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	nothing := func(context.Context) error { return nil }
	return b.against("a durable item | a bare append + fdatasync of the same bytes", "item", cfg, nothing, 1, "≤ 1.3x")
}

func (b *bench) itemWithCall() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	cfg.Model = instant{}
	model := workflow.Model("m")
	one := func(ctx context.Context) error {
		_, err := llms.GenerateFromSinglePrompt(ctx, model, "a prompt")
		return err
	}
	return b.against("an item with one model call | two bare appends + fdatasync", "call", cfg, one, 2, "as few as possible")
}

// against compares items with a number of bare appends that together write as many bytes.
func (b *bench) against(what, name string, cfg workflow.Config, fn func(context.Context) error, appends int, aim string) error {
	size, err := b.bytesPerItem(fn, cfg)
	if err != nil {
		return err
	}
	limit, err := b.bare(size / int64(appends))
	if err != nil {
		return err
	}
	defer func() { _ = limit.file.Close() }() // nobody reads it
	ours, theirs, err := b.paired(name, b.pairs+1, cfg, fn, func() (sum time.Duration, err error) {
		for range appends {
			d, err := limit.append()
			if err != nil {
				return 0, err
			}
			sum += d
		}
		return sum, nil
	})
	if err != nil {
		return err
	}
	row(fmt.Sprintf("%s (%d B)", what, size), median(ours), median(theirs), ratio(ours, theirs), aim)
	return nil
}

// groupCommit compares the throughput of 16 items at once with that of one, in alternating runs.
func (b *bench) groupCommit() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	const few, many = 100, 1600
	var one, sixteen []time.Duration
	for i := range max(b.pairs/few, 3) {
		d, err := b.timed(fmt.Sprintf("one-%d", i), few, 1, cfg)
		if err != nil {
			return err
		}
		one = append(one, d/few)
		if d, err = b.timed(fmt.Sprintf("sixteen-%d", i), many, 16, cfg); err != nil {
			return err
		}
		sixteen = append(sixteen, d/many)
	}
	row("16 durable items at once | one at a time (time an item)", median(sixteen), median(one), ratio(one, sixteen), "≥ 6x the throughput")
	return nil
}

func (b *bench) timed(name string, n, concurrency int, cfg workflow.Config) (time.Duration, error) {
	var first time.Time
	p, err := each(n, func(_ context.Context, i int) (string, error) {
		if i == 0 {
			first = time.Now()
		}
		return text, nil
	})
	if err != nil {
		return 0, err
	}
	cfg.Concurrency = concurrency
	_, err = p.Run(context.Background(), name, cfg)
	return time.Since(first), err
}

// growth compares items of a large run with items of runs of 200, each taking its turn.
func (b *bench) growth() error {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	if err := b.fill("large", cfg, text, b.pairs+2); err != nil {
		return err
	}
	large, small, err := b.turns(cfg)
	if err != nil {
		return err
	}
	row(fmt.Sprintf("a durable item in a run of %d | in runs of 200", b.items), median(large), median(small), ratio(large, small), "≤ 1.1x")
	return nil
}

// later is how many items are left for a resume to find.
const later = 10

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
