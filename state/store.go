package state

import (
	"context"
	"iter"
	"slices"
	"time"
)

// Sync says how seriously a store takes an append with sync. A store's Open takes it as an option.
type Sync int

// The settings of Sync.
const (
	SyncAlways Sync = iota // what was acknowledged survives a power cut
	SyncNone               // nothing is synced: it survives the death of the process and no more; for tests
)

// Store keeps the journals of many runs. Implementations: filestore, sqlitestore, pgstore, memstore; storetest proves
// one.
//
//   - Every method is safe for concurrent use. Everything but Open and Remove works while another process writes.
//   - A run's name is checked with [ValidName] before anything else; a bad one gives [ErrName].
//   - A run exists from the moment its first record, [RunCreated], has been appended durably. Opening a run anew and
//     dying before that leaves no run behind (remains of it don't stand in the way of the next Open).
//   - After recovery a journal is a gapless prefix of what was appended and holds at least everything acknowledged.
type Store interface {
	// Open takes the run's lock, recovers its journal and returns it for appending. It fails at once (within 0.3 s)
	// with a [*HeldError] when the run is held, in this process or another; with [ErrExists] or [ErrNotFound] as
	// OpenOptions.Mode says; with a [*DamagedError]; with [ErrNewerFormat].
	Open(ctx context.Context, run string, o OpenOptions) (Journal, error)

	// Events yields the run's events in order, without taking the lock, up to the last complete one. Damage that is
	// proven to be damage is yielded as a [*DamagedError]; an unacknowledged tail just ends the sequence.
	// ErrNotFound when there is no such run.
	Events(ctx context.Context, run string, q Query) iter.Seq2[Event, error]

	// Head tells the run's last number, proven point, id and holder, without taking the lock.
	Head(ctx context.Context, run string) (Head, error)

	// List yields a Head for each run that the query wants, by name. An unreadable run is yielded with its name and its
	// error, whatever the query says of status and age.
	List(ctx context.Context, q ListQuery) iter.Seq2[Head, error]

	// Remove archives or deletes a run, under its lock ([*HeldError] while another holds it). After a crash the run
	// is there as it was, or gone. Of several at once one removes the run, and the others find that it is not there.
	Remove(ctx context.Context, run string, o RemoveOptions) error
}

// Journal is one opening of a run for writing. One goroutine appends; the other methods are safe for concurrent use.
type Journal interface {
	// Append writes the events, whose numbers follow the last one (any other number is refused, but an event that is
	// already there, by number and checksum, counts as written). With sync it must not return nil before these and all
	// earlier events survive a power cut; without, before they survive the death of this process. [ErrFenced]: a
	// higher epoch opened the run. Any error is final: every later Append gives [ErrJournalFailed].
	Append(ctx context.Context, events []Event, sync bool) error

	// Last is the number of the last event, zero in a new journal.
	Last() uint64

	// Epoch is the fencing token of this opening, where the store has them, else zero.
	Epoch() uint64

	// Recovery tells what opening dropped; nil when nothing was. The Recorder notes it by a JournalMark.
	Recovery() *Recovery

	// Lost is closed when the right to append was lost. A local lock can't be lost while its process lives.
	Lost() <-chan struct{}

	// Close gives up the lock. It writes no event.
	Close() error
}

// Recovery is an unacknowledged tail that was dropped when a journal was opened.
type Recovery struct {
	From      uint64 // the number that the first dropped record would have had
	BytesLost int64
	Where     string // file and line, for the warning
}

// Mode says what Open does about a run that exists, or does not.
type Mode int

// The modes of Open.
const (
	OpenOrCreate Mode = iota // go on, or start
	Create                   // ErrExists when the run exists
	OpenExisting             // ErrNotFound when it does not
)

// OpenOptions of [Store.Open].
type OpenOptions struct {
	Mode  Mode
	Scope Scope  // zero: the whole run; stores that can't open part of one return ErrUnsupported for any other
	Epoch uint64 // zero: the store's own; others as with Scope
}

// Query selects events.
type Query struct {
	From  uint64 // first number; zero: from the beginning
	Limit int    // at most so many events are yielded; zero: all
	// Scope, when not nil, keeps only events of that step, and of that item where Item is not empty (an item's Dos
	// included). It filters; the numbers skipped still count for nothing.
	Scope *Scope
}

// Head is what one can know of a run without reading it.
type Head struct {
	Run      string
	RunID    string
	Pipeline string
	Created  time.Time
	Updated  time.Time // when the journal last grew
	Last     uint64    // number of the last complete event
	Proven   uint64    // proven point
	Size     int64     // bytes
	Status   Status    // as a reader sees it: running or interrupted rather than open
	Holder   *Holder   // who writes the run now; nil: nobody
}

