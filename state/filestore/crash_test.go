package filestore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore/internal/simfs"
	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// replayVariable names one case of the tests below, as their failures do: the seed of its story, the operation that
// fails, and the image of the disk. With it they run that one and no other.
const replayVariable = "DOGEAR_CRASH"

// cuts is a test of every operation of random stories.
type cuts struct {
	t      *testing.T
	name   string
	images int // of the disk, or kinds of failure, for each operation

	only  []uint64 // seed, operation, image; empty: all
	cases atomic.Int64
	done  atomic.Int64
}

func newCuts(t *testing.T, images int) *cuts {
	s := &cuts{t: t, name: t.Name(), images: images}
	for part := range strings.SplitSeq(os.Getenv(replayVariable), "/") {
		if n, err := strconv.ParseUint(part, 10, 64); err == nil {
			s.only = append(s.only, n)
		}
	}
	t.Cleanup(func() { t.Logf("cases: %d cuts × %d images = %d", s.done.Load(), images, s.cases.Load()) })
	return s
}

// seeds runs each story as a subtest.
func (s *cuts) seeds(n int, story func(t *testing.T, seed uint64)) {
	for seed := range uint64(n) {
		if len(s.only) == 3 {
			if seed > 0 {
				return
			}
			seed = s.only[0]
		}
		s.t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			story(t, seed)
		})
	}
}

// cut runs one case for each image, unless another one is asked for.
func (s *cuts) cut(t *testing.T, seed uint64, at int, one func(image uint64, what string)) {
	if len(s.only) == 3 && s.only[1] != uint64(at) {
		return
	}
	s.done.Add(1)
	for image := range uint64(s.images) {
		if len(s.only) == 3 {
			image = s.only[2]
		}
		what := fmt.Sprintf("%s=%d/%d/%d go test -run '^%s$' ./state/filestore", replayVariable, seed, at, image, s.name)
		done := false
		func() {
			defer func() {
				if !done { // a panic, or a check that failed
					t.Logf("to run this case again: %s", what)
				}
			}()
			one(image, what)
			done = true
		}()
		s.cases.Add(1)
		if len(s.only) == 3 {
			return
		}
	}
}

// TestPowerCutAtEveryOperation cuts the power at every operation of random runs. Whatever the disk holds then: opening
// succeeds, and finds a gapless prefix of what was emitted that holds everything acknowledged; and the same holds when
// the power is cut again in the middle of what follows.
func TestPowerCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	all := newCuts(t, sizes.Get().CrashImages)
	all.seeds(sizes.Get().CrashRuns, func(t *testing.T, seed uint64) {
		whole := simfs.New()
		require.NoError(t, story(t, whole, &model{}, seed, ""))
		for at := 1; at <= whole.Ops(); at++ {
			disk, m := simfs.New(), &model{}
			part := int(seed+uint64(at)*37) % 101
			disk.Inject(simfs.Fault{At: at, Err: simfs.ErrPowerOff, Part: part})
			err := story(t, disk, m, seed, fmt.Sprintf("seed %d, operation %d", seed, at))
			if at < whole.Ops() { // the last one may be the cutting of the padding, of which nobody hears
				require.ErrorIs(t, err, simfs.ErrPowerOff)
			}
			all.cut(t, seed, at, func(image uint64, what string) {
				m := m.clone()
				afterCut(t, disk.Crash(image), &m, seed^image<<8^uint64(at)<<16, what)
			})
		}
	})
}

// afterCut goes on after a crash, is cut again somewhere, and goes on once more.
func afterCut(t *testing.T, disk *simfs.FS, m *model, seed uint64, what string) {
	rng := rand.New(rand.NewPCG(seed, 2))
	disk.Inject(simfs.Fault{At: 1 + rng.IntN(60), Err: simfs.ErrPowerOff, Part: rng.IntN(101)})
	err := story(t, disk, m, seed, what)
	if err != nil {
		require.ErrorIs(t, err, simfs.ErrPowerOff, "an ordinary power cut is no damage: %s", what)
	}
	again := disk.Crash(seed)
	require.NoError(t, story(t, again, m, seed+1, what))
}

// TestEveryOperationFailsOnce lets each operation of random runs fail, once or from then on. The next opening finds
// everything acknowledged, and what it finds is on the disk: it survives a power cut right after.
func TestEveryOperationFailsOnce(t *testing.T) {
	t.Parallel()
	all := newCuts(t, sizes.Get().FaultKinds)
	all.seeds(sizes.Get().FaultRuns, func(t *testing.T, seed uint64) {
		whole := simfs.New()
		require.NoError(t, story(t, whole, &model{}, seed, ""))
		for at := 1; at <= whole.Ops(); at++ {
			all.cut(t, seed, at, func(image uint64, what string) {
				fault := faults[(uint64(at)+image)%uint64(len(faults))]
				rng := rand.New(rand.NewPCG(seed, uint64(at)))
				disk, m := simfs.New(), &model{}
				disk.Inject(simfs.Fault{At: at, Err: fault, Part: rng.IntN(101), Sticky: rng.IntN(3) == 0})
				if err := story(t, disk, m, seed, what); err != nil {
					require.ErrorIs(t, err, fault, what)
					require.NotErrorIs(t, err, state.ErrDamaged, what)
				}
				disk.Inject(simfs.Fault{})
				s := newSession(t, open(disk, testDir), rng, m, what)
				require.NoError(t, s.begin(), what)
				s.kill()
				require.NoError(t, s.j.Close())
				require.NoError(t, story(t, disk.Crash(seed), m, seed+1, what))
			})
		}
	})
}

