package killtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// contest is two commands that are given for one run at the same instant.
type contest struct {
	name          string
	interrupted   bool // the run was begun and killed before; else there is none yet
	first, second func(*Novel) []string
	// outcomes are those of the two that may be: see outcomeOf.
	outcomes []string
}

func start(n *Novel) []string  { return n.Begin() }
func resume(n *Novel) []string { return append(n.Begin(), "--resume") }
func fresh(n *Novel) []string  { return append(n.Begin(), "--fresh") }

func verb(name string) func(*Novel) []string { return func(*Novel) []string { return []string{name} } }

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

const withPause = "resume and pause"

// contests are all of them. Whoever loses says what is true at that moment: who works on the run, that it exists, that it
// does not, that there is nothing left to do.
var contests = []contest{
	{"start and start", false, start, start, []string{"done, held", "done, exists", "held, done", "exists, done"}},
	{"start and resume", false, start, resume, []string{"done, held", "done, none", "done, done"}},
	{"start and resume of what was begun", true, start, resume, []string{"held, done", "exists, done"}},
	{"resume and resume", true, resume, resume, []string{"done, held", "held, done", "done, done"}},
	{withPause, true, resume, verb("pause"), []string{"done, done", "done, idle", "paused, done"}},
	{"resume and repair", true, resume, verb("repair"), []string{"done, done"}},
	{"resume and fresh", true, resume, fresh, []string{"done, held", "done, done", "held, done", "none, done", "gone, done"}},
}

// outcomeOf says in one word how a process ended: by its exit code and, where that leaves it open, by what it printed.
func outcomeOf(c, other *Child) string {
	out := c.Output()
	holder := fmt.Sprintf("is being worked on by process %d on ", other.Process.Pid)
	switch code := c.ProcessState.ExitCode(); {
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

// Race has two processes start, resume, pause, repair or replace one run at the same instant, or one soon after the other,
// so many times. It fails the test unless exactly one works on the run, the other says why it does not, by its exit code and
// its words, only what was not recorded is paid for, once, and the book is right in the end. It logs one line of figures.
func Race(ctx context.Context, t testing.TB, p Program, rounds int) {
	t.Helper()
	seed := sizes.Seed()
	r := &racer{Program: p, t: t, random: rand.New(rand.NewPCG(seed, 1)), ref: p.Reference(ctx, t, time.Millisecond, 1), seen: map[string]int{}}
	began := time.Now()
	for i := range rounds {
		c := contests[i%len(contests)]
		n := p.Novel(t, NewServer(t, c.delay(r.random)), 1)
		if err := r.round(ctx, n, c); err != nil {
			require.NoError(t, err, "%s=%d, round %d, %s:\n%s", sizes.SeedVariable, seed, i+1, c.name, n.History())
		}
		n.Server.Close()
		require.NoError(t, os.RemoveAll(n.Dir))
	}
	var lines []string
	for _, outcome := range slices.Sorted(maps.Keys(r.seen)) {
		lines = append(lines, fmt.Sprintf("%s %d", outcome, r.seen[outcome]))
	}
	t.Logf("%d rounds in %v: %s (seed %d)", rounds, time.Since(began).Round(time.Second), strings.Join(lines, "; "), seed)
}

type racer struct {
	Program
	t      testing.TB
	random *rand.Rand
	ref    Reference
	seen   map[string]int // contest and outcome → rounds
}

func (r *racer) round(ctx context.Context, n *Novel, c contest) error {
	if c.interrupted {
		if err := r.interrupt(ctx, n); err != nil {
			return err
		}
	}
	before, err := r.free(ctx, n)
	if err != nil {
		return err
	}
	left := r.ref.Requests - len(before.Answers)
	one, two := n.Command(ctx, c.first(n)...), n.Command(ctx, c.second(n)...)
	together(r.t, r.Waiting, r.waits(n), one, two)
	outcome := outcomeOf(one, two) + ", " + outcomeOf(two, one)
	if !slices.Contains(c.outcomes, outcome) {
		return fmt.Errorf("%s came to %q; the first said:\n%s\nthe second said:\n%s", c.name, outcome, one.Output(), two.Output())
	}
	r.seen[c.name+": "+outcome]++
	after, err := n.Account(ctx)
	if err != nil {
		return err
	}
	if after.Held {
		return fmt.Errorf("the run is held, and nobody is left to hold it")
	}
	if outcome == "paused, done" {
		last := n.Command(ctx, resume(n)...)
		if code, err := last.Run(); code != 0 || err != nil {
			return fmt.Errorf("afterwards the run can't be resumed: code %d: %w", code, err)
		}
	}
	if err := r.paid(n, one, two, left); err != nil {
		return err
	}
	if replaced(two) { // with what the old run had
		_, err := n.complete(ctx, r.t, r.ref)
		return err
	}
	return n.Check(ctx, r.t, r.ref)
}

// replaced: the process moved the run aside and began a new one.
func replaced(c *Child) bool { return strings.Contains(c.Output(), "moved the old run") }

// interrupt begins a run and kills it after some answers.
func (r *racer) interrupt(ctx context.Context, n *Novel) error {
	c := n.Command(ctx, n.Begin()...)
	if err := c.Start(); err != nil {
		return err
	}
	a := aim{answers: 1 + r.random.IntN(r.ref.Requests-Parallel)}
	if !a.await(c, n.Server) || !c.Kill() {
		return fmt.Errorf("the run was over before it was killed %v", a)
	}
	c.note("killed %v", a)
	return nil
}

// waits of the two at the barrier: none, or one comes at some instant of the other's work.
func (r *racer) waits(n *Novel) []time.Duration {
	waits := make([]time.Duration, 2)
	if r.random.IntN(2) == 0 {
		whole := r.ref.Took + time.Duration(r.ref.Requests)*time.Duration(n.Server.delay.Load())
		waits[r.random.IntN(2)] = time.Duration(r.random.Int64N(int64(whole)))
	}
	return waits
}

// paid: what was not recorded before was asked for once, by one process. Where the run was replaced, a process worked
// through the old one or not at all, and the other through the new one.
func (r *racer) paid(n *Novel, one, two *Child, left int) error {
	asked, whole := 0, left
	for _, c := range n.children {
		if c.Client >= one.Client {
			asked += len(n.Server.Of(c.Client))
		}
	}
	first, second := len(n.Server.Of(one.Client)), len(n.Server.Of(two.Client))
	if replaced(two) {
		whole = r.ref.Requests
		if first != 0 {
			whole += left
		}
		if second != r.ref.Requests {
			return fmt.Errorf("the new run was begun by a process that asked %d times, not %d", second, r.ref.Requests)
		}
	} else if first > 0 && second > 0 {
		return fmt.Errorf("both worked: %d and %d requests", first, second)
	}
	if asked != whole {
		return fmt.Errorf("%d requests for %d answers that were not there", asked, whole)
	}
	return nil
}
