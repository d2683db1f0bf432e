package killtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Reference is what an uninterrupted novel comes to.
type Reference struct {
	Manuscript string
	Requests   int           // the least that can be asked
	Took       time.Duration // from the start of its process to the end
	Tail       time.Duration // from the last answer to the end
}

// Reference writes a novel without interruption.
func (p Program) Reference(ctx context.Context, t testing.TB, delay time.Duration, chapters int) Reference {
	t.Helper()
	n := p.Novel(t, NewServer(t, delay), chapters)
	c := n.Command(ctx, n.Begin()...)
	code, err := c.Run()
	require.NoError(t, err)
	require.Zero(t, code, c.Output())
	ended, requests := time.Now(), n.Server.Requests()
	n.Server.Close()
	bodies := map[[32]byte]bool{}
	var last time.Time
	for _, r := range requests {
		bodies[r.Body] = true
		if r.Answered.After(last) {
			last = r.Answered
		}
	}
	require.Len(t, bodies, len(requests), "the uninterrupted run asks nothing twice")
	ref := Reference{Manuscript: n.Manuscript(t), Requests: len(requests), Took: ended.Sub(c.Started), Tail: ended.Sub(last)}
	require.NoError(t, n.Check(ctx, t, ref))
	return ref
}

// Check returns what is wrong with a novel that was interrupted and is complete: another manuscript, an answer that was
// paid for although it was recorded, more requests lost than can have been in flight.
func (n *Novel) Check(ctx context.Context, t testing.TB, ref Reference) error {
	t.Helper()
	answers, err := n.complete(ctx, t, ref)
	if err != nil {
		return err
	}
	requests := n.Server.Requests()
	if err := notAgain(answers, requests); err != nil {
		return err
	}
	return n.lostInFlight(answers, requests)
}

// complete returns the answers of a novel that is as it should be, whatever other runs there were under its name.
func (n *Novel) complete(ctx context.Context, t testing.TB, ref Reference) ([]Answer, error) {
	if n.Manuscript(t) != ref.Manuscript {
		return nil, fmt.Errorf("the manuscript is not that of the uninterrupted run")
	}
	a, err := n.Account(ctx)
	if err != nil {
		return nil, err
	}
	if len(a.Answers) != ref.Requests {
		return nil, fmt.Errorf("%d answers are recorded, not %d", len(a.Answers), ref.Requests)
	}
	return a.Answers, distinct(a.Answers, len(n.Server.Requests()))
}

// distinct: a recorded answer is the only one to its request, and was paid for by a request of its own.
func distinct(answers []Answer, requests int) error {
	scopes, serials := map[string]bool{}, map[int]bool{}
	for _, a := range answers {
		at := fmt.Sprint(a.Scope, a.Hash)
		if a.Serial < 1 || a.Serial > requests {
			return fmt.Errorf("%v: the recorded answer is to the request %d of %d", a.Scope, a.Serial, requests)
		}
		if scopes[at] || serials[a.Serial] {
			return fmt.Errorf("%v: two answers to one request are recorded", a.Scope)
		}
		scopes[at], serials[a.Serial] = true, true
	}
	return nil
}

// notAgain: what is recorded was never asked for by a later process.
func notAgain(answers []Answer, requests []Request) error {
	for _, a := range answers {
		paid := requests[a.Serial-1]
		for i, r := range requests {
			if r.Body == paid.Body && i+1 != a.Serial && r.Client >= paid.Client {
				return fmt.Errorf("%v: process %d recorded the answer, and process %d asked again", a.Scope, paid.Client, r.Client)
			}
		}
	}
	return nil
}

// lostInFlight: what a process asked and did not record was in flight when something died.
func (n *Novel) lostInFlight(answers []Answer, requests []Request) error {
	lost, blows := map[int]int{}, 0
	for _, r := range requests {
		lost[r.Client]++
	}
	for _, a := range answers {
		lost[requests[a.Serial-1].Client]--
	}
	for _, c := range n.children {
		blows += c.blows
		if most := c.blows * Parallel; lost[c.Client] > most {
			return fmt.Errorf("process %d, which was struck %d times, lost %d answers, more than %d", c.Client, c.blows, lost[c.Client], most)
		}
	}
	if most := len(answers) + blows*Parallel; len(requests) > most {
		return fmt.Errorf("%d requests, more than %d", len(requests), most)
	}
	return nil
}
