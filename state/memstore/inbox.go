package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dogear-go/dogear/state"
)

// Ask leaves a request for the run.
func (s *Store) Ask(ctx context.Context, name string, r state.Request) error {
	if err := s.begin(ctx, name); err != nil {
		return err
	}
	switch r.Kind {
	case state.AskPause, state.AskApprove, state.AskReject:
	default:
		return fmt.Errorf("ask %q of run %q: %w", r.Kind, name, state.ErrUnsupported)
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	r.Time = r.Time.UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	of, err := s.find(name)
	if err != nil {
		return err
	}
	if r.Kind == state.AskPause { // there is only one
		of.requests = slices.DeleteFunc(of.requests, func(x state.Request) bool { return x.Same(r) })
	}
	of.requests = append(of.requests, r)
	slices.SortStableFunc(of.requests, func(a, b state.Request) int { return a.Time.Compare(b.Time) })
	return nil
}

// Requests returns what is asked of the run now, oldest first.
func (s *Store) Requests(ctx context.Context, name string) ([]state.Request, error) {
	if err := s.begin(ctx, name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.runs[name]
	if of == nil {
		return nil, nil
	}
	return slices.Clone(of.requests), nil
}

// Done takes a request away.
func (s *Store) Done(ctx context.Context, name string, r state.Request, stale bool) (string, error) {
	if err := s.begin(ctx, name); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.runs[name]
	if of == nil {
		return "", nil
	}
	i := slices.IndexFunc(of.requests, func(x state.Request) bool { return x.Same(r) })
	if i < 0 {
		return "", nil
	}
	of.requests = slices.Delete(of.requests, i, i+1)
	if !stale {
		return "", nil
	}
	return fmt.Sprintf("%s.stale-%s", r.Kind, time.Now().UTC().Format("20060102T150405.000000000Z")), nil
}
