package sqlitestore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/sqlitestore/internal/simvfs"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// disk is a simulated disk with a database, below the driver.
type disk struct {
	*simvfs.FS
	t    *testing.T
	file string // the database; locks lie beside it on the real disk
	name string // of the driver's VFS
}

// newDisk makes a disk with an empty database, all of it synced.
func newDisk(t *testing.T) *disk {
	d := mount(t, simvfs.New(t.TempDir()), filepath.Join(t.TempDir(), "runs.db"))
	d.Create(d.file)
	require.NoError(t, fillNew(t.Context(), d.file, d.name))
	defer d.drop()
	return d.next(d.Clone(t.TempDir()))
}

func mount(t *testing.T, fs *simvfs.FS, file string) *disk {
	d := &disk{FS: fs, t: t, file: file, name: fmt.Sprintf("%p", fs)}
	vfs.Register(d.name, fs)
	return d
}

// drop lets the disk's memory go.
func (d *disk) drop() { vfs.Unregister(d.name) }

// next is the same machine after a restart.
func (d *disk) next(fs *simvfs.FS) *disk { return mount(d.t, fs, d.file) }

// open opens the database as a process does. Its log is moved into the database every few pages.
func (d *disk) open() (*Store, error) {
	s, err := open(d.t.Context(), d.file, d.name, Options{})
	if err == nil {
		s.commits.every = 12
	}
	return s, err
}

// model is what must be there.
type model struct {
	runs map[string]*known
}

// known is what must be there of a run. A transaction that failed may lie in the log, whole, until a later one is synced
// in its place: so a number can have several events that were handed over for it, and a run can go although Remove failed.
type known struct {
	sent    [][]string // what was handed over, by number
	noted   int        // acknowledged
	synced  int        // acknowledged as synced, or there when it was opened
	leaving bool       // Remove has begun
}

func (k *known) send(seq uint64, text string) {
	if i := int(seq - 1); i < len(k.sent) {
		k.sent[i] = append(slices.Clone(k.sent[i]), text)
		return
	}
	k.sent = append(k.sent, []string{text})
}

// sync says that everything noted is on the disk, so that nothing that failed before can come back.
func (k *known) sync() {
	k.synced, k.leaving = k.noted, false
	k.sent = k.sent[:k.noted]
	for i, texts := range k.sent {
		k.sent[i] = texts[len(texts)-1:]
	}
}

func newModel() *model {
	return &model{map[string]*known{"a": {}, "b": {}, "c": {}}}
}

// check compares what a disk holds with the model, and takes over what is there. With all, nothing acknowledged is lost.
func (m *model) check(t *testing.T, s *Store, all bool, what string) {
	for run, k := range m.runs {
		list, err := collect(t.Context(), s, run, state.Query{})
		if errors.Is(err, state.ErrNotFound) && (k.leaving || k.synced == 0 && (!all || k.noted == 0)) {
			*k = known{}
			continue
		}
		require.NoError(t, err, "run %s: %s", run, what)
		least := k.synced
		if all {
			least = k.noted
		}
		require.GreaterOrEqual(t, len(list), least, "run %s lost something acknowledged: %s", run, what)
		require.LessOrEqual(t, len(list), len(k.sent), what)
		for i, e := range list {
			require.EqualValues(t, i+1, e.Seq, what)
			require.Contains(t, k.sent[i], textOf(run, e), what)
			k.sent[i] = []string{textOf(run, e)}
		}
		k.sent, k.leaving = k.sent[:len(list)], false
		k.noted = len(list)
		h, err := s.Head(t.Context(), run)
		require.NoError(t, err, what)
		require.EqualValues(t, len(list), h.Last, what)
	}
}

func textOf(run string, e state.Event) string {
	text, _ := state.AppendRecord(nil, idOf(run), e) // what was read always encodes
	return string(text)
}

// session is two processes on one file; each run belongs to one of them at a time.
type session struct {
	t      *testing.T
	disk   *disk
	m      *model
	rng    *rand.Rand
	what   string
	stores [2]*Store
	open   map[string]state.Journal
}

