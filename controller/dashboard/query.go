package dashboard

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dogear-go/dogear/state"
)

// How much one answer holds at most.
const (
	maxListPage  = 200
	maxItemPage  = 1000
	maxEventPage = 500
	defaultPage  = 100
)

// listQuery selects and orders runs.
type listQuery struct {
	Status []state.Status // as a reader sees it; empty: any
	Text   string         // that the name contains, in any case
	Sort   string         // one of sortings; empty: the first
	After  string         // RunList.Next of the page before
	Limit  int            // zero: 100; at most 200
}

// sortings are the orders of a list: by what, with a hyphen downwards.
var sortings = []string{"-updated", "updated", "name", "-name", "status", "-status", "progress", "-progress", "cost", "-cost"}

// The statuses that a run, as a reader sees it, and an item can have.
var (
	runStatuses = []state.Status{state.StatusRunning, state.StatusInterrupted, state.StatusPaused, state.StatusWaiting,
		state.StatusPartial, state.StatusFailed, state.StatusCompleted}
	itemStatuses = []state.Status{state.StatusPending, state.StatusRunning, state.StatusCompleted, state.StatusFailed}
)

// itemQuery selects items of an Each.
type itemQuery struct {
	Step   string
	From   int // position in the filtered list, from 0
	Limit  int // zero: 100; at most 1,000
	Status []state.Status
}

// eventQuery selects events: the Limit that follow After, or else the last Limit that come before Before.
type eventQuery struct {
	After  uint64
	Before uint64 // zero: the end
	Limit  int    // zero: 100; at most 500
}

func parseListQuery(v url.Values) (listQuery, error) {
	q := listQuery{Text: v.Get("q"), Sort: v.Get("sort"), After: v.Get("after")}
	if q.Sort != "" && !slices.Contains(sortings, q.Sort) {
		return q, badRequest("sort must be one of %s", strings.Join(sortings, ", "))
	}
	var err error
	if q.Status, err = statuses(v["status"], runStatuses); err != nil {
		return q, err
	}
	q.Limit, err = number(v, "limit", maxListPage)
	return q, err
}

func parseItemQuery(v url.Values) (itemQuery, error) {
	q := itemQuery{Step: v.Get("step")}
	var err error
	if q.Status, err = statuses(v["status"], itemStatuses); err != nil {
		return q, err
	}
	if q.From, err = number(v, "from", 1<<31-1); err != nil {
		return q, err
	}
	q.Limit, err = number(v, "limit", maxItemPage)
	return q, err
}

func parseEventQuery(v url.Values) (q eventQuery, err error) {
	if v.Get("after") != "" && v.Get("before") != "" {
		return q, badRequest("after and before exclude each other")
	}
	for name, to := range map[string]*uint64{"after": &q.After, "before": &q.Before} {
		text := v.Get(name)
		if text == "" {
			continue
		}
		if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
			return q, badRequest("%s must be the number of an event", name)
		}
	}
	q.Limit, err = number(v, "limit", maxEventPage)
	return q, err
}

// statuses reads a parameter that may be given several times, and hold several words with commas between them, each one of
// those known.
func statuses(values []string, known []state.Status) (list []state.Status, err error) {
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			status := state.Status(strings.TrimSpace(word))
			switch {
			case status == "" || slices.Contains(list, status):
			case slices.Contains(known, status):
				list = append(list, status)
			default:
				return nil, badRequest("status must be one of %s", joined(known))
			}
		}
	}
	return list, nil
}

func joined(list []state.Status) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// number reads a whole number from 0 to most; absent: 0.
func number(v url.Values, name string, most int) (int, error) {
	text := v.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, badRequest("%s must be a whole number from 0 to %d", name, most)
	}
	return n, nil
}

// page is how many entries a page has.
func page(limit, most int) int {
	if limit <= 0 {
		return defaultPage
	}
	return min(limit, most)
}

func badRequest(format string, args ...any) error {
	return &refusal{status: 400, text: fmt.Sprintf(format, args...)}
}
