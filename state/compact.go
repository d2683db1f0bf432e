package state

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// compact is a WorkflowState as a snapshot holds it: the exported fields as they are, the items in columns, which JSON
// reads and writes an order of magnitude faster than an object an item.
type compact struct {
	State      WorkflowState  `json:"state"`
	Steps      []compactStep  `json:"steps"`
	Removed    []compactGone  `json:"removed,omitempty"`
	Queues     []compactQueue `json:"queues,omitempty"`
	Sent       []compactTry   `json:"sent,omitempty"`
	ErrorCount int            `json:"error_count"`
	Repaired   bool           `json:"repaired,omitempty"`
}

// compactGone is a step that the pipeline no longer declares.
type compactGone struct {
	Step StepState   `json:"step"`
	Fold compactStep `json:"fold"`
}

type compactStep struct {
	Known  bool          `json:"known,omitempty"`
	Result uint64        `json:"result,omitempty"`
	Reads  []Read        `json:"reads,omitempty"`
	Listed []Read        `json:"listed,omitempty"`
	Items  *compactItems `json:"items,omitempty"`
	// A list of items that was being given; its earlier chunks.
	Total    int       `json:"total,omitempty"`
	Incoming []ItemDef `json:"incoming,omitempty"`
	Pending  []Read    `json:"pending,omitempty"`

	list []item // what Items is made from, off the lock
}

type compactItems struct {
	Keys   []string      `json:"keys"`
	Status string        `json:"status"` // a letter an item: see itemLetters
	Seq    []uint64      `json:"seq"`
	Hash   string        `json:"hash"`   // 32 hex digits an item
	Result string        `json:"result"` // the same
	Gen    map[int]int32 `json:"gen,omitempty"`
	Edited []int         `json:"edited,omitempty"`
}

type compactQueue struct {
	Scope
	Answers []Answer   `json:"answers,omitempty"`
	Dos     []DoResult `json:"dos,omitempty"`
	Warned  []string   `json:"warned,omitempty"`
}

type compactTry struct {
	Scope
	Call     string `json:"call"`
	Try      int    `json:"try"`
	Provider string `json:"provider,omitempty"`
	Reserved int64  `json:"reserved,omitempty"`
}

var itemLetters = map[Status]byte{StatusPending: 'p', StatusRunning: 'r', StatusCompleted: 'c', StatusFailed: 'f'}

// compact copies what a snapshot needs. It is quick, for it runs under the Recorder's lock; encode does the rest.
func (st *WorkflowState) compact() compact {
	c := compact{State: *st, ErrorCount: st.fold.errorCount, Repaired: st.fold.repaired}
	c.State.fold = foldState{}
	c.State.Steps = slices.Clone(st.Steps)
	c.State.Providers = maps.Clone(st.Providers)
	c.State.Errors = slices.Clone(st.Errors)
	c.State.Warnings = slices.Clone(st.Warnings)
	c.State.Waits = slices.Clone(st.Waits)
	c.State.Cooling = slices.Clone(st.Cooling)
	for i, f := range st.fold.steps {
		c.Steps = append(c.Steps, f.compact(st.Steps[i].Items.Known))
	}
	for _, gone := range st.fold.removed {
		c.Removed = append(c.Removed, compactGone{gone.step, gone.fold.compact(gone.step.Items.Known)})
	}
	for at, q := range st.fold.queues {
		c.addQueue(at, q)
	}
	for key, try := range st.fold.sent {
		c.Sent = append(c.Sent, compactTry{try.at, key.call, key.try, try.provider, try.reserved})
	}
	return c
}

func (f stepFold) compact(known bool) compactStep {
	s := compactStep{Known: known, Result: f.result, Reads: f.reads, Listed: f.listed}
	if f.items != nil {
		s.list = slices.Clone(f.items.list)
		s.Items = &compactItems{}
	}
	if f.incoming != nil {
		s.Total, s.Incoming, s.Pending = f.incoming.total, slices.Clone(f.incoming.items), f.incoming.reads
	}
	return s
}

func (c *compact) addQueue(at Scope, q *queue) {
	c.Queues = append(c.Queues, compactQueue{at, slices.Clone(q.answers), slices.Clone(q.dos), slices.Clone(q.warned)})
	for key, in := range q.inner {
		c.addQueue(Scope{at.Step, at.Item, key}, in)
	}
}

func (c *compact) encode() (json.RawMessage, error) {
	slices.SortFunc(c.Queues, func(a, b compactQueue) int { return compareScopes(a.Scope, b.Scope) })
	slices.SortFunc(c.Sent, func(a, b compactTry) int {
		return cmp.Or(strings.Compare(a.Call, b.Call), cmp.Compare(a.Try, b.Try))
	})
	slices.SortFunc(c.Removed, func(a, b compactGone) int { return strings.Compare(a.Step.Name, b.Step.Name) })
	for i := range c.Steps {
		c.Steps[i].Items.fill(c.Steps[i].list)
	}
	for i := range c.Removed {
		c.Removed[i].Fold.Items.fill(c.Removed[i].Fold.list)
	}
	return Marshal(c)
}

func compareScopes(a, b Scope) int {
	return cmp.Or(strings.Compare(a.Step, b.Step), strings.Compare(a.Item, b.Item), strings.Compare(a.Do, b.Do))
}

func (c *compactItems) fill(list []item) {
	if c == nil {
		return
	}
	n := len(list)
	c.Keys, c.Seq = make([]string, n), make([]uint64, n)
	status, hash, result := make([]byte, n), make([]byte, 0, 32*n), make([]byte, 0, 32*n)
	for i := range list {
		it := &list[i]
		c.Keys[i], c.Seq[i], status[i] = it.key, it.seq, itemLetters[it.status]
		hash, result = hex.AppendEncode(hash, it.hash[:]), hex.AppendEncode(result, it.result[:])
		if it.gen != 0 {
			if c.Gen == nil {
				c.Gen = map[int]int32{}
			}
			c.Gen[i] = it.gen
		}
		if it.edited {
			c.Edited = append(c.Edited, i)
		}
	}
	c.Status, c.Hash, c.Result = string(status), string(hash), string(result)
}

