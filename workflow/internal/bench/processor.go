package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// processor measures what items cost without a disk. The store in memory keeps its own copy of each record, which counts.
func (b *bench) processor() error {
	for _, c := range []struct {
		what string
		size int
	}{{"a durable item of 4 KB, without a disk", resultSize}, {"a durable item of 100 bytes, without a disk", len(text)}} {
		result := prose(c.size)
		var before, after runtime.MemStats
		var begin, end time.Duration
		// The items before the first that counts have made whatever is made once.
		const warm = 100
		n := b.items + warm
		p, err := each(n, func(_ context.Context, i int) (string, error) {
			switch i {
			case warm:
				runtime.ReadMemStats(&before)
				begin = processorTime()
			case n - 1:
				end = processorTime()
				runtime.ReadMemStats(&after)
			}
			return result, nil
		})
		if err != nil {
			return err
		}
		if _, err := p.Run(context.Background(), "r", workflow.Config{Store: memstore.New(), Concurrency: 1}); err != nil {
			return err
		}
		count := uint64(b.items)
		line(c.what, show((end-begin)/time.Duration(b.items)), "", "", fmt.Sprintf("%d allocations, %d bytes",
			(after.Mallocs-before.Mallocs)/count, (after.TotalAlloc-before.TotalAlloc)/count))
	}
	return nil
}
