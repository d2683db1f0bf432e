package filestore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

// model is what a run must hold.
type model struct {
	emitted [][]byte // every record that was handed to Append and may have survived
	acked   uint64   // how many of them must
	saved   uint64   // the record that the last acknowledged checkpoint proves; zero: there is none
	asked   map[string]certainty
	mayGo   bool // an archiving or deletion was begun
}

// certainty is what a request must be: it may be there while it is asked for and once it is done, since nobody loses
// anything by a request that comes back.
type certainty int

const (
	maybe certainty = iota
	certain
)

func (m model) clone() model {
	m.emitted, m.asked = slices.Clip(slices.Clone(m.emitted)), maps.Clone(m.asked)
	return m
}

// session is one opening of the run, which does random things and holds the store to the model.
type session struct {
	t       *testing.T
	store   *Store
	rng     *rand.Rand
	m       *model
	j       state.Journal
	durable uint64
	what    string // for messages: how to get here again
}

// newSession makes a store whose clock jumps and whose names come from the generator, so that a story can be replayed.
func newSession(t *testing.T, s *Store, rng *rand.Rand, m *model, what string) *session {
	s.random = rng.Uint64
	s.now = func() time.Time { return time.Unix(int64(rng.Int32()), int64(rng.IntN(3))) }
	return &session{t: t, store: s, rng: rng, m: m, what: what}
}

// begin opens the run and checks what it finds.
func (s *session) begin() error {
	j, err := s.store.Open(context.Background(), testRun, state.OpenOptions{})
	if err != nil {
		return err
	}
	s.j, s.durable = j, j.Last()
	if s.m.mayGo && j.Last() == 0 {
		*s.m = model{}
	}
	if err := s.check(); err != nil {
		return errors.Join(err, j.Close())
	}
	// What Open returns is on the disk, and records will name it as proven.
	s.m.emitted, s.m.acked, s.m.mayGo = s.m.emitted[:j.Last():j.Last()], j.Last(), false
	return nil
}

// check compares the journal with the model: a gapless prefix that holds everything acknowledged.
func (s *session) check() error {
	last := s.j.Last()
	require.GreaterOrEqual(s.t, last, s.m.acked, "acknowledged records are lost: %s", s.what)
	require.LessOrEqual(s.t, last, uint64(len(s.m.emitted)), s.what)
	n := uint64(0)
	for e, err := range s.store.Events(context.Background(), testRun, state.Query{}) {
		if errors.Is(err, state.ErrNotFound) && last == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := state.AppendRecord(nil, testID, e)
		require.NoError(s.t, err)
		require.Less(s.t, n, last, s.what)
		require.Equal(s.t, string(s.m.emitted[n]), string(text), s.what)
		n++
	}
	require.Equal(s.t, last, n, s.what)
	if err := s.checkSnapshot(); err != nil {
		return err
	}
	return s.checkRequests()
}

// checkSnapshot: the checkpoint is the last one that was acknowledged, or a whole later one.
func (s *session) checkSnapshot() error {
	data, err := s.store.LoadSnapshot(context.Background(), testRun)
	if errors.Is(err, state.ErrNotFound) {
		require.Zero(s.t, s.m.saved, "the checkpoint is gone: %s", s.what)
		return nil
	}
	if err != nil {
		return err
	}
	w, err := state.ReadWitness(data)
	require.NoError(s.t, err, s.what)
	require.GreaterOrEqual(s.t, w.Seq, s.m.saved, s.what)
	require.LessOrEqual(s.t, w.Seq, s.j.Last(), s.what)
	return nil
}

// checkRequests: those are there that must be, whole, and none that nobody made.
func (s *session) checkRequests() error {
	list, err := s.store.Requests(context.Background(), testRun)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, r := range list {
		found[r.Note] = true
		require.Contains(s.t, s.m.asked, r.Note, s.what)
	}
	for note, c := range s.m.asked {
		require.True(s.t, found[note] || c != certain, "request %s is lost: %s", note, s.what)
	}
	return nil
}