// story lives a while on a disk. An error of the disk ends it if the power is off; after any other it goes on. It returns
// the last error, and leaves nothing open.
func story(t *testing.T, d *disk, m *model, seed uint64, steps int, what string) (err error) {
	s := &session{t: t, disk: d, m: m, rng: rand.New(rand.NewPCG(seed, 1)), what: what, open: map[string]state.Journal{}}
	defer s.end()
	for i := range s.stores {
		if s.stores[i], err = d.open(); err != nil {
			return err
		}
	}
	var failed error
	for range steps {
		run := string("abc"[s.rng.IntN(3)])
		err := s.step(run)
		switch {
		case errors.Is(err, simvfs.ErrPowerOff) || err != nil && d.Off():
			return err
		case err != nil: // of one run, or of the store: whoever it concerns opens his run again
			failed = err
			if j := s.open[run]; j != nil {
				_ = j.Close() // it failed
				delete(s.open, run)
			}
		}
	}
	return failed
}

func (s *session) end() {
	for _, j := range s.open {
		_ = j.Close()
	}
	for _, st := range s.stores {
		if st != nil {
			_ = st.Close() // after a power cut it fails, and there is nothing to be saved
		}
	}
}

func (s *session) step(run string) error {
	k, store := s.m.runs[run], s.stores[s.rng.IntN(2)]
	j := s.open[run]
	if j == nil {
		return s.reopen(store, run, k)
	}
	switch s.rng.IntN(16) {
	case 0:
		delete(s.open, run)
		return j.Close()
	case 1:
		return s.remove(store, run, k, j)
	case 2:
		return s.snapshot(store, run, k)
	case 3:
		if k.noted == 0 {
			return nil
		}
		r := state.Request{Kind: state.AskPause}
		if s.rng.IntN(2) == 0 {
			return store.Ask(s.t.Context(), run, r)
		}
		_, err := store.Done(s.t.Context(), run, r, s.rng.IntN(2) == 0)
		return err
	case 4:
		err := j.Append(s.t.Context(), nil, true)
		if err == nil {
			k.synced = k.noted
		}
		return err
	}
	return s.append(run, k, j)
}

func (s *session) append(run string, k *known, j state.Journal) error {
	var events []state.Event
	for range 1 + s.rng.IntN(3) {
		size := s.rng.IntN(300)
		if s.rng.IntN(8) == 0 {
			size *= 80
		}
		events = append(events, item(fmt.Sprint(s.rng.IntN(1000)), strings.Repeat("x", size)))
	}
	sync := s.rng.IntN(2) == 0
	if j.Last() == 0 {
		events, sync = []state.Event{created(run)}, true
	}
	events = number(j.Last(), events...)
	for i := range events {
		events[i].Durable = uint64(k.synced)
		k.send(events[i].Seq, textOf(run, events[i]))
	}
	err := j.Append(s.t.Context(), events, sync)
	if err == nil {
		if k.noted += len(events); sync {
			k.sync()
		}
	}
	return err
}

func (s *session) reopen(store *Store, run string, k *known) error {
	j, err := store.Open(s.t.Context(), run, state.OpenOptions{})
	if err != nil {
		return err
	}
	s.open[run] = j
	last := int(j.Last())
	if k.leaving && last == 0 {
		k.noted, k.synced = 0, 0
	}
	require.GreaterOrEqual(s.t, last, k.noted, s.what)
	require.LessOrEqual(s.t, last, len(k.sent), s.what)
	k.noted, k.synced = last, last
	return nil
}

func (s *session) remove(store *Store, run string, k *known, j state.Journal) error {
	if k.noted == 0 || s.rng.IntN(3) > 0 {
		return nil
	}
	delete(s.open, run)
	if err := j.Close(); err != nil {
		return err
	}
	k.leaving = true
	err := store.Remove(s.t.Context(), run, state.RemoveOptions{Archive: s.rng.IntN(2) == 0})
	if err == nil {
		*k = known{}
	}
	return err
}

func (s *session) snapshot(store *Store, run string, k *known) error {
	if k.noted == 0 {
		return nil
	}
	e, err := state.ReadEvent(s.t.Context(), store, run, uint64(k.noted))
	if err != nil {
		return err
	}
	return store.SaveSnapshot(s.t.Context(), run, snapshotOf(run, e))
}

