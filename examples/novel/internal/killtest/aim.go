package killtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// aim is the instant of a blow: some time after a process got some answers, or while it writes a file.
type aim struct {
	at      string // in words, for the figures
	answers int    // zero: since its start
	after   time.Duration
	file    string // pattern of the file's temporary name; empty: none
}

// The aims. A quarter of the blows falls anywhere, the others where little happens in little time: a run that begins, an
// answer that is recorded, a step that ends, a run that closes, an export and a checkpoint that are being written.
const (
	anywhere   = "anywhere"
	starting   = "at the start"
	answered   = "after an answer"
	closing    = "at the end"
	exporting  = "in an export"
	checkpoint = "in a checkpoint"
	approving  = "in an approval"
)

// startTime is how long a program takes to start its run, and answerTime how long it works on an answer or on the end of a
// step, at most and about.
const (
	startTime  = 40 * time.Millisecond
	answerTime = 8 * time.Millisecond
)

// choose draws an aim for a process that has so many answers to get.
func (n *Novel) choose(random *rand.Rand, ref Reference, left int) aim {
	within := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(max(d, 1)))) }
	switch k := random.IntN(8); {
	case k == 2:
		return aim{at: exporting, file: n.exports()}
	case k == 3:
		return aim{at: checkpoint, file: n.checkpoints()}
	case k < 2 || left <= 0:
		return aim{at: anywhere, after: within(ref.Took)}
	case k == 4:
		return aim{at: starting, after: within(startTime)}
	case k == 5:
		return aim{at: closing, answers: left, after: within(ref.Tail)}
	default:
		return aim{at: answered, answers: 1 + random.IntN(left), after: within(answerTime)}
	}
}

// The temporary files of what is written while a run goes on.
func (n *Novel) exports() string     { return filepath.Join(n.Dir, "."+n.Name+".*.tmp") }
func (n *Novel) checkpoints() string { return filepath.Join(n.Dir, n.Name, "*.tmp") }

func (a aim) String() string { return fmt.Sprintf("%s (%d answers, %v)", a.at, a.answers, a.after) }

// await waits for the instant; false: the process ended before.
func (a aim) await(c *Child, s *Server) bool {
	if a.file != "" {
		return a.awaitFile(c)
	}
	for {
		n, changed := s.answered(c.Client)
		if n >= a.answers {
			break
		}
		select {
		case <-changed:
		case <-c.Ended():
			return false
		}
	}
	select {
	case <-time.After(a.after):
		return true
	case <-c.Ended():
		return false
	}
}

// awaitFile waits until the process writes such a file: one that others left does not count.
func (a aim) awaitFile(c *Child) bool {
	const often = 100 * time.Microsecond // a file is synced before it gets its name, which takes longer
	tick := time.NewTicker(often)
	defer tick.Stop()
	for left := written(a.file); ; {
		select {
		case <-c.Ended():
			return false
		case <-tick.C:
		}
		for name, at := range written(a.file) {
			if before, ok := left[name]; !ok || !before.Equal(at) {
				return true
			}
		}
	}
}

// written are the files of a pattern, and when they were written to last.
func written(pattern string) map[string]time.Time {
	at := map[string]time.Time{}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return at // there is no such pattern
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			at[name] = info.ModTime()
		}
	}
	return at
}