// Holder is who holds a run's lock, in the words it left there.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // when its lease runs out unless it renews it; zero: a lock that dies with its process
}

// ListQuery selects runs. A page begins After the last name of the page before.
type ListQuery struct {
	After         string    // names greater than this one
	Limit         int       // at most so many are yielded; zero: all
	Status        []Status  // as in Head.Status; empty: any
	UpdatedBefore time.Time // whose journal last grew before then; zero: whenever
}

// Wants says that the query selects the run, its name aside.
func (q ListQuery) Wants(h Head) bool {
	return (len(q.Status) == 0 || slices.Contains(q.Status, h.Status)) &&
		(q.UpdatedBefore.IsZero() || h.Updated.Before(q.UpdatedBefore))
}

// RemoveOptions of [Store.Remove].
type RemoveOptions struct {
	Archive bool   // move it aside rather than delete it
	Suffix  string // appended to the archived name; empty: the time

	// Check is called under the lock, right before: what it reads of the run is what would be removed, since nobody can go on with
	// it or take its name meanwhile. Its error keeps the run, and is returned. It must not write the run. Defaults to no check.
	Check func(ctx context.Context) error
}

// Snapshots is implemented by stores that can keep a folded state beside the journal. It is a cache and, for a journal
// cut short, the second witness: with an intact journal it changes nothing but the time to load.
type Snapshots interface {
	SaveSnapshot(ctx context.Context, run string, data []byte) error // replaces the last one, atomically
	LoadSnapshot(ctx context.Context, run string) ([]byte, error)    // ErrNotFound when there is none
}

// Inbox is implemented by stores through which another process can ask something of a run without holding its lock.
type Inbox interface {
	Ask(ctx context.Context, run string, r Request) error
	Requests(ctx context.Context, run string) ([]Request, error) // what is there now, oldest first
	// Done takes away a request that has been honoured. With stale it is kept aside under another name, and the name
	// is returned.
	Done(ctx context.Context, run string, r Request, stale bool) (string, error)
}

// Request is something asked of a run from outside.
type Request struct {
	Kind RequestKind `json:"kind"`
	Step string      `json:"step,omitempty"` // approve, reject: the gate
	By   string      `json:"by,omitempty"`
	Note string      `json:"note,omitempty"`
	Hash string      `json:"hash,omitempty"` // approve, reject: of what was shown to who decides; empty: whatever is shown now
	Time time.Time   `json:"time"`
}

// Same says that both are one request. There is only one pause, of whatever time: a later one takes the place of the one that
// is there.
func (r Request) Same(other Request) bool {
	if r.Kind == AskPause || other.Kind == AskPause {
		return r.Kind == other.Kind
	}
	same := r.Time.Equal(other.Time)
	r.Time, other.Time = time.Time{}, time.Time{}
	return same && r == other
}

// RequestKind names what is asked.
type RequestKind string

// The kinds of request.
const (
	AskPause   RequestKind = "pause"
	AskApprove RequestKind = "approve"
	AskReject  RequestKind = "reject"
)

// Repairer is implemented by stores that can verify and repair a damaged journal.
type Repairer interface {
	// Verify reads everything and reports what is wrong; nothing wrong: an empty report. It changes nothing.
	Verify(ctx context.Context, run string) (Report, error)
	// Repair keeps a copy of the journal, keeps every valid record, and puts a JournalMark in the place of each damaged
	// one, so that every number keeps its meaning. It takes the run's lock.
	Repair(ctx context.Context, run string) (Report, error)
}

// Report is what Verify found or Repair did.
type Report struct {
	Records int       // valid ones
	Damaged []Damage  // dropped, or to be dropped
	Tail    *Recovery // an unacknowledged tail; not damage
	Copy    string    // where the journal as it was is kept; Repair only

	// Snapshot says what is wrong with the snapshot beside the journal; empty: nothing, or there is none. [Verify] only.
	Snapshot string
	// Misleading: the snapshot is used although the journal gives another state. [RenewSnapshot] makes it anew.
	Misleading bool
}

// Sound says that nothing is wrong, or nothing but what a run makes up for by itself: an unacknowledged tail, a snapshot that
// is not used.
func (r Report) Sound() bool { return len(r.Damaged) == 0 && !r.Misleading }

// Damage is one damaged place.
type Damage struct {
	Line  int    // from 1; zero: not in a file of lines
	Seq   uint64 // the number that is lost there
	Bytes int64
	Why   string
}
