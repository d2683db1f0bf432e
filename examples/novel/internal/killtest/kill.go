package killtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dogear-go/dogear/state"
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

// Figures are what [Run] measured.
type Figures struct {
	Kills      int // SIGKILLs
	Strikes    int
	Novels     int
	Answers    int                 // recorded
	Requests   int                 // that were asked for them
	Latencies  []time.Duration     // from the start of a process that went on to its first request, sorted
	Busy       int                 // resumes that were late while the machine was too busy to start any process in time
	Aims       map[string]int      // where the blows fell
	Unfinished map[string]struct{} // temporary files that a killed process left, by kind
}

// String is one line.
func (f Figures) String() string {
	var aims []string
	for _, at := range slices.Sorted(maps.Keys(f.Aims)) {
		aims = append(aims, fmt.Sprintf("%d %s", f.Aims[at], at))
	}
	line := fmt.Sprintf("%d kills and %d strikes (%s) over %d novels: %d requests for %d answers", f.Kills, f.Strikes,
		strings.Join(aims, ", "), f.Novels, f.Requests, f.Answers)
	if n := len(f.Latencies); n > 0 {
		line += fmt.Sprintf("; %d resumes began new work after %v (median), %v at most", n,
			f.Latencies[n/2].Round(time.Millisecond), f.Latencies[n-1].Round(time.Millisecond))
	}
	if f.Busy > 0 {
		line += fmt.Sprintf("; %d more not counted, since the machine was too busy to tell", f.Busy)
	}
	if len(f.Unfinished) > 0 {
		line += "; left unfinished: " + strings.Join(slices.Sorted(maps.Keys(f.Unfinished)), ", ")
	}
	return line
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
	for k.figures.Kills+k.figures.Strikes < cfg.Kills {
		n := p.Novel(t, NewServer(t, answerDelay), chapters)
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
}

// write writes one novel to its end, with one process after another.
func (k *killer) write(ctx context.Context, n *Novel) error {
	for {
		before, err := k.free(ctx, n)
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
		left := k.ref.Requests - len(before.Answers)
		if err := k.strike(ctx, n, c, left); err != nil {
			return err
		}
		if err := k.inTime(ctx, n, c, left); err != nil {
			return err
		}
		k.leftovers(n)
		if code := c.ProcessState.ExitCode(); code == 0 {
			break
		} else if c.blows == 0 {
			return fmt.Errorf("process %d, which nobody struck, ended with code %d", c.Client, code)
		}
	}
	k.figures.Novels++
	k.figures.Answers += k.ref.Requests
	k.figures.Requests += len(n.Server.Requests())
	return n.Check(ctx, k.t, k.ref)
}

// free reads the journal when nobody works on the run. The dead hold it for no longer than the store's lease.
func (k *killer) free(ctx context.Context, n *Novel) (Account, error) {
	for began := time.Now(); ; {
		a, err := n.Account(ctx)
		if err != nil || !a.Held {
			return a, err
		}
		if time.Since(began) > k.Lease {
			return a, fmt.Errorf("the run is held by a process that was killed: %w", state.ErrLocked)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return a, ctx.Err()
		}
	}
}

// strike hits the process, or something else, until the process has ended.
func (k *killer) strike(ctx context.Context, n *Novel, c *Child, left int) error {
	for {
		a := choose(k.random, k.ref, left)
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
		c.note("struck %v", a)
		k.figures.Strikes++
		k.figures.Aims[a.at]++
		if err := k.Strike(ctx); err != nil {
			return err
		}
	}
}

// inTime: a process that went on where another was killed asked in time, if there was something to ask.
func (k *killer) inTime(ctx context.Context, n *Novel, c *Child, left int) error {
	if left <= 0 || c.Client == 1 || !n.children[c.Client-2].killed {
		return nil
	}
	took, requests := time.Since(c.Started), n.Server.Of(c.Client)
	if len(requests) > 0 {
		took = requests[0].At.Sub(c.Started)
	}
	switch {
	case took <= k.Within && len(requests) == 0: // killed before
	case took <= k.Within:
		k.figures.Latencies = append(k.figures.Latencies, took)
	case k.busy(ctx):
		k.figures.Busy++
	default:
		return fmt.Errorf("process %d asked nothing new for %v after its start, more than %v", c.Client, took, k.Within)
	}
	return nil
}

// busy says that the machine is starved: even a process that does nothing takes long now.
func (k *killer) busy(ctx context.Context) bool {
	const long = 200 * time.Millisecond // ten times what it takes
	began := time.Now()
	for range 3 {
		_ = exec.CommandContext(ctx, k.Path, "--help").Run() // it has nothing to fail at
	}
	return time.Since(began) > 3*long
}

// leftovers notes which files were being written when the process died.
func (k *killer) leftovers(n *Novel) {
	for _, pattern := range []string{filepath.Join(n.Dir, ".*.tmp"), filepath.Join(n.Dir, n.Name, "*.tmp")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			continue // the folder's name is no pattern
		}
		for _, f := range files {
			name := strings.ReplaceAll(filepath.Base(f), n.Name, "Book")
			if rest, ok := strings.CutPrefix(name, ".Book"); ok {
				name = "Book." + strings.Split(rest, ".")[1]
			}
			k.figures.Unfinished[name] = struct{}{}
		}
	}
}