// TestFailedSyncIsFinal: after a failed sync the journal refuses everything, and says why.
func TestFailedSyncIsFinal(t *testing.T) {
	t.Parallel()
	disk, m := simfs.New(), &model{}
	s := &session{t: t, store: open(disk, testDir), rng: rand.New(rand.NewPCG(1, 1)), m: m}
	require.NoError(t, s.begin())
	require.NoError(t, s.append(true, createdEvent()))
	require.NoError(t, s.append(false, s.event()))
	disk.Inject(simfs.Fault{At: 1, Err: syscall.EIO})
	err := s.append(true) // nothing but a sync
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.ErrorIs(t, err, syscall.EIO)
	err = s.append(true, s.event())
	require.ErrorIs(t, err, state.ErrJournalFailed)
	require.ErrorContains(t, err, syscall.EIO.Error())
	require.Error(t, s.snapshot(), "a snapshot must not claim what is not on the disk")
	require.NoError(t, s.j.Close())

	// The record can still be read, and is not on the disk: opening must write it again.
	s = &session{t: t, store: open(disk, testDir), rng: s.rng, m: m}
	m.emitted = m.emitted[:2]
	require.NoError(t, s.begin())
	require.EqualValues(t, 2, s.j.Last())
	for image := range uint64(20) {
		again := &session{t: t, store: open(disk.Crash(image), testDir), m: &model{emitted: m.emitted, acked: 2}, what: fmt.Sprint("image ", image)}
		require.NoError(t, again.begin())
		require.NoError(t, again.j.Close())
	}
}

// TestRemoveCutAtEveryOperation: a run that is being archived or deleted is there as it was, or gone; and one that was
// archived is in the archive, whole.
func TestRemoveCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	lines := sample(t, 9)
	journal := append(join(lines), newlinesOf(700)...)
	all := newCuts(t, sizes.Get().CrashImages*5)
	all.seeds(2, func(t *testing.T, seed uint64) {
		o := []state.RemoveOptions{{}, {Archive: true, Suffix: "old"}}[seed]
		for at, err := 1, simfs.ErrPowerOff; err != nil; at++ {
			s := put(t, journal, nil)
			require.NoError(t, makeDirs(s.fs, s.path(testRun, requestsDir)))
			disk := simulated(s)
			disk.Inject(cutAt(at))
			err = s.Remove(t.Context(), testRun, o)
			all.cut(t, seed, at, func(image uint64, what string) {
				after := open(disk.Crash(image), testDir)
				got, readErr := contents(after)
				if readErr == nil {
					require.Equal(t, lines, got, what)
					require.Error(t, err, "gone is gone: %s", what)
					return
				}
				require.ErrorIs(t, readErr, state.ErrNotFound, what)
				if o.Archive {
					data, err := readFile(after.fs, after.path(archiveDir+"/"+testRun+"-old", journalFile))
					require.NoError(t, err, what)
					require.Equal(t, journal, data, what)
				}
			})
		}
	})
}

// TestDroppedTailIsGoneBeforeAnythingElseIsWritten: what stands behind a dropped record has a number that would fit
// behind the record that takes its place.
func TestDroppedTailIsGoneBeforeAnythingElseIsWritten(t *testing.T) {
	t.Parallel()
	lines := sample(t, 8) // 1; 2, 3 synced; 4, 5, 6 synced …
	torn := join(lines[:5])
	torn[len(join(lines[:3]))+20] ^= 1 // record 4 is broken, record 5 is not, and neither was acknowledged
	require.EqualValues(t, 3, proofOf(lines[:5]))
	for image := range uint64(200) {
		disk := put(t, torn, nil).fs.(*simfs.FS)
		m := &model{emitted: append([][]byte{}, lines[:3]...), acked: 3}
		s := &session{t: t, store: open(disk, testDir), m: m, what: fmt.Sprint("image ", image)}
		s.store.padding = int64(image % 2) // without it nothing is written over the dropped records
		require.NoError(t, s.begin())
		require.Equal(t, uint64(4), s.j.Recovery().From)
		require.EqualValues(t, len(lines[3])+len(lines[4]), s.j.Recovery().BytesLost)
		old, err := state.DecodeRecord(lines[3], testID)
		require.NoError(t, err)
		old.Item = "9" // as long as before, and another
		require.NoError(t, s.append(false, old))
		require.NoError(t, s.j.Close())
		again := &session{t: t, store: open(disk.Crash(image), testDir), m: m, what: s.what}
		require.NoError(t, again.begin())
		require.NoError(t, again.j.Close())
	}
}
