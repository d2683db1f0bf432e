package killtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state/storetest/sizes"
)

// Config says how [Run] kills. The zero value kills nothing.
type Config struct {
	// Kills is how many times something is killed, at least. The novel that is being written then is finished.
	Kills int

	// Strike kills something else than the program, which is running, at once, and returns when that is there again: the
	// server of its database. Defaults to nothing else.
	Strike func(ctx context.Context) error

	// Strikes is how many of 100 blows are Strike's; the others kill the program. Defaults to 75 where there is a Strike.
	Strikes int

	// Within is how long a process whose predecessor was killed may take from its start to its first request, where work is
	// left. Defaults to one second.
	Within time.Duration
}

const (
	answerDelay = 3 * time.Millisecond
	chapters    = 3
)

// Run writes novels and kills the program at random instants, again and again until each novel is complete. It fails the
// test unless each has the manuscript of an uninterrupted run, each recorded answer was asked for once, only calls in flight
// were lost, and every process that went on began new work in time. It logs one line of figures, and returns them.
func Run(ctx context.Context, t testing.TB, p Program, cfg Config) Figures {
	t.Helper()
	if cfg.Within == 0 {
		cfg.Within = time.Second
	}
	if cfg.Strike != nil && cfg.Strikes == 0 {
		cfg.Strikes = 75
	}
	seed := sizes.Seed()
	k := &killer{Program: p, Config: cfg, t: t, random: rand.New(rand.NewPCG(seed, 0)), ref: p.Reference(ctx, t, answerDelay, chapters),
		figures: Figures{Aims: map[string]int{}, Unfinished: map[string]struct{}{}}}
	watching, stop := context.WithCancel(ctx)
	d, wait := watchDisk(watching, t)
	defer wait()
	defer stop()
	k.disk = d
	for k.figures.Kills+k.figures.Strikes < cfg.Kills {
		n := p.Novel(t, NewServer(t, answerDelay), chapters)
		n.reviewed = k.random.IntN(3) == 0
		if err := k.write(ctx, n); err != nil {
			require.NoError(t, err, "%s=%d, novel %d:\n%s", sizes.SeedVariable, seed, k.figures.Novels+1, n.History())
		}
		n.Server.Close()
		require.NoError(t, os.RemoveAll(n.Dir))
	}
	slices.Sort(k.figures.Latencies)
	t.Logf("%s (seed %d)", k.figures, seed)
	return k.figures
}

type killer struct {
	Program
	Config
	t       testing.TB
	random  *rand.Rand
	ref     Reference
	figures Figures
	disk    *disk
}

// write writes one novel to its end, with one process after another.
func (k *killer) write(ctx context.Context, n *Novel) error {
	for {
		before, err := n.free(ctx)
		if err != nil {
			return err
		}
		args := n.Begin()
		if before.Exists {
			args = append(args, "--resume")
		}
		c := n.Command(ctx, args...)
		if err := c.Start(); err != nil {
			return err
		}
		n.Server.watch(c.Client, c.starvation)
		left := k.ref.Requests - len(before.Answers)
		if err := k.strike(ctx, n, c, left); err != nil {
			return err
		}
		if err := k.inTime(n, c, left); err != nil {
			return err
		}
		k.figures.leftovers(n)
		switch code := c.ProcessState.ExitCode(); {
		case code == 0:
			k.figures.Novels++
			k.figures.Answers += k.ref.Requests
			k.figures.Requests += len(n.Server.Requests())
			return n.Check(ctx, k.t, k.ref)
		case code == waiting && n.reviewed:
			if err := k.approve(ctx, n); err != nil {
				return err
			}
		case c.blows == 0:
			return fmt.Errorf("process %d, which nobody struck, ended with code %d", c.Client, code)
		}
	}
}

// The exit codes of a command that was refused, and of a run that waits for a person.
const (
	refused = 2
	waiting = 4
)

// approve approves what the run waits for, with one process after another until one has done it.
func (k *killer) approve(ctx context.Context, n *Novel) error {
	for {
		c := n.approve(ctx)
		if err := c.Start(); err != nil {
			return err
		}
		a := aim{at: approving, after: time.Duration(k.random.Int64N(int64(startTime)))}
		if k.random.IntN(2) == 0 && a.await(c, n.Server) && c.Kill() {
			c.note("killed %v", a)
			k.figures.Kills++
			k.figures.Aims[a.at]++
			continue
		}
		<-c.Ended()
		code := c.ProcessState.ExitCode()
		before := n.children[c.Client-2].killed && code == refused && strings.Contains(c.Output(), "decided already")
		if code != 0 && !before { // by the one that was killed
			return fmt.Errorf("process %d, which nobody struck, could not approve: code %d", c.Client, code)
		}
		k.figures.Approved++
		return nil
	}
}

// strike hits the process, or something else, until the process has ended.
func (k *killer) strike(ctx context.Context, n *Novel, c *Child, left int) error {
	for {
		a := n.choose(k.random, k.ref, left)
		other := k.Strike != nil && k.random.IntN(100) < k.Strikes
		if !a.await(c, n.Server) {
			return nil
		}
		if !other {
			if c.Kill() {
				c.note("killed %v", a)
				k.figures.Kills++
				k.figures.Aims[a.at]++
			}
			return nil
		}
		c.struck = true
		c.blows++
		c.note("struck %v", a)
		k.figures.Strikes++
		k.figures.Aims[a.at]++
		if err := k.Strike(ctx); err != nil {
			return err
		}
	}
}

// inTime: a process that went on where another was killed asked in time, if there was something to ask and nothing else was
// killed under it. For how long the machine gave it no processor and no disk is not held against it.
func (k *killer) inTime(n *Novel, c *Child, left int) error {
	if left <= 0 || c.struck || c.Client == 1 || !n.children[c.Client-2].killed {
		return nil
	}
	took, dry := c.lived, c.dry
	if took == 0 {
		took = time.Since(c.Started)
	}
	requests := n.Server.Of(c.Client)
	if len(requests) > 0 {
		took, dry = requests[0].At.Sub(c.Started), requests[0].Starved
	}
	syncing := k.disk.busy(c.Started, c.Started.Add(took))
	if len(requests) > 0 {
		k.figures.Latencies = append(k.figures.Latencies, took)
		k.figures.Starved = max(k.figures.Starved, dry+syncing)
	}
	if took-dry-syncing > k.Within {
		return fmt.Errorf("process %d asked nothing new for %v after its start, more than %v, and waited only %v for a processor and %v for the disk",
			c.Client, took, k.Within, dry, syncing)
	}
	return nil
}
