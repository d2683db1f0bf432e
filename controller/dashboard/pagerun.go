package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/dogear-go/dogear/state"
)

// How much a page shows at once.
const (
	pageItems  = 100
	pageEvents = 60
	pageErrors = 20
)

// runBody is what the page of a run is made of.
type runBody struct {
	RunView
	Self     string // the page, relative to itself
	API      string // the run in the API
	Here     string // URL of the run's page, relative to the first page
	Now      time.Time
	Part     bool // asked for by the page's script: what it keeps itself is left out
	LeftText string
	Facts    runFacts
	Axis     axis
	Tabs     []itemTab // the steps that have items
	Items    itemPage
	Events   []EventView // newest first
	Older    string      // link to the events before; empty: there are none
	Newer    string
	Series   CostSeries
	Plots    []plot
	Question *StepView // the gate that waits for a person
	Others   int       // errors that are not shown
	ParamSet []pair
	Settings []pair
}

// pair is a name and a value, as text.
type pair struct{ Name, Value string }

// itemTab leads to the items of a step.
type itemTab struct {
	StepView
	Href   string
	Chosen bool
}

// itemPage is one page of items.
type itemPage struct {
	Step    string
	Tab     *StepView
	Filters []itemFilter
	List    ItemList
	Prev    string
	Next    string
	Outputs string // link to the step's outputs
}

// itemFilter chooses items by status.
type itemFilter struct {
	Status state.Status // empty: all
	Text   string
	Count  int
	Href   string
	Chosen bool
}

func (d *Dashboard) runPage(ctx context.Context, r *http.Request) (pageData, error) {
	run, v := r.PathValue("run"), r.URL.Query()
	view, err := d.runView(ctx, run)
	if err != nil {
		return pageData{}, err
	}
	root := rootOf(r)
	b := runBody{
		RunView: view, Now: time.Now(), Part: v.Get("live") != "", Self: "./" + url.PathEscape(run),
		API: root + "api/runs/" + url.PathEscape(run), Here: root + "runs/" + url.PathEscape(run),
	}
	b.Facts, b.LeftText, b.Axis = factsOf(view, b.Now), leftText(view), axisOf(view, b.Now)
	b.Question = questionOf(view)
	b.ParamSet, b.Settings = pairsOf(view.Params), settingPairs(view.Settings)
	if len(b.Errors) > pageErrors {
		b.RunView.Errors = b.Errors[:pageErrors]
	}
	b.Others = max(0, view.ErrorSum-len(b.Errors))
	if err := d.fillItems(ctx, &b, root, v); err != nil {
		return pageData{}, err
	}
	if b.Series, err = d.costSeries(ctx, run); err != nil {
		return pageData{}, err
	}
	b.Plots = plotsOf(b.Series)
	if err := d.fillEvents(ctx, &b, v); err != nil {
		return pageData{}, err
	}
	return pageData{
		Kind: "run", Title: titleOf(view), Root: root, Icon: string(view.Status), Live: root + "events?" + url.Values{"run": {run}}.Encode(),
		Trail: []crumb{{"Runs", root}, {run, ""}}, Body: b,
	}, nil
}

// titleOf is what a tab shows of a run: how far it is, and which one it is.
func titleOf(v RunView) string {
	switch v.Status {
	case state.StatusCompleted:
		return "Completed · " + v.Run
	case state.StatusRunning:
		return percent(v.Progress) + " · " + v.Run
	}
	return statusWord(v.Status) + ", " + percent(v.Progress) + " · " + v.Run
}

// questionOf is the first open gate that nobody has decided about, else the first whose answer waits to be taken in.
func questionOf(v RunView) (question *StepView) {
	for i := range v.Steps {
		g := v.Steps[i].Gate
		switch {
		case g == nil || g.Decision != "":
		case g.Asked == "":
			return &v.Steps[i]
		case question == nil:
			question = &v.Steps[i]
		}
	}
	return question
}

