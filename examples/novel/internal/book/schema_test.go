package book

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

func outlineSchema(t *testing.T, n int) (*jsonschema.Schema, *jsonschema.Resolved) {
	t.Helper()
	s, err := jsonschema.For[chapterList](nil)
	require.NoError(t, err)
	reshape(s, testWorld(n).outlineShapes(n))
	r, err := s.Resolve(nil)
	require.NoError(t, err)
	return s, r
}

func TestOutlineSchemaCountsChapters(t *testing.T) {
	_, r := outlineSchema(t, 2)
	scene := func() map[string]any {
		return map[string]any{"title": "T", "summary": "S", "characters": []any{"Ines"}, "location": "The Flats"}
	}
	chapter := func(scenes ...any) map[string]any {
		return map[string]any{"title": "T", "summary": "S", "scenes": scenes}
	}
	valid := func(chapters ...any) error { return r.Validate(map[string]any{"chapters": chapters}) }
	good := chapter(scene(), scene())
	require.NoError(t, valid(good, good))
	require.Error(t, valid(good), "too few chapters")
	require.Error(t, valid(good, good, good), "too many chapters")
	require.Error(t, valid(good, chapter(scene())), "too few scenes")
	require.Error(t, valid(good, chapter(scene(), scene(), scene(), scene(), scene())), "too many scenes")

	stranger := scene()
	stranger["characters"], stranger["location"] = []any{"A Stranger"}, "Nowhere"
	require.NoError(t, valid(good, chapter(stranger, scene())), "an unknown name is no reason to ask again")
}

// The names stand in the schema, and whoever follows it uses them.
func TestOutlineSchemaOffersTheNames(t *testing.T) {
	s, r := outlineSchema(t, 3)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	ctx := resilience.WithSchema(context.Background(), "chapters", raw)
	w := testWorld(3)
	resp, err := offline.New().GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, outlinePrompt("mystery", 3, 3, w, nil))})
	require.NoError(t, err)
	var any map[string]any
	require.NoError(t, json.Unmarshal([]byte(resp.Choices[0].Content), &any))
	require.NoError(t, r.Validate(any))
	var list chapterList
	require.NoError(t, json.Unmarshal([]byte(resp.Choices[0].Content), &list))
	require.Len(t, list.Chapters, 3)
	for _, c := range list.Chapters {
		for _, sc := range c.Scenes {
			_, ok := placeRoster(w.places).find(sc.Location)
			require.True(t, ok, sc.Location)
			for _, n := range sc.Characters {
				_, ok := castRoster(w.cast).find(n)
				require.True(t, ok, n)
			}
		}
	}
}
