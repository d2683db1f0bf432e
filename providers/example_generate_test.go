package providers_test

import (
	"context"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
)

func ExampleGenerate() {
	type Idea struct {
		Title string `json:"title" jsonschema:"at most five words"`
		Why   string `json:"why"`
	}
	models, err := providers.FromEnv() // the offline sample author
	if err != nil {
		fmt.Println(err)
		return
	}
	ideas, err := providers.Generate[[]Idea](context.Background(), models.Default, "Three ideas for a talk on tides.")
	fmt.Println(len(ideas), err)
	// Output: 3 <nil>
}

func ExampleGenerate_text() {
	models, err := providers.FromEnv()
	if err != nil {
		fmt.Println(err)
		return
	}
	scene, err := providers.Generate[string](context.Background(), models.Default,
		"Write a scene of about 400 words.", resilience.Soft(resilience.MinWords(380)))
	fmt.Println(len(scene) > 1500, err)
	// Output: true <nil>
}

func ExampleShapeSchema() {
	type Chapter struct {
		Title string `json:"title"`
		Point string `json:"point_of_view"`
	}
	models, err := providers.FromEnv()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := providers.ShapeSchema(context.Background(), func(s *jsonschema.Schema) {
		s.MinItems, s.MaxItems = jsonschema.Ptr(4), jsonschema.Ptr(4)
		s.Items.Properties["point_of_view"].Enum = []any{"Ada"}
	})
	chapters, err := providers.Generate[[]Chapter](ctx, models.Default, "Outline the book.")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(chapters), chapters[3].Point)
	// Output: 4 Ada
}
