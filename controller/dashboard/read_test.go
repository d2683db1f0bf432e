package dashboard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

func TestARunIsShownFromItsBeginningToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBoard(t, Config{})
	p := book(t, "one", "two <b>", "three")
	_, err := p.Run(t.Context(), "Ten", workflow.Config{Store: b.store, Model: &script{}, Price: price})
	require.NoError(t, err)
	v := get[RunView](b, "/api/runs/Ten")
	require.Equal(t, state.StatusCompleted, v.Status)
	require.Equal(t, 100.0, v.Progress)
	require.EqualValues(t, 4000, v.Cost)
	require.Equal(t, 3, v.Done)

	items := get[ItemList](b, "/api/runs/Ten/items?step=scenes&from=1&limit=1")
	require.Equal(t, 3, items.Total)
	require.Equal(t, "two <b>", items.Items[0].Key)
	require.Equal(t, "ccc", get[Grid](b, "/api/runs/Ten/grid?step=scenes").Cells)
	res := get[ResultView](b, "/api/runs/Ten/result?step=scenes&item=two+%3Cb%3E")
	require.Equal(t, "on two <b>", res.Text)

	events := get[EventList](b, "/api/runs/Ten/events?limit=2")
	require.Len(t, events.Events, 2)
	require.Equal(t, v.Seq, events.Events[1].Seq)
	first := get[EventList](b, "/api/runs/Ten/events?before=2")
	require.Equal(t, state.TypeRunCreated, first.Events[0].Type)

	list := get[RunList](b, "/api/runs")
	require.Equal(t, []RunSummary{v.RunSummary}, list.Runs)
}
