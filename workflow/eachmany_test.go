package workflow_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/workflow"
)

// ran collects which items ran, in the order in which they began.
type ran struct {
	mu   sync.Mutex // guards keys
	keys []string
}

func (r *ran) add(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, key)
}

// take returns what ran since the last time.
func (r *ran) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := r.keys
	r.keys = nil
	return keys
}

// numbers are the keys of many items.
func numbers(n int) (keys []string) {
	for i := range n {
		keys = append(keys, strconv.Itoa(i))
	}
	return keys
}

// TestManyItemsInLanes: of many items, each session runs what is left and may run, each lane in order.
func TestManyItemsInLanes(t *testing.T) {
	t.Parallel()
	for lanes, concurrency := range map[int]int{0: 4, 1: 4, 7: 3, 64: 4, 200: 2} {
		const n = 200
		var got ran
		broken := func(int) bool { return true }
		laneOf := func(i int) int {
			if lanes == 0 {
				return i
			}
			return i * 31 % lanes
		}
		opts := []workflow.StepOption{workflow.Concurrency(concurrency)}
		if lanes > 0 {
			opts = append(opts, workflow.Lane(func(k string) string {
				i, _ := strconv.Atoi(k) // it is a number
				return fmt.Sprint("lane ", laneOf(i))
			}))
		}
		each := workflow.NewEach("e", func(context.Context) ([]string, error) { return numbers(n), nil }, key,
			func(_ context.Context, k string) (string, error) {
				got.add(k)
				if i, _ := strconv.Atoi(k); broken(i) { // it is a number
					return "", class(resilience.InvalidRequest)
				}
				return k, nil
			}, opts...)
		r := newRig(t, echo(t), each)

		done := map[int]bool{}
		session := func(bad func(int) bool, retry []string) {
			broken = bad
			if r.cfg.Retry = nil; retry != nil {
				r.cfg.Retry = map[string][]string{"e": retry}
			}
			failedBefore := func(i int) bool { it, _ := r.state().Item("e", strconv.Itoa(i)); return it.Status == "failed" }
			var before []bool
			for i := range n {
				before = append(before, retry != nil && failedBefore(i) && !slices.Contains(retry, strconv.Itoa(i)))
			}
			var should []string
			stopped := map[int]bool{}
			for i := range n {
				lane := laneOf(i)
				if before[i] {
					stopped[lane] = true
				}
				if done[i] || stopped[lane] {
					continue
				}
				should = append(should, strconv.Itoa(i))
				if bad(i) {
					stopped[lane] = true
				} else {
					done[i] = true
				}
			}
			if err := r.run(); len(done) == n {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, workflow.ErrPartial)
			}
			order := got.take()
			last := map[int]int{}
			for _, k := range order {
				i, err := strconv.Atoi(k)
				require.NoError(t, err)
				require.GreaterOrEqual(t, i, last[laneOf(i)], "lane %d of %d", laneOf(i), lanes)
				last[laneOf(i)] = i
			}
			slices.Sort(order)
			slices.Sort(should)
			require.Equal(t, should, order, "%d lanes", lanes)
		}
		session(func(i int) bool { return i%13 == 5 }, nil)
		session(func(i int) bool { return i%13 == 5 && i > 100 }, []string{"5", "18", "122"})
		session(func(i int) bool { return i == 199 }, nil)
		session(func(int) bool { return false }, nil)
		session(func(int) bool { return true }, nil)
		require.Len(t, done, n)
		texts, err := each.Results(r.reader())
		require.NoError(t, err)
		require.Equal(t, numbers(n), texts)
	}
}

// TestManyLists: however a long list changes from one session to the next, exactly the items that are new, or whose value
// is, run, and the results are in the new order.
func TestManyLists(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var words []string
		var got ran
		r, each := listed(t, &words, echo(t), func(_ context.Context, w string) (string, error) {
			got.add(w)
			return w, nil
		}, workflow.Concurrency(3))
		values := map[string]string{} // key → the word that was done last
		for session := range 6 {
			next := 1000 * session
			list := slices.DeleteFunc(slices.Clone(words), func(string) bool { return rng.IntN(10) == 0 })
			for i := range list {
				if rng.IntN(20) == 0 {
					list[i] = fmt.Sprintf("%s:%d", strings.SplitN(list[i], ":", 2)[0], session)
				}
			}
			for range rng.IntN(120) {
				list = slices.Insert(list, rng.IntN(len(list)+1), fmt.Sprintf("k%d:0", next))
				next++
			}
			if session%2 == 1 {
				rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			}
			list = append(list, fmt.Sprintf("last%d:0", session)) // never the same as before
			words = list
			if session > 0 {
				r.relist(words...)
			}
			var should []string
			now := map[string]string{}
			for _, w := range words {
				k := strings.SplitN(w, ":", 2)[0]
				if values[k] != w {
					should = append(should, w)
				}
				now[k] = w
			}
			values = now
			require.NoError(t, r.run())
			ran := got.take()
			slices.Sort(ran)
			slices.Sort(should)
			require.Equal(t, should, ran, "seed %d, session %d", seed, session)
			texts, err := each.Results(r.reader())
			require.NoError(t, err)
			require.Equal(t, words, texts)
		}
	}
}

// TestListThatDiffers: with equal inputs a list must have the same keys; its values may change with the program.
func TestListThatDiffers(t *testing.T) {
	t.Parallel()
	same := []string{"a:1", "b:1", "c:1"}
	for what, c := range map[string]struct {
		list []string
		ran  []string
		err  error
	}{
		"the same":      {same, nil, nil},
		"shorter":       {same[:2], nil, workflow.ErrItemsUnstable},
		"longer":        {append(slices.Clone(same), "d:1"), nil, workflow.ErrItemsUnstable},
		"empty":         {nil, nil, workflow.ErrItemsUnstable},
		"another order": {[]string{"b:1", "a:1", "c:1"}, nil, workflow.ErrItemsUnstable},
		"first value":   {[]string{"a:2", "b:1", "c:1"}, []string{"a:2"}, nil},
		"middle value":  {[]string{"a:1", "b:2", "c:1"}, []string{"b:2"}, nil},
		"last value":    {[]string{"a:1", "b:1", "c:2"}, []string{"c:2"}, nil},
	} {
		list := same
		var got ran
		r := newRig(t, echo(t), workflow.NewEach("e", func(context.Context) ([]string, error) { return list, nil },
			func(w string) string { return strings.SplitN(w, ":", 2)[0] },
			func(_ context.Context, w string) (string, error) {
				got.add(w)
				return w, nil
			}, workflow.Concurrency(1)))
		require.NoError(t, r.run())
		require.Equal(t, same, got.take())
		list = c.list
		require.ErrorIs(t, r.run(), c.err, what)
		require.Equal(t, c.ran, got.take(), what)
	}
}
