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
	before, err := n.free(ctx)
	if err != nil {
		return err
	}
	one, two := n.Command(ctx, c.first.args(n)...), n.Command(ctx, c.second.args(n)...)
	together(r.t, r.Waiting, r.waits(n), one, two)
	first, second := outcomeOf(one, two), outcomeOf(two, one)
	outcome := first + ", " + second
	if !slices.Contains(c.outcomes, outcome) {
		return fmt.Errorf("%s came to %q; the first said:\n%s\nthe second said:\n%s", c.name, outcome, one.Output(), two.Output())
	}
	r.seen[c.name+": "+outcome]++
	after, err := n.Account(ctx)
	switch removed := second == "removed"; {
	case err != nil:
		return err
	case after.Held:
		return fmt.Errorf("the run is held, and nobody is left to hold it")
	case after.Exists == removed:
		return fmt.Errorf("the run exists: %t, and it was removed: %t", after.Exists, removed)
	}
	if first == "paused" {
		last := n.Command(ctx, resume.args(n)...)
		if code, err := last.Run(); code != 0 || err != nil {
			return fmt.Errorf("afterwards the run can't be resumed: code %d: %w", code, err)
		}
	}
	if err := r.paid(n, c, one, two, r.ref.Requests-len(before.Answers)); err != nil || !after.Exists {
		return err
	}
	if c.second.replaces { // with what the old run had
		_, err := n.complete(ctx, r.t, r.ref)
		return err
	}
	return n.Check(ctx, r.t, r.ref)
}

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

// paid: what was not recorded before was asked for once, by one process; what belongs to a run that replaced the old one by
// the process that began it.
func (r *racer) paid(n *Novel, c contest, one, two *Child, left int) error {
	asked := 0
	for _, child := range n.children {
		if child.Client >= one.Client {
			asked += len(n.Server.Of(child.Client))
		}
	}
	first, second := len(n.Server.Of(one.Client)), len(n.Server.Of(two.Client))
	replaced := false
	for _, p := range []struct {
		command
		outcome string
		asked   int
	}{{c.first, outcomeOf(one, two), first}, {c.second, outcomeOf(two, one), second}} {
		all := left
		if p.replaces {
			all = r.ref.Requests
		}
		done := p.outcome == "done"
		replaced = replaced || p.replaces && done
		switch {
		case p.asked == 0 && (!p.replaces || !done), p.works && p.asked == all && done, p.outcome == "paused":
		default:
			return fmt.Errorf("a process that ended as %q asked %d times", p.outcome, p.asked)
		}
	}
	switch {
	case replaced:
	case first > 0 && second > 0:
		return fmt.Errorf("both worked: %d and %d requests", first, second)
	case asked != left && outcomeOf(two, one) != "removed":
		return fmt.Errorf("%d requests for %d answers that were not there", asked, left)
	}
	return nil
}