func (c *compactItems) table() (*itemTable, error) {
	n := len(c.Keys)
	if len(c.Status) != n || len(c.Seq) != n || len(c.Hash) != 32*n || len(c.Result) != 32*n {
		return nil, fmt.Errorf("%w: snapshot: columns of different lengths", ErrRecord)
	}
	statuses := map[byte]Status{}
	for s, letter := range itemLetters {
		statuses[letter] = s
	}
	t := newItemTable(n)
	for i, key := range c.Keys {
		it := t.add(key)
		it.seq, it.status, it.gen = c.Seq[i], statuses[c.Status[i]], c.Gen[i]
		it.hash, it.result = parseHash(c.Hash[32*i:32*i+32]), parseHash(c.Result[32*i:32*i+32])
	}
	for _, i := range c.Edited {
		if i >= 0 && i < n {
			t.list[i].edited = true
		}
	}
	return t, nil
}

// restore makes the state again.
func (c *compact) restore() (*WorkflowState, error) {
	if len(c.Steps) != len(c.State.Steps) {
		return nil, fmt.Errorf("%w: snapshot: steps are missing", ErrRecord)
	}
	st := &c.State
	providers := st.Providers
	st.init()
	if providers != nil {
		st.Providers = providers
	}
	st.fold.errorCount, st.fold.repaired = c.ErrorCount, c.Repaired
	for i, s := range c.Steps {
		st.fold.index[st.Steps[i].Name] = i
		st.Steps[i].Items.Known = s.Known
		f, err := s.restore()
		if err != nil {
			return nil, err
		}
		st.fold.steps = append(st.fold.steps, f)
		for it := range st.Items(st.Steps[i].Name) {
			if it.Status == StatusRunning {
				st.fold.running[Scope{Step: st.Steps[i].Name, Item: it.Key}] = struct{}{}
			}
		}
	}
	for _, gone := range c.Removed {
		f, err := gone.Fold.restore()
		if err != nil {
			return nil, err
		}
		gone.Step.Items.Known = gone.Fold.Known
		st.fold.removed[gone.Step.Name] = removed{gone.Step, f}
	}
	for i, w := range st.Warnings {
		st.fold.warnings[w.Code] = i
	}
	for _, q := range c.Queues {
		to := st.open(q.Scope)
		to.answers, to.dos, to.warned = q.Answers, q.Dos, q.Warned
	}
	for _, t := range c.Sent {
		st.fold.sent[tryKey{t.Call, t.Try}] = openTry{t.Scope, t.Provider, t.Reserved}
	}
	return st, nil
}

func (s compactStep) restore() (stepFold, error) {
	f := stepFold{result: s.Result, reads: s.Reads, listed: s.Listed}
	if s.Items != nil {
		t, err := s.Items.table()
		if err != nil {
			return f, err
		}
		f.items = t
	}
	if s.Incoming != nil {
		f.incoming = &incomingList{total: s.Total, items: s.Incoming, reads: s.Pending}
	}
	return f, nil
}

// Summary is the readable part of a snapshot.
type summary struct {
	Run      string            `json:"run"`
	Pipeline string            `json:"pipeline"`
	Status   Status            `json:"status"`
	Progress float64           `json:"progress"`
	Steps    map[string]Status `json:"steps"`
	Usage    Totals            `json:"usage"`
	Errors   int               `json:"errors"`
	Updated  time.Time         `json:"updated_at"`
}

func (st *WorkflowState) summary() summary {
	s := summary{
		Run: st.Run, Pipeline: st.Pipeline, Status: st.Status, Progress: st.Progress(), Steps: map[string]Status{},
		Usage: st.Usage, Errors: st.fold.errorCount, Updated: st.Updated,
	}
	for _, step := range st.Steps {
		s.Steps[step.Name] = step.Status
	}
	return s
}

// snapshot is everything that writing a snapshot needs, taken under the Recorder's lock.
type snapshot struct {
	compact compact
	summary summary
	created string // the first record
	last    Event  // the last one folded in
	items   int
}

func (s *snapshot) encode() ([]byte, error) {
	body, err := s.compact.encode()
	if err != nil {
		return nil, err
	}
	head, err := Marshal(s.summary)
	if err != nil {
		return nil, err
	}
	st := &s.compact.State
	line, err := AppendRecord(nil, st.RunID, s.last)
	if err != nil {
		return nil, err
	}
	_, record, err := Unseal(line, st.RunID)
	if err != nil {
		return nil, err
	}
	return writeSnapshot(snapshotFile{
		Format: Format, Fold: FoldVersion, RunID: st.RunID, Seq: st.Seq, Record: fmt.Sprintf("%08x", record),
		Created: s.created, Summary: head, Compact: body,
	})
}

func decodeSnapshot(data []byte) (*WorkflowState, Witness, error) {
	f, err := readSnapshot(data)
	if err != nil {
		return nil, Witness{}, err
	}
	w, err := f.witness()
	if err != nil {
		return nil, w, err
	}
	if f.Fold != FoldVersion {
		return nil, w, fmt.Errorf("%w: snapshot of fold version %d", ErrRecord, f.Fold)
	}
	var c compact
	if err := json.Unmarshal(f.Compact, &c); err != nil {
		return nil, w, fmt.Errorf("%w: snapshot: %w", ErrRecord, err)
	}
	st, err := c.restore()
	return st, w, err
}
