package killtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// contest is two commands that are given for one run at the same instant.
type contest struct {
	name          string
	interrupted   bool // the run was begun and killed before; else there is none yet
	first, second command
	outcomes      []string // those of the two that may be: see outcomeOf
}

// command is what one of the two is told to do.
type command struct {
	args     func(*Novel) []string
	works    bool // on the run, if it gets it
	replaces bool // it moves the run aside, and works on a new one
}

func flag(name string) func(*Novel) []string {
	return func(n *Novel) []string { return append(n.Begin(), name) }
}

func verb(words ...string) func(*Novel) []string { return func(*Novel) []string { return words } }

var (
	start  = command{args: (*Novel).Begin, works: true}
	resume = command{args: flag("--resume"), works: true}
	fresh  = command{args: flag("--fresh"), works: true, replaces: true}
	pause  = command{args: verb("pause")}
	repair = command{args: verb("repair")}
	prune  = command{args: verb("prune", "--older-than", "0s", "--force")}
)

const withPause = "resume and pause"

// contests are all of them. Whoever loses says what is true at that moment: who works on the run, that it exists, that it
// does not, that there is nothing left to do.
var contests = []contest{
	{"start and start", false, start, start, []string{"done, held", "done, exists", "held, done", "exists, done"}},
	{"start and resume", false, start, resume, []string{"done, held", "done, none", "done, done"}},
	{"start and resume of what was begun", true, start, resume, []string{"held, done", "exists, done"}},
	{"resume and resume", true, resume, resume, []string{"done, held", "held, done", "done, done"}},
	{withPause, true, resume, pause, []string{"done, done", "done, idle", "paused, done"}},
	{"resume and repair", true, resume, repair, []string{"done, done"}},
	{"resume and prune", true, resume, prune, []string{"done, done", "done, removed", "none, removed", "gone, removed", "held, removed"}},
	{"resume and fresh", true, resume, fresh, []string{"done, held", "done, done", "held, done", "none, done", "gone, done"}},
	{"fresh and fresh", true, fresh, fresh, []string{"done, held", "held, done", "done, done", "gone, done", "done, gone", "exists, done", "done, exists"}},
}

// delay of an answer: the whole run is over before the loser gives up to wait for it, or it is not, or it lasts until the
// pause file is seen.
func (c contest) delay(random *rand.Rand) time.Duration {
	switch {
	case c.name == withPause:
		return 70 * time.Millisecond
	case random.IntN(3) == 0:
		return 30 * time.Millisecond
	default:
		return time.Millisecond
	}
}

// outcomeOf says in one word how a process ended: by its exit code and, where that leaves it open, by what it printed.
func outcomeOf(c, other *Child) string {
	out := c.Output()
	holder := fmt.Sprintf("is being worked on by process %d on ", other.Process.Pid)
	switch code := c.ProcessState.ExitCode(); {
	case code == 0 && strings.Contains(out, "1 run removed"):
		return "removed"
	case code == 0:
		return "done"
	case code == 4:
		return "paused"
	case code == 1 && strings.Contains(out, holder):
		return "held"
	case code == 2 && strings.Contains(out, "exists already"):
		return "exists"
	case code == 2 && strings.Contains(out, "there is no run"):
		return "none"
	case code == 2 && strings.Contains(out, "no such run"):
		return "gone"
	case code == 2 && strings.Contains(out, "is not running"):
		return "idle"
	default:
		return fmt.Sprintf("code %d", code)
	}
}