func (s *session) append(sync bool, events ...state.Event) error {
	for i := range events {
		e := &events[i]
		e.Seq, e.Durable, e.Epoch = s.j.Last()+uint64(i)+1, s.durable, 1
		if e.Time.IsZero() {
			e.Time = time.Unix(int64(s.rng.Int32()), 0) // another one when written again after a crash
		}
		text, err := state.AppendRecord(nil, testID, *e)
		require.NoError(s.t, err)
		s.m.emitted = append(s.m.emitted, text)
	}
	if err := s.j.Append(context.Background(), events, sync); err != nil {
		return err
	}
	if sync {
		s.durable, s.m.acked = s.j.Last(), s.j.Last()
	}
	return nil
}

func (s *session) snapshot() error {
	seq := s.j.Last()
	if err := s.store.SaveSnapshot(context.Background(), testRun, snapshotOf(s.m.emitted, seq)); err != nil {
		return err
	}
	s.m.acked, s.m.saved = seq, seq // the snapshot says so, and it is on the disk
	return nil
}

func (s *session) event() state.Event {
	size := []int{0, 10, 300, 600, 1500}[s.rng.IntN(5)]
	return state.New(state.Scope{Step: "prose", Item: fmt.Sprint(s.rng.IntN(9))},
		state.RunWarning{Code: "c", Message: strings.Repeat("x", size)})
}

func (s *session) batch() []state.Event {
	var events []state.Event
	for range 1 + s.rng.IntN(4) {
		events = append(events, s.event())
	}
	return events
}

// ask leaves a request, or takes one away.
func (s *session) ask() error {
	note := fmt.Sprint(s.rng.Uint64())
	for old := range s.m.asked {
		note = min(note, old) // not any one: the order of a map must not decide
	}
	if _, there := s.m.asked[note]; there && s.rng.IntN(2) == 0 {
		s.m.asked[note] = maybe
		list, err := s.store.Requests(context.Background(), testRun)
		for _, r := range list {
			if r.Note == note {
				_, err = s.store.Done(context.Background(), testRun, r, s.rng.IntN(2) == 0)
			}
		}
		return err
	}
	note = fmt.Sprint(s.rng.Uint64())
	if s.m.asked == nil {
		s.m.asked = map[string]certainty{}
	}
	s.m.asked[note] = maybe
	r := state.Request{Kind: state.AskApprove, Step: "review", Note: note, Time: time.Unix(5, 0)}
	if err := s.store.Ask(context.Background(), testRun, r); err != nil {
		return err
	}
	s.m.asked[note] = certain
	return nil
}

// live does random things until something fails, or the session ends.
func (s *session) live(steps int) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer func() { _ = s.j.Close() }()
	if s.j.Last() == 0 {
		created := createdEvent()
		created.Time = time.Time{}
		if err := s.append(true, created); err != nil {
			return err
		}
	}
	for range steps {
		if err := s.step(); err != nil {
			return err
		}
	}
	switch s.rng.IntN(6) {
	case 0, 1:
		s.kill()
		return nil
	case 2:
		return s.remove()
	}
	return s.append(true, state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed}))
}

func (s *session) step() error {
	switch s.rng.IntN(10) {
	case 0:
		return s.snapshot()
	case 1:
		return s.check()
	case 2:
		return s.ask()
	case 3, 4, 5:
		return s.append(false, s.batch()...)
	default:
		return s.append(true, s.batch()...)
	}
}

// kill leaves everything as the death of the process does: the lock is free, and nothing else is tidied up.
func (s *session) kill() {
	j := s.j.(*journal)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = errKilled
}

var errKilled = errors.New("killed")

// remove archives or deletes the run.
func (s *session) remove() error {
	if err := s.j.Close(); err != nil {
		return err
	}
	s.m.mayGo = true
	if err := s.store.Remove(context.Background(), testRun, state.RemoveOptions{Archive: s.rng.IntN(2) == 0}); err != nil {
		return err
	}
	*s.m = model{}
	return nil
}

// story is a few sessions, one after another, the same for the same seed up to the first failure. Its journals have no
// padding, little, or as much as usual.
func story(t *testing.T, fsys vfs.FS, m *model, seed uint64, what string) error {
	return storyIn(t, fsys, testDir, m, seed, what)
}

func storyIn(t *testing.T, fsys vfs.FS, dir string, m *model, seed uint64, what string) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 3 {
		s := newSession(t, open(fsys, dir), rng, m, what)
		s.store.padding = []int64{1, minPadding, 0}[seed%3]
		if err := s.live(3 + rng.IntN(4)); err != nil {
			return err
		}
	}
	return nil
}
