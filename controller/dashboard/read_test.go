package dashboard

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestARunIsShownFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	p := book(t, "one", "two <b>", "three")
	run, err := p.Run(t.Context(), "Ten", workflow.Config{Store: b.store, Model: &script{}, Price: price})
	require.ErrorIs(t, err, workflow.ErrWaiting)

	v := get[RunView](b, "/api/runs/Ten")
	require.Equal(t, state.StatusWaiting, v.Status)
	require.Equal(t, "book", v.Pipeline)
	require.Equal(t, []Action{ActionApprove, ActionReject}, v.Actions, "without Config.Open only what the inbox can do")
	require.Equal(t, "one\ntwo <b>\nthree", v.Steps[1].Gate.Shown)
	require.Equal(t, []ModelView{{TotalsView: v.Usage}}, v.Models)

	require.NoError(t, run.Ask(t.Context(), state.Request{Kind: state.AskApprove, Step: "look", By: "me"}))
	b.until("Ten", func(v RunView) bool { return v.Steps[1].Gate.Asked == "approve" })
	require.NoError(t, run.Resume(t.Context()))
	v = b.until("Ten", status(state.StatusCompleted))
	require.Equal(t, 100.0, v.Progress)
	require.EqualValues(t, 4000, v.Cost)
	require.Equal(t, 3, v.Done)
	require.Equal(t, "me", v.Steps[1].Gate.Who)
	require.Empty(t, v.Actions)

	items := get[ItemList](b, "/api/runs/Ten/items?step=scenes&from=1&limit=1")
	require.Equal(t, 3, items.Total)
	require.Equal(t, []ItemView{{Index: 1, Key: "two <b>", Status: state.StatusCompleted, Cost: 1000}}, items.Items)
	require.Equal(t, "ccc", get[Grid](b, "/api/runs/Ten/grid?step=scenes").Cells)
	require.Zero(t, get[ItemList](b, "/api/runs/Ten/items?step=scenes&status=failed,running").Total)
	res := get[ResultView](b, "/api/runs/Ten/result?step=scenes&item=two+%3Cb%3E")
	require.Equal(t, "on two <b>", res.Text)

	events := get[EventList](b, "/api/runs/Ten/events?limit=2")
	require.Len(t, events.Events, 2)
	require.Equal(t, v.Seq, events.Events[1].Seq)
	first := get[EventList](b, "/api/runs/Ten/events?before=2")
	require.Equal(t, state.TypeRunCreated, first.Events[0].Type)
	require.Empty(t, get[EventList](b, "/api/runs/Ten/events?before=1").Events)

	list := get[RunList](b, "/api/runs")
	require.Equal(t, []RunSummary{v.RunSummary}, list.Runs)
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	_, err := book(t, "one").Run(t.Context(), "Ten", workflow.Config{Store: b.store, Model: &script{}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	for path, want := range map[string]int{
		"/api/runs/Eleven":                              http.StatusNotFound,
		"/api/runs/Eleven/cost":                         http.StatusNotFound,
		"/events?run=Eleven":                            http.StatusNotFound,
		"/api/nothing":                                  http.StatusNotFound,
		"/api/runs/Ten/items?step=x":                    http.StatusNotFound,
		"/api/runs/Ten/grid":                            http.StatusNotFound,
		"/api/runs/Ten/result?step=scenes&item=nowhere": http.StatusNotFound,
		"/api/runs/Ten/result?step=scenes":              http.StatusNotFound,
		"/api/runs/Ten/items?step=scenes&from=-1":       http.StatusBadRequest,
		"/api/runs/Ten/items?step=scenes&limit=100000":  http.StatusBadRequest,
		"/api/runs/Ten/events?after=x":                  http.StatusBadRequest,
		"/api/runs?sort=size":                           http.StatusBadRequest,
		"/api/runs/Ten/pause":                           http.StatusNotFound, // by GET
	} {
		r := b.do(http.MethodGet, path, "", nil)
		require.Equal(t, want, r.StatusCode, "%s: %s", path, r.body)
		require.Contains(t, r.body, `"error":"`, path)
	}
	require.Equal(t, 1, b.runs.count(), "what is not there takes no place")
}

// TestAFailureIsShownWithWhatWasDone: class, message, and the steps' state after it.
func TestAFailureIsShownWithWhatWasDone(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	model := &script{fail: refuse("a plan")}
	_, err := book(t, "one").Run(t.Context(), "Ten", workflow.Config{Store: b.store, Model: model})
	require.Error(t, err)
	v := get[RunView](b, "/api/runs/Ten")
	require.Equal(t, state.StatusFailed, v.Status)
	require.Equal(t, "content_policy", v.Errors[0].Class)
	require.Equal(t, "step", v.Errors[0].Kind)
	require.Equal(t, v.ErrorSum, len(v.Errors))
	require.Equal(t, state.StatusFailed, v.Steps[0].Status)
}

// TestQueriesThatCantBeMeant: what nothing can answer is refused with words, rather than answered with nothing.
func TestQueriesThatCantBeMeant(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	_, err := book(t, "one").Run(t.Context(), "Ten", workflow.Config{Store: b.store, Model: &script{}})
	require.ErrorIs(t, err, workflow.ErrWaiting)
	for path, says := range map[string]string{
		"/api/runs?status=foo":                          "status must be one of running, ",
		"/api/runs?status=waiting,open":                 "status must be one of ",
		"/api/runs?status=waiting&status=pending":       "status must be one of ",
		"/api/runs?sort=foo":                            "sort must be one of ",
		"/api/runs/Ten/items?step=scenes&status=paused": "status must be one of pending, running, completed, failed",
		"/api/runs/Ten/events?after=1&before=3":         "after and before exclude each other",
		"/api/runs/Ten/events?after=0&before=3":         "after and before exclude each other",
	} {
		r := b.do(http.MethodGet, path, "", nil)
		require.Equal(t, http.StatusBadRequest, r.StatusCode, "%s: %s", path, r.body)
		require.Contains(t, r.body, says, path)
	}
	require.Len(t, get[RunList](b, "/api/runs?status=failed,+waiting,&status=waiting").Runs, 1)
}
