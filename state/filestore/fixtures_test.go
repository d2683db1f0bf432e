package filestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/filestore/internal/vfs"
)

const (
	testRun = "Ten_Chapter_Novel"
	testID  = "0123456789abcdef"
	testDir = "/data/output"
)

func createdEvent() state.Event {
	e := state.New(state.Scope{}, state.RunCreated{
		Format: state.Format, RunID: testID, Name: testRun, Pipeline: "novel",
		Steps: []state.StepDef{{Name: "prose", Kind: state.KindEach}},
	})
	e.Time = time.Unix(1, 0)
	return e
}

// model is what a run must hold.
type model struct {
	emitted [][]byte // every record that was handed to Append and may have survived
	acked   uint64   // how many of them must
}

func (m model) clone() model { return model{append([][]byte{}, m.emitted...), m.acked} }

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

// begin opens the run and checks what it finds.
func (s *session) begin() error {
	j, err := s.store.Open(context.Background(), testRun, state.OpenOptions{})
	if err != nil {
		return err
	}
	s.j, s.durable = j, j.Last()
	if err := s.check(); err != nil {
		return errors.Join(err, j.Close())
	}
	// What Open returns is on the disk, and records will name it as proven.
	s.m.emitted, s.m.acked = s.m.emitted[:j.Last():j.Last()], j.Last()
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
	s.m.acked = seq // the snapshot says so, and it is on the disk
	return nil
}

// snapshotOf makes a checkpoint that proves the record seq.
func snapshotOf(lines [][]byte, seq uint64) []byte {
	_, sum, err := state.Unseal(lines[seq-1], testID)
	if err != nil {
		panic(err)
	}
	created, err := state.Marshal(strings.TrimSuffix(string(lines[0]), "\n"))
	if err != nil {
		panic(err)
	}
	open := fmt.Sprintf(`{"format":1,"fold":1,"run_id":%q,"seq":%d,"record":"%08x","created":%s,"summary":{},"state":{}`,
		testID, seq, sum, created)
	return append(state.Seal([]byte(open), testID), '\n')
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

// live does random things until something fails, or the session ends.
func (s *session) live(steps int) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer func() { _ = s.j.Close() }()
	if s.j.Last() == 0 {
		if err := s.append(true, createdEvent()); err != nil {
			return err
		}
	}
	for range steps {
		if err := s.step(); err != nil {
			return err
		}
	}
	if s.rng.IntN(3) == 0 {
		return nil // killed
	}
	return s.append(true, state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed}))
}

func (s *session) step() error {
	switch s.rng.IntN(8) {
	case 0:
		return s.snapshot()
	case 1:
		return s.check()
	case 2, 3, 4:
		return s.append(false, s.batch()...)
	default:
		return s.append(true, s.batch()...)
	}
}

// story is a few sessions, one after another, the same for the same seed up to the first failure.
func story(t *testing.T, fsys vfs.FS, m *model, seed uint64, what string) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 3 {
		s := &session{t: t, store: open(fsys, testDir), rng: rng, m: m, what: what}
		if err := s.live(3 + rng.IntN(4)); err != nil {
			return err
		}
	}
	return nil
}

// sample is a journal of n records, closed in order: every third is synced, with what came before it.
func sample(t *testing.T, n int) [][]byte {
	t.Helper()
	s := &session{t: t, store: open(simfs.New(), testDir), rng: rand.New(rand.NewPCG(7, 7)), m: &model{}}
	require.NoError(t, s.begin())
	require.NoError(t, s.append(true, createdEvent()))
	for i := 2; i < n; i++ {
		text, err := json.Marshal(fmt.Sprint("text ", i))
		require.NoError(t, err)
		e := state.New(state.Scope{Step: "prose", Item: fmt.Sprint(i)}, state.ItemCompleted{Result: text, Hash: "h"})
		require.NoError(t, s.append(i%3 == 0, e))
	}
	require.NoError(t, s.append(true, state.New(state.Scope{}, state.JournalMark{Kind: state.MarkClosed})))
	require.NoError(t, s.j.Close())
	return s.m.emitted
}

func join(lines [][]byte) (b []byte) {
	for _, l := range lines {
		b = append(b, l...)
	}
	return b
}

// put makes a store that holds a journal with these bytes, and a checkpoint if there is one.
func put(t *testing.T, journal, checkpoint []byte) *Store {
	t.Helper()
	s := open(simfs.New(), testDir)
	require.NoError(t, makeDirs(s.fs, s.RunDir(testRun)))
	if journal != nil {
		require.NoError(t, replaceFile(s.fs, s.path(testRun, journalFile), s.path(testRun, "x"), os.O_EXCL, journal))
	}
	if checkpoint != nil {
		require.NoError(t, replaceFile(s.fs, s.path(testRun, checkpointFile), s.path(testRun, "x"), os.O_EXCL, checkpoint))
	}
	return s
}

// contents returns the records that the run holds, as bytes, and the error that ends them.
func contents(s *Store) (lines [][]byte, err error) {
	for e, err := range s.Events(context.Background(), testRun, state.Query{}) {
		if err != nil {
			return lines, err
		}
		text, err := state.AppendRecord(nil, testID, e)
		if err != nil {
			return lines, err
		}
		lines = append(lines, text)
	}
	return lines, nil
}

func proofOf(lines [][]byte) (proof uint64) {
	for _, l := range lines {
		if r := checkLine(line{text: l[:len(l)-1], whole: true}, testID); r.err == nil {
			proof = max(proof, r.d)
		}
	}
	return proof
}

func simulated(s *Store) *simfs.FS { return s.fs.(*simfs.FS) }

func cutAt(op int) simfs.Fault { return simfs.Fault{At: op, Err: simfs.ErrPowerOff} }
