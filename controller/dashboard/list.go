package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dogear-go/dogear/state"
)

// lister knows a summary of every run. Summaries are kept by run id and last event, so that a list reads only the runs
// that changed.
type lister struct {
	d     *Dashboard
	mu    sync.Mutex // guards sums
	sums  map[string]cachedSummary
	watch listWatch

	scanning chan struct{} // the place of who lists the store; guards last
	last     scanned
}

type cachedSummary struct {
	runID string
	seq   uint64
	held  bool
	sum   RunSummary
	took  time.Duration // to read the run
	at    time.Time     // when it was read
}

// runList is one page of the runs.
func (d *Dashboard) runList(ctx context.Context, q listQuery) (RunList, error) {
	if q.Sort == "" {
		q.Sort = sortings[0]
	}
	all, err := d.list.heads(ctx, q)
	if err != nil {
		return RunList{}, err
	}
	by := strings.TrimPrefix(q.Sort, "-")
	if by == "progress" || by == "cost" { // which only the whole state tells
		for i := range all {
			all[i] = d.list.complete(ctx, all[i])
		}
	}
	slices.SortFunc(all, order(by, strings.HasPrefix(q.Sort, "-")))
	from := pageStart(all, q.After)
	to := min(len(all), from+page(q.Limit, maxListPage))
	list := RunList{Runs: []RunSummary{}}
	for _, e := range all[from:to] {
		list.Runs = append(list.Runs, d.list.complete(ctx, e).sum)
	}
	if to < len(all) {
		list.Next = fmt.Sprintf("%d~%s", to, all[to-1].sum.Run)
	}
	return list, context.Cause(ctx)
}

// listed is a run of the list, with what its head tells; whole: with the rest as well.
type listed struct {
	sum   RunSummary
	head  state.Head
	whole bool
	old   bool // the rest is of a moment ago
}

// heads lists the runs that the query wants.
func (l *lister) heads(ctx context.Context, q listQuery) (some []listed, err error) {
	all, err := l.scan(ctx)
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(q.Text)
	for _, e := range all {
		if !strings.Contains(strings.ToLower(e.sum.Run), text) {
			continue
		}
		if e.sum.Error == "" && len(q.Status) > 0 && !slices.Contains(q.Status, e.sum.Status) {
			continue
		}
		some = append(some, e)
	}
	return some, nil
}

// scanned is what the store had at one moment. It is not changed any more.
type scanned struct {
	all  []listed
	at   time.Time
	took time.Duration
}

// scan lists all runs, or gives what another request has just listed: for as long as half a poll, or twice as long as it
// takes.
func (l *lister) scan(ctx context.Context) ([]listed, error) {
	select {
	case l.scanning <- struct{}{}:
		defer func() { <-l.scanning }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if !l.last.at.IsZero() && time.Since(l.last.at) < max(l.d.cfg.Poll/2, 2*l.last.took) {
		return l.last.all, nil
	}
	began := time.Now()
	var all []listed
	for h, err := range l.d.cfg.Store.List(ctx, state.ListQuery{}) {
		if err != nil && h.Run == "" {
			return nil, err
		}
		e := listed{head: h, sum: RunSummary{Run: h.Run, Pipeline: h.Pipeline, Status: h.Status, Created: h.Created, Updated: h.Updated}}
		if err != nil {
			_, problem := statusOf(err)
			e.sum.Error, e.whole = problem.Error, true
		}
		all = append(all, e)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	l.last = scanned{all, time.Now(), time.Since(began)}
	return all, nil
}

// complete fills in what the run's state tells.
func (l *lister) complete(ctx context.Context, e listed) listed {
	if e.whole {
		return e
	}
	e.whole = true
	sum, fresh, err := l.summary(ctx, e.head)
	e.old = !fresh
	if err != nil {
		_, problem := statusOf(err)
		e.sum.Error = problem.Error
		return e
	}
	e.sum = sum
	return e
}

// patience is how many times longer a summary is used than it took to make, while the run grows.
const patience = 20

// summary is the summary of a run as its head is, or a little older while a large run grows.
func (l *lister) summary(ctx context.Context, head state.Head) (sum RunSummary, fresh bool, err error) {
	l.mu.Lock()
	c, ok := l.sums[head.Run]
	l.mu.Unlock()
	held := head.Holder != nil
	same := ok && c.runID == head.RunID && c.held == held
	if same && (c.seq == head.Last || time.Since(c.at) < patience*c.took) {
		sum := c.sum
		sum.Status, sum.Updated = head.Status, head.Updated
		return sum, c.seq == head.Last, nil
	}
	if sum, fresh, ok := l.followed(head); ok {
		return sum, fresh, nil
	}
	began := time.Now()
	st, err := state.Load(ctx, l.d.cfg.Store, head.Run)
	if err != nil {
		return RunSummary{}, true, err
	}
	c = cachedSummary{runID: st.RunID, seq: st.Seq, held: held, sum: summaryOf(st, head), took: time.Since(began), at: time.Now()}
	l.mu.Lock()
	l.sums[head.Run] = c
	l.mu.Unlock()
	return c.sum, true, nil
}

func (l *lister) forget(run string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sums, run)
}

// followed is the summary of a run that somebody looks at: its state is in memory.
func (l *lister) followed(head state.Head) (sum RunSummary, fresh, ok bool) {
	l.d.runs.mu.Lock()
	f := l.d.runs.all[head.Run]
	l.d.runs.mu.Unlock()
	if f == nil {
		return sum, false, false
	}
	err := f.read(func(st *state.WorkflowState, known state.Head) error {
		if ok = st.RunID == head.RunID && (st.Seq >= head.Last || head.Holder != nil && known.Holder != nil); ok {
			sum, fresh = summaryOf(st, head), st.Seq >= head.Last
		}
		return nil
	})
	return sum, fresh, err == nil && ok
}

// order compares by a field, and by name where that is the same.
func order(by string, down bool) func(a, b listed) int {
	return func(a, b listed) int {
		c := 0
		switch by {
		case "updated":
			c = a.sum.Updated.Compare(b.sum.Updated)
		case "status":
			c = cmp.Compare(a.sum.Status, b.sum.Status)
		case "progress":
			c = cmp.Compare(a.sum.Progress, b.sum.Progress)
		case "cost":
			c = cmp.Compare(a.sum.Cost, b.sum.Cost)
		}
		if c == 0 {
			c = cmp.Compare(a.sum.Run, b.sum.Run)
			if by != "name" {
				return c
			}
		}
		if down {
			return -c
		}
		return c
	}
}

// pageStart is where the page begins that follows the one that ended with a run: behind it, or where it was when it is gone.
func pageStart(all []listed, after string) int {
	at, name, ok := strings.Cut(after, "~")
	if !ok {
		return 0
	}
	if i := slices.IndexFunc(all, func(e listed) bool { return e.sum.Run == name }); i >= 0 {
		return i + 1
	}
	n, err := strconv.Atoi(at)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, len(all))
}