func (m *model) clone() *model {
	c := newModel()
	for run, k := range m.runs {
		*c.runs[run] = *k
		c.runs[run].sent = slices.Clone(k.sent)
	}
	return c
}

// storySteps is how long a story is; a longer one meets few operations of a new kind.
const storySteps = 40

// TestPowerCutAtEveryOperation cuts the power at every operation of random stories of two processes on one file. Whatever
// the disk holds then: it opens, each run is a gapless prefix of what was appended and holds everything that was
// acknowledged as synced; and so again when the power is cut in the middle of what follows.
func TestPowerCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(sizes.Get().SQLiteRuns) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			first := newDisk(t)
			whole := first.next(first.Clone(t.TempDir()))
			defer whole.drop()
			whole.Inject(simvfs.Fault{})
			require.NoError(t, story(t, whole, newModel(), seed, storySteps, ""))
			for at := 1 + int(seed)%sizes.Get().SQLiteEvery; at <= whole.Ops(); at += sizes.Get().SQLiteEvery {
				cutAt(t, first, seed, at)
			}
		})
	}
}

func cutAt(t *testing.T, first *disk, seed uint64, at int) {
	d, m := first.next(first.Clone(t.TempDir())), newModel()
	defer d.drop()
	d.Inject(simvfs.Fault{At: at, Err: simvfs.ErrPowerOff, Seed: seed})
	what := fmt.Sprintf("seed %d, cut at operation %d", seed, at)
	if err := story(t, d, m, seed, storySteps, what); err != nil {
		requirePower(t, err, what)
	}
	for image := range uint64(sizes.Get().SQLiteImages) {
		afterCut(t, d, m.clone(), seed<<32|uint64(at)<<8|image, fmt.Sprintf("%s, image %d", what, image))
	}
}

func requirePower(t *testing.T, err error, what string) {
	if !errors.Is(err, simvfs.ErrPowerOff) {
		require.True(t, isSQLite(err) || errors.Is(err, state.ErrJournalFailed), "%s: %v", what, err)
		require.NotErrorIs(t, err, state.ErrDamaged, what)
	}
}

func afterCut(t *testing.T, cut *disk, m *model, seed uint64, what string) {
	d := cut.next(cut.Crash(t.TempDir(), seed))
	defer d.drop()
	s, err := d.open()
	require.NoError(t, err, what)
	m.check(t, s, false, what)
	require.NoError(t, s.Close())
	rng := rand.New(rand.NewPCG(seed, 2))
	d.Inject(simvfs.Fault{At: 1 + rng.IntN(60), Err: simvfs.ErrPowerOff, Seed: seed})
	what += ", cut again"
	if err := story(t, d, m, seed, storySteps/4, what); err != nil {
		requirePower(t, err, what)
	}
	again := d.next(d.Crash(t.TempDir(), seed+1))
	defer again.drop()
	s, err = again.open()
	require.NoError(t, err, what)
	m.check(t, s, false, what)
	require.NoError(t, s.Close())
}

// TestEveryOperationFailsOnce lets each operation of random stories fail. Opening again finds everything acknowledged,
// and what it finds is on the disk: it survives a power cut right after, even where a failed sync has lost it before.
func TestEveryOperationFailsOnce(t *testing.T) {
	t.Parallel()
	errs := []error{sqlite3.IOERR, sqlite3.FULL, syscall.EACCES}
	for seed := range uint64(sizes.Get().SQLiteRuns) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			first := newDisk(t)
			whole := first.next(first.Clone(t.TempDir()))
			defer whole.drop()
			whole.Inject(simvfs.Fault{})
			require.NoError(t, story(t, whole, newModel(), seed, storySteps, ""))
			for at := 1 + int(seed)%sizes.Get().SQLiteEvery; at <= whole.Ops(); at += sizes.Get().SQLiteEvery {
				for i := range sizes.Get().FaultKinds {
					fault := simvfs.Fault{At: at, Err: errs[(at+i)%len(errs)], Seed: seed, Sticky: at%3 == 0}
					failAt(t, first, fault, fmt.Sprintf("seed %d, operation %d fails: %v", seed, at, fault.Err))
				}
			}
		})
	}
}

