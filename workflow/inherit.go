package workflow

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/dogear-go/dogear/state"
)

// inheritance is what was answered to earlier generations of a run's scopes. A scope that was invalidated because its
// inputs changed may replay these answers where the request is equal. They are in no fold, so the journal is read for
// them, once a step.
type inheritance struct {
	mu    sync.Mutex
	steps map[string]map[state.Scope][]oldAnswer
}

// oldAnswer is a recorded answer or Do result, not killed by any failed attempt.
type oldAnswer struct {
	seq  uint64
	gen  int
	hash string // of the request; empty: a Do's result
	do   string // its key
}

// inherit adds the answers of earlier generations to a scope, before those of its own.
func (s *session) inherit(ctx context.Context, sc *scope) error {
	s.old.mu.Lock()
	defer s.old.mu.Unlock()
	of, ok := s.old.steps[sc.at.Step]
	if !ok {
		var err error
		if of, err = s.oldAnswers(ctx, sc.at.Step); err != nil {
			return fmt.Errorf("reading the earlier answers of step %s: %w", sc.at.Step, err)
		}
		if s.old.steps == nil {
			s.old.steps = map[string]map[state.Scope][]oldAnswer{}
		}
		s.old.steps[sc.at.Step] = of
	}
	answers, dos := map[string][]uint64{}, map[string][]uint64{}
	for _, a := range of[sc.at] {
		switch {
		case a.gen >= sc.gen:
		case a.hash != "":
			answers[a.hash] = append(answers[a.hash], a.seq)
		default:
			dos[a.do] = append(dos[a.do], a.seq)
		}
	}
	for hash, seqs := range sc.answers {
		answers[hash] = append(answers[hash], seqs...)
	}
	for key, seqs := range sc.dos {
		dos[key] = append(dos[key], seqs...)
	}
	sc.answers, sc.dos, sc.inherited = answers, dos, true
	return nil
}

// disinherit forgets what a failed attempt of this session killed.
func (s *session) disinherit(at state.Scope, keepTo *uint64) {
	s.old.mu.Lock()
	defer s.old.mu.Unlock()
	if of := s.old.steps[at.Step]; of != nil && keepTo != nil {
		of[at] = upTo(of[at], *keepTo)
	}
}

// upTo drops the answers with numbers above keepTo.
func upTo(answers []oldAnswer, keepTo uint64) []oldAnswer {
	return slices.DeleteFunc(answers, func(a oldAnswer) bool { return a.seq > keepTo })
}

func (s *session) oldAnswers(ctx context.Context, step string) (map[state.Scope][]oldAnswer, error) {
	of := map[state.Scope][]oldAnswer{}
	for e, err := range s.run.cfg.Store.Events(ctx, s.run.name, state.Query{Scope: &state.Scope{Step: step}}) {
		if err != nil {
			return nil, err
		}
		switch d := e.Data.(type) {
		case state.CallAnswered:
			of[e.Scope] = append(of[e.Scope], oldAnswer{seq: e.Seq, gen: e.Gen, hash: d.Hash})
		case state.DoCompleted:
			of[e.Scope] = append(of[e.Scope], oldAnswer{seq: e.Seq, gen: e.Gen, do: d.Key})
		case state.AttemptFailed:
			if d.KeepTo != nil {
				of[e.Scope] = upTo(of[e.Scope], *d.KeepTo)
			}
		case state.Invalidated:
			for _, at := range d.Scopes {
				if !d.Replay {
					delete(of, at)
				}
			}
		}
	}
	return of, nil
}
