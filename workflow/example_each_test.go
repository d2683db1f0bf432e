package workflow_test

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/state/memstore"
	"github.com/dogear-go/dogear/workflow"
)

// Scene is an item. What an item needs stands in its value.
type Scene struct {
	Chapter int    `json:"chapter"`
	Name    string `json:"name"`
}

// Key names a scene for ever.
func (s Scene) Key() string { return fmt.Sprintf("%d/%s", s.Chapter, s.Name) }

// Lane puts the scenes of a chapter one behind the other.
func (s Scene) Lane() string { return fmt.Sprint(s.Chapter) }

// An Each runs a function for each of its items, several side by side. Items of one lane run in order, and see what the
// one before gave.
func ExampleNewEach() {
	outline := workflow.NewTask("outline", func(context.Context) ([]Scene, error) {
		return []Scene{{1, "dawn"}, {1, "noon"}, {2, "dusk"}}, nil
	})
	prose := workflow.NewEach("prose", outline.Result, Scene.Key,
		func(ctx context.Context, s Scene) (string, error) {
			before, ok, err := workflow.Previous[string](ctx)
			if err != nil {
				return "", err
			}
			if !ok {
				before = "nothing"
			}
			return fmt.Sprintf("%s, which follows %s", s.Name, before), nil // a model would write here
		},
		workflow.Lane(Scene.Lane), workflow.Concurrency(2))
	novel, err := workflow.New("novel", outline, prose)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	run, err := novel.Run(ctx, "first", workflow.Config{Store: memstore.New()})
	if err != nil {
		fmt.Println(err) // ErrPartial when items failed; the others have their results
		return
	}
	texts, err := prose.Results(run.Context(ctx))
	for _, text := range texts {
		fmt.Println(text)
	}
	fmt.Println(err)
	// Output:
	// dawn, which follows nothing
	// noon, which follows dawn, which follows nothing
	// dusk, which follows nothing
	// <nil>
}
