package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// How much of results a page shows.
const (
	pageOutputs = 10      // results on one page
	shortResult = 12_000  // characters of a result in a list
	wholeResult = 400_000 // characters of a result on a page of its own
)

// stepBody is what the page of a step's outputs is made of.
type stepBody struct {
	Run     RunView
	Step    StepView
	Item    string // only this one
	Self    string
	RunHref string
	API     string
	Outputs []output
	Filters []itemFilter
	List    ItemList
	Prev    string
	Next    string
	Edits   bool // editing is possible now
}

// output is a result to be read.
type output struct {
	Item   string // empty: the step's own
	Status state.Status
	Index  int
	Result *ResultView // nil: there is none yet
	Tree   node
	Whole  bool
	Cost   int64
	Waste  int64
	Fault  *ErrorView // the last failure that is known
	Href   string
	Raw    string
	Edit   string
}

func (d *Dashboard) stepPage(ctx context.Context, r *http.Request) (pageData, error) {
	run, v := r.PathValue("run"), r.URL.Query()
	name, item := unsegment(r.PathValue("step")), v.Get("item")
	view, err := d.runView(ctx, run)
	if err != nil {
		return pageData{}, err
	}
	i := slices.IndexFunc(view.Steps, func(s StepView) bool { return s.Name == name })
	if i < 0 {
		return pageData{}, noStep(run, name)
	}
	root := rootOf(r)
	b := stepBody{
		Run: view, Step: view.Steps[i], Item: item, Self: "./" + segment(name), RunHref: root + "runs/" + url.PathEscape(run),
		API: root + "api/runs/" + url.PathEscape(run), Edits: slices.Contains(view.Actions, ActionEdit),
	}
	p := pageData{Kind: "step", Root: root, Icon: string(view.Status), Title: visible(name) + " · " + run,
		Trail: []crumb{{"Runs", root}, {run, b.RunHref}, {name, ""}}}
	if item != "" {
		p.Title = visible(item) + " · " + p.Title
		p.Trail = []crumb{{"Runs", root}, {run, b.RunHref}, {name, b.Self}, {item, ""}}
	}
	switch {
	case v.Get("raw") != "":
		res, err := d.result(ctx, run, name, item)
		p.Body = rawJSON(pretty(res.JSON) + "\n")
		return p, err
	case v.Get("edit") != "":
		return d.editPage(ctx, p, b)
	case b.Step.Kind == state.KindEach && item == "":
		err = d.fillOutputs(ctx, &b, v)
	default:
		var o output
		o, err = d.outputOf(ctx, &b, ItemView{Key: item, Status: b.Step.Status, Index: -1}, wholeResult)
		b.Outputs = []output{o}
	}
	p.Body = b
	return p, err
}

// fillOutputs adds a page of results of an Each.
func (d *Dashboard) fillOutputs(ctx context.Context, b *stepBody, v url.Values) error {
	show := state.Status(v.Get("show"))
	b.Filters = filtersOf(b.Step, show, func(show state.Status) string { return b.Self + query(nil, "show", string(show)) })
	q := itemQuery{Step: b.Step.Name, Limit: pageOutputs}
	if show != "" {
		q.Status = []state.Status{show}
	}
	var err error
	if q.From, err = number(v, "from", 1<<31-1); err != nil {
		return err
	}
	if b.List, err = d.itemList(ctx, b.Run.Run, q); err != nil {
		return err
	}
	for _, it := range b.List.Items {
		o, err := d.outputOf(ctx, b, it, shortResult)
		if err != nil {
			return err
		}
		b.Outputs = append(b.Outputs, o)
	}
	b.Prev, b.Next = outputPages(b, v, q.From)
	return nil
}

func outputPages(b *stepBody, v url.Values, from int) (prev, next string) {
	if from > 0 {
		prev = b.Self + query(v, "from", strconv.Itoa(max(0, from-pageOutputs)))
	}
	if n := from + len(b.List.Items); len(b.List.Items) > 0 && n < b.List.Total {
		next = b.Self + query(v, "from", strconv.Itoa(n))
	}
	return prev, next
}

// outputOf reads a result. That there is none yet is no error.
func (d *Dashboard) outputOf(ctx context.Context, b *stepBody, it ItemView, chars int) (output, error) {
	o := output{Item: it.Key, Status: it.Status, Index: it.Index, Cost: it.Cost, Waste: it.Waste, Href: stepHref("./../../../", b.Run.Run, b.Step.Name, it.Key)}
	o.Raw, o.Edit = withParam(o.Href, "raw"), withParam(o.Href, "edit")
	for i, e := range b.Run.Errors {
		if e.Step == b.Step.Name && e.Item == it.Key {
			o.Fault = &b.Run.Errors[i]
			break
		}
	}
	res, err := d.result(ctx, b.Run.Run, b.Step.Name, it.Key)
	switch {
	case errors.Is(err, workflow.ErrNoResult):
		if it.Key != "" && it.Index < 0 {
			o.Status = d.itemStatus(ctx, b, it.Key)
		}
		return o, nil
	case err != nil:
		return o, err
	}
	if it.Key != "" && it.Index < 0 {
		o.Status = state.StatusCompleted
	}
	o.Result, o.Tree = &res, parseNode(res.JSON, chars)
	o.Whole = o.Tree.Whole()
	return o, nil
}

// itemStatus is for an item without a result: failed when a failure is the last that is known of it.
func (d *Dashboard) itemStatus(_ context.Context, b *stepBody, key string) state.Status {
	for _, e := range b.Run.Errors {
		if e.Step == b.Step.Name && e.Item == key && e.Kind == "item" {
			return state.StatusFailed
		}
	}
	for _, c := range b.Run.Calls {
		if c.Step == b.Step.Name && c.Item == key {
			return state.StatusRunning
		}
	}
	return state.StatusPending
}

// editBody is what the page to edit a result is made of.
type editBody struct {
	stepBody
	Result ResultView
	Fields []editField
	Back   string
}

func (d *Dashboard) editPage(ctx context.Context, p pageData, b stepBody) (pageData, error) {
	res, err := d.result(ctx, b.Run.Run, b.Step.Name, b.Item)
	if err != nil {
		return p, err
	}
	e := editBody{stepBody: b, Result: res, Back: stepHref("./../../../", b.Run.Run, b.Step.Name, b.Item)}
	if e.Fields, err = editFields(res.JSON); err != nil {
		return p, badRequest("this result can't be edited here: %v", err)
	}
	p.Kind, p.Title, p.Body = "edit", "Edit · "+p.Title, e
	return p, nil
}
