package book

import (
	"context"
	"errors"

	"github.com/dogear-go/dogear/workflow"
)

// results are what a run has so far.
type results struct {
	plan     *Plan // nil before there is one
	cast     []Character
	places   []Location
	chapters []Chapter
	turns    map[string]Scene  // structured scenes, by key
	drafts   map[string]string // texts, by key
	edited   map[string]string
}

// text of a scene: edited where it was, else as it was written, else empty.
func (r results) text(key string) string {
	if t := r.edited[key]; t != "" {
		return t
	}
	return r.drafts[key]
}

// read collects the results of the run whose reading context this is.
func read(ctx context.Context) (results, error) {
	plan, ok, err := have(StoryPlan.Result(ctx))
	if !ok || err != nil {
		return results{}, err
	}
	r := results{plan: &plan, turns: map[string]Scene{}}
	if r.cast, _, err = have(Characters.Result(ctx)); err != nil {
		return results{}, err
	}
	if r.places, _, err = have(Locations.Result(ctx)); err != nil {
		return results{}, err
	}
	if r.chapters, _, err = have(Outline.Result(ctx)); err != nil {
		return results{}, err
	}
	return r, r.readScenes(ctx)
}

func (r *results) readScenes(ctx context.Context) error {
	scenes, _, err := have(Structure.Results(ctx))
	if err != nil {
		return err
	}
	for _, s := range scenes {
		r.turns[s.Key()] = s
	}
	drafts, _, err := have(Prose.Results(ctx))
	if err != nil {
		return err
	}
	edited, _, err := have(Edit.Results(ctx))
	if err != nil {
		return err
	}
	r.drafts, r.edited = byKey(drafts), byKey(edited)
	return nil
}

// have tells a result that is there, in whole or in part, from one that is not there yet.
func have[T any](v T, err error) (T, bool, error) {
	var zero T
	switch {
	case err == nil, errors.Is(err, workflow.ErrPartial):
		return v, true, nil
	case errors.Is(err, workflow.ErrNoResult):
		return zero, false, nil
	}
	return zero, false, err
}
