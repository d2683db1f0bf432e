// Package filestore keeps each run in a folder of its own, in files that a person can read. It is the default store.
//
//	store, err := filestore.Open("output")
//
//	output/Ten_Chapter_Novel/
//	    journal.jsonl     every event, one JSON object a line, append-only; jq reads it
//	    checkpoint.json   the folded state; a cache, and the second witness of a journal that was cut short
//	    lock              held while a process writes the run: pid, host, since
//	    pause             exists = please pause
//	    requests/         approvals and rejections that the run has not taken yet
//	output/.archive/      runs that were archived
//
// Files are 0600 and folders 0700: prompts and answers are private.
//
// # What survives
//
// A synced append returns after fdatasync; the first one of a run also syncs the folders that lead to it. After a crash
// or a power cut the journal holds at least everything that was acknowledged, and possibly more: a tail that was written
// but not acknowledged counts if it is whole, and is dropped, and reported, from its first broken line on.
//
// While a run is written, its journal ends in padding: newlines, over which the next records are written, because that
// costs half of an append. Closing cuts it; what a killed process left of it means nothing. To follow such a file in a
// terminal, leave blank lines out (tail -f … | grep .).
//
// Whether a broken line was acknowledged is known from the proven point: each record names the highest number that was
// on disk when it was written, and checkpoint.json names one more. Damage at or before that point is never dropped
// silently; it is a [state.DamagedError], and [Store.Repair] keeps every valid record.
//
// A journal that somebody cuts exactly at the end of a record, and whose checkpoint is gone as well, leaves no witness:
// this is the one loss that can't be noticed. Disks that acknowledge a sync and lose the data void every promise, and
// so do network file systems without working locks.
package filestore
