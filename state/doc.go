// Package state holds what a run knows: its events, the journal that keeps them, and the state that is their fold.
//
// Everything that happens in a run is an [Event]. A [Store] keeps the events of each run in a journal; the [Recorder]
// numbers them, groups concurrent commits into one sync, folds them and hands them to observers; [WorkflowState] is the
// fold. There is no second source of truth: [Load] reads the journal and arrives at the state that the writer had.
//
//	st, err := state.Load(ctx, store, "Ten_Chapter_Novel")
//	fmt.Println(st.Progress(), st.Current())
//	err = state.WriteStatus(os.Stdout, st)
package state
