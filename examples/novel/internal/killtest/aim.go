package killtest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// aim is the instant of a blow: some time after a process got some answers.
type aim struct {
	at      string // in words, for the figures
	answers int    // zero: since its start
	after   time.Duration
}

// The aims. A third of the blows falls anywhere, the others where little happens in little time: a run that begins, an
// answer that is recorded, a step that ends with an export and a checkpoint, a run that closes.
const (
	anywhere = "anywhere"
	starting = "at the start"
	answered = "after an answer"
	closing  = "at the end"
)

// startTime is how long a program takes to start its run, and answerTime how long it works on an answer or on the end of a
// step, at most and about.
const (
	startTime  = 40 * time.Millisecond
	answerTime = 8 * time.Millisecond
)

// choose draws an aim for a process that has so many answers to get.
func choose(random *rand.Rand, ref Reference, left int) aim {
	within := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(max(d, 1)))) }
	switch n := random.IntN(6); {
	case n < 2 || left <= 0:
		return aim{anywhere, 0, within(ref.Took)}
	case n == 2:
		return aim{starting, 0, within(startTime)}
	case n == 3:
		return aim{closing, left, within(ref.Tail)}
	default:
		return aim{answered, 1 + random.IntN(left), within(answerTime)}
	}
}

func (a aim) String() string { return fmt.Sprintf("%s (%d answers, %v)", a.at, a.answers, a.after) }

// await waits for the instant; false: the process ended before.
func (a aim) await(c *Child, s *Server) bool {
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