func failAt(t *testing.T, first *disk, fault simvfs.Fault, what string) {
	d, m := first.next(first.Clone(t.TempDir())), newModel()
	defer d.drop()
	d.Inject(fault)
	if err := story(t, d, m, fault.Seed, storySteps, what); err != nil {
		require.NotErrorIs(t, err, state.ErrDamaged, what)
	}
	d.Inject(simvfs.Fault{})
	s, err := d.open()
	require.NoError(t, err, what)
	m.check(t, s, true, what)
	for run, k := range m.runs { // what is opened is on the disk
		j, err := s.Open(t.Context(), run, state.OpenOptions{})
		require.NoError(t, err, what)
		k.synced = int(j.Last())
		require.Equal(t, k.noted, k.synced, what)
		require.NoError(t, j.Close())
	}
	cut := d.next(d.Crash(t.TempDir(), fault.Seed^uint64(fault.At)<<16))
	defer cut.drop()
	require.NoError(t, s.Close())
	s, err = cut.open()
	require.NoError(t, err, what)
	m.check(t, s, false, what+", then cut")
	require.NoError(t, s.Close())
}

// TestDeathOfTheProcess kills the process, not the machine, at every operation: notes survive as well.
func TestDeathOfTheProcess(t *testing.T) {
	t.Parallel()
	first := newDisk(t)
	whole := first.next(first.Clone(t.TempDir()))
	defer whole.drop()
	whole.Inject(simvfs.Fault{})
	require.NoError(t, story(t, whole, newModel(), 1, storySteps, ""))
	for at := 1; at <= whole.Ops(); at += sizes.Get().SQLiteEvery {
		killAt(t, first, at)
	}
}

func killAt(t *testing.T, first *disk, at int) {
	d, m := first.next(first.Clone(t.TempDir())), newModel()
	defer d.drop()
	d.Inject(simvfs.Fault{At: at, Err: simvfs.ErrPowerOff}) // nothing is written from there on
	what := fmt.Sprintf("killed at operation %d", at)
	if err := story(t, d, m, 1, storySteps, what); err != nil {
		requirePower(t, err, what)
	}
	next := d.next(d.Kill(t.TempDir()))
	defer next.drop()
	s, err := next.open()
	require.NoError(t, err, what)
	m.check(t, s, true, what)
	require.NoError(t, s.Close())
}

// TestNothingIsTrustedAfterAFailedSync has the sync of one run's event lose another run's note, as a system does that
// counts pages as written whose writing failed. Nobody may append after that, since a later sync would not cover the note;
// opening again writes it anew.
func TestNothingIsTrustedAfterAFailedSync(t *testing.T) {
	t.Parallel()
	first := newDisk(t)
	for seed := range uint64(20) {
		d := first.next(first.Clone(t.TempDir()))
		s, err := d.open()
		require.NoError(t, err)
		a, b := start(t, s, "a"), start(t, s, "b")
		write(t, a, 3, false)
		d.Inject(simvfs.Fault{At: 1, Syncs: true, Err: syscall.EIO, Seed: seed})
		err = b.Append(t.Context(), number(b.Last(), item("x", "y")), true)
		require.ErrorIs(t, err, sqlite3.IOERR)
		require.ErrorIs(t, err, state.ErrJournalFailed)
		err = a.Append(t.Context(), number(a.Last(), item("x", "y")), true)
		require.ErrorIs(t, err, state.ErrJournalFailed, "seed %d", seed)
		require.NoError(t, errors.Join(a.Close(), b.Close()))
		a = resume(t, s, "a")
		require.EqualValues(t, 4, a.Last())
		write(t, a, 1, true)
		cut, err := d.next(d.Crash(t.TempDir(), seed)).open()
		require.NoError(t, err)
		list, err := collect(t.Context(), cut, "a", state.Query{})
		require.NoError(t, err)
		require.Len(t, list, 5, "seed %d", seed)
		require.NoError(t, errors.Join(cut.Close(), a.Close(), s.Close()))
	}
}