// fillItems chooses a step, and adds its items as a list. Without a choice it is the step that runs, else the last that
// has some.
func (d *Dashboard) fillItems(ctx context.Context, b *runBody, root string, v url.Values) error {
	chosen := chooseStep(b.Steps, v.Get("step"))
	for i, s := range b.Steps {
		if s.Kind == state.KindEach {
			b.Tabs = append(b.Tabs, itemTab{s, b.Self + "?" + url.Values{"step": {s.Name}}.Encode() + "#items", i == chosen})
		}
	}
	if chosen < 0 {
		return nil
	}
	s := &b.Steps[chosen]
	p := itemPage{Step: s.Name, Tab: s, Outputs: stepHref(root, b.Run, s.Name, "")}
	show := state.Status(v.Get("show"))
	p.Filters = filtersOf(*s, show, func(show state.Status) string {
		return b.Self + query(url.Values{"step": {s.Name}}, "show", string(show)) + "#items"
	})
	if b.Part || !s.Known {
		b.Items = p
		return nil
	}
	q := itemQuery{Step: s.Name, Limit: pageItems}
	var err error
	if q.From, err = number(v, "from", 1<<31-1); err != nil {
		return err
	}
	if show != "" {
		q.Status = []state.Status{show}
	}
	if p.List, err = d.itemList(ctx, b.Run, q); err != nil {
		return err
	}
	p.Prev, p.Next = pagesAround(b.Self, v, q.From, len(p.List.Items), p.List.Total, "#items")
	b.Items = p
	return nil
}

// pagesAround are links to the pages before and after one.
func pagesAround(self string, v url.Values, from, n, total int, anchor string) (prev, next string) {
	if from > 0 {
		prev = self + query(v, "from", strconv.Itoa(max(0, from-pageItems))) + anchor
	}
	if n > 0 && from+n < total {
		next = self + query(v, "from", strconv.Itoa(from+n)) + anchor
	}
	return prev, next
}

func chooseStep(steps []StepView, name string) int {
	best, rank := -1, -1
	for i, s := range steps {
		if s.Kind != state.KindEach {
			continue
		}
		if s.Name == name {
			return i
		}
		r := 0
		switch {
		case s.Status == state.StatusRunning:
			r = 3
		case s.Failed > 0:
			r = 2
		case s.Known:
			r = 1
		}
		if r > rank || r == rank && r == 1 {
			best, rank = i, r
		}
	}
	return best
}

func filtersOf(s StepView, show state.Status, href func(state.Status) string) []itemFilter {
	all := []itemFilter{
		{Status: "", Text: "All", Count: s.Total},
		{Status: state.StatusRunning, Text: "Running", Count: s.Running},
		{Status: state.StatusFailed, Text: "Failed", Count: s.Failed},
		{Status: state.StatusPending, Text: "Pending", Count: max(0, s.Total-s.Done-s.Failed-s.Running)},
		{Status: state.StatusCompleted, Text: "Completed", Count: s.Done},
	}
	for i := range all {
		all[i].Href, all[i].Chosen = href(all[i].Status), all[i].Status == show
	}
	return all
}

func (d *Dashboard) fillEvents(ctx context.Context, b *runBody, v url.Values) error {
	if b.Part {
		return nil
	}
	q, err := parseEventQuery(v)
	if err != nil {
		return err
	}
	q.Limit, q.After = pageEvents, 0
	list, err := d.eventList(ctx, b.Run, q)
	if err != nil {
		return err
	}
	b.Events = list.Events
	slices.Reverse(b.Events)
	if n := len(b.Events); n > 0 && b.Events[n-1].Seq > 1 {
		b.Older = b.Self + query(v, "before", strconv.FormatUint(b.Events[n-1].Seq, 10)) + "#events"
	}
	if q.Before > 0 {
		b.Newer = b.Self + query(v, "before", "") + "#events"
	}
	return nil
}

// pairsOf writes the members of an object as text, in recorded order.
func pairsOf(raw json.RawMessage) []pair {
	tree := parseNode(raw, 2000)
	var list []pair
	for _, f := range tree.Fields {
		text := f.Value.Text
		if f.Value.Kind != nodeText && f.Value.Kind != nodeValue {
			text = compact(f.Raw)
		}
		list = append(list, pair{f.Name, text})
	}
	if list == nil && len(raw) > 0 && string(raw) != "null" && string(raw) != "{}" {
		list = append(list, pair{"value", compact(raw)})
	}
	return list
}

func settingPairs(m map[string]string) []pair {
	var list []pair
	for name, value := range m {
		list = append(list, pair{name, value})
	}
	slices.SortFunc(list, func(a, b pair) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

// Can says that an action is possible now.
func (b runBody) Can(a string) bool { return slices.Contains(b.Actions, Action(a)) }

// Rests says that nothing but going on is left to do.
func (b runBody) Rests() bool { return b.Question == nil || b.Question.Gate.Asked != "" }

// Output is the link to the outputs of a step.
func (b runBody) Output(step, item string) string {
	return stepHref("./../", b.Run, step, item)
}
