package state

// Status is what a run, a step or an item is in.
type Status string

// The statuses. Of a run, stored: open, completed, partial, failed, paused, waiting; as read: running and interrupted in
// place of open. Of a step: pending, running, completed, partial, failed, waiting, tolerated; interrupted as read. Of an
// item: pending, running, completed, failed.
const (
	StatusOpen        Status = "open"
	StatusRunning     Status = "running"
	StatusInterrupted Status = "interrupted"
	StatusPending     Status = "pending"
	StatusCompleted   Status = "completed"
	StatusPartial     Status = "partial"
	StatusFailed      Status = "failed"
	StatusTolerated   Status = "tolerated"
	StatusPaused      Status = "paused"
	StatusWaiting     Status = "waiting"
)
