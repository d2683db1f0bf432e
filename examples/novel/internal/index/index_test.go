package index

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func entry(t *testing.T, d Document) Entry {
	t.Helper()
	e, err := Embed(context.Background(), Offline, hashing{}, d)
	require.NoError(t, err)
	data, err := json.Marshal(e) // as it comes out of a journal
	require.NoError(t, err)
	var back Entry
	require.NoError(t, json.Unmarshal(data, &back))
	return back
}

func book(t *testing.T) []Entry {
	filler := strings.Repeat("Rain fell on the roofs of the town and nobody came to the door that evening. ", 12)
	return []Entry{
		entry(t, Document{Kind: "character", Key: "character/Ines", Title: "Ines", Text: "Keeper of the clock. She is afraid of deep water."}),
		entry(t, Document{Kind: "location", Key: "location/Tower", Title: "Harbour Tower", Text: "Forty steps, a bell of bronze, and gulls."}),
		entry(t, Document{Kind: "scene", Key: "scene/c01/s01", Title: "The Last Tick",
			Text: filler + "\n\nInes turned the brass key twice, and the mechanism of the clock broke in her hands. " + filler + "\n\n" + filler}),
		entry(t, Document{Kind: "scene", Key: "scene/c01/s02", Title: "Footprints", Text: filler + "\n\nWet footprints led over the mud to a smuggler's boat."}),
	}
}

func TestSearchFindsThePassage(t *testing.T) {
	x, err := New(context.Background(), "book", book(t))
	require.NoError(t, err)
	tests := []struct{ question, key, text string }{
		{"Who broke the clock's mechanism with the brass key?", "scene/c01/s01", "brass key twice"},
		{"Where do the footprints lead?", "scene/c01/s02", "smuggler"},
		{"What is Ines afraid of?", "character/Ines", "deep water"},
		{"Where is a bronze bell?", "location/Tower", "Forty steps"},
	}
	for _, tt := range tests {
		t.Run(tt.question, func(t *testing.T) {
			hits, err := x.Search(context.Background(), hashing{}, tt.question, 2)
			require.NoError(t, err)
			require.NotEmpty(t, hits)
			require.Equal(t, tt.key, hits[0].Key)
			require.Equal(t, 1, hits[0].Rank)
			require.Contains(t, hits[0].Text, tt.text)
		})
	}
}

func TestSearchIsDeterministic(t *testing.T) {
	x, err := New(context.Background(), "book", book(t))
	require.NoError(t, err)
	first, err := x.Search(context.Background(), hashing{}, "rain on the roofs", 10)
	require.NoError(t, err)
	for range 20 {
		again, err := x.Search(context.Background(), hashing{}, "rain on the roofs", 10)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}

func TestAnEntryReplacesTheEarlierOne(t *testing.T) {
	old := entry(t, Document{Kind: "scene", Key: "scene/c01/s01", Title: "One", Text: "The dragon slept in the cellar."})
	edited := entry(t, Document{Kind: "scene", Key: "scene/c01/s01", Title: "One", Text: "The kettle boiled over."})
	x, err := New(context.Background(), "book", []Entry{old, edited})
	require.NoError(t, err)
	hits, err := x.Search(context.Background(), hashing{}, "dragon in the cellar", 5)
	require.NoError(t, err)
	require.Empty(t, hits)
}

func TestSearchErrors(t *testing.T) {
	_, err := New(context.Background(), "book", nil)
	require.ErrorContains(t, err, "nothing is indexed")
	x, err := New(context.Background(), "book", book(t))
	require.NoError(t, err)
	_, err = x.Search(context.Background(), hashing{}, "?!", 3)
	require.ErrorContains(t, err, "no words")
	other := book(t)
	other[1].Embedder = "openai:x"
	_, err = New(context.Background(), "book", other)
	require.ErrorContains(t, err, "location/Tower")
}

func TestSplitKeepsEveryWord(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "w%d", i)
		b.WriteString(map[bool]string{true: "\n\n", false: " "}[i%300 == 7 || i == 1000])
	}
	text := b.String()
	passages := Split(text)
	require.Greater(t, len(passages), 5)
	require.Equal(t, strings.Fields(text), strings.Fields(strings.Join(passages, " ")))
	for _, p := range passages {
		require.LessOrEqual(t, len(strings.Fields(p)), enough+tooMuch)
	}
	require.Empty(t, Split(" \n\n "))
}

func TestVectorSurvivesJSON(t *testing.T) {
	in, err := hashing{}.EmbedQuery(context.Background(), "the quick brown fox jumps over the lazy dog by the river")
	require.NoError(t, err)
	data, err := json.Marshal(Vector(in))
	require.NoError(t, err)
	require.Less(t, len(data), 700)
	var out Vector
	require.NoError(t, json.Unmarshal(data, &out))
	var dot float64
	for i := range in {
		dot += float64(in[i]) * float64(out[i])
	}
	require.InDelta(t, 1, dot, 0.01)
	again, err := json.Marshal(out)
	require.NoError(t, err)
	require.Equal(t, data, again, "encoding what was decoded changes nothing")
}
