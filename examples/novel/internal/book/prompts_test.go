package book

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testWorld is a small plan with everything that prompts are made of.
func testWorld(chapters int) world {
	w := world{
		plan: Plan{StoryArc: StoryArc{
			Title: "The Salt Clock", Premise: "A clock that runs on tides stops.", Themes: []string{"time", "debt"},
			Acts: []Act{{"Ebb", "It stops."}, {"Slack", "They search."}, {"Flood", "It runs."}},
			Arcs: []RoleArc{{"the keeper", "learns to let go"}},
		}},
		cast: []Character{
			{Name: "Ines", FullName: "Ines Maria Duarte", AKA: "the Keeper, Clock Ines", Description: "Small and exact.", Goals: "To hear it tick.", Notes: "Left-handed.", Major: true},
			{Name: "Pell", FullName: "Arthur Pell", AKA: "Old Pell", Description: "Sells bait.", Goals: "To be paid."},
		},
		places: []Location{{Name: "Harbour Tower", AKA: "the Tower", Description: "Forty steps."}, {Name: "The Flats", Description: "Mud."}},
	}
	for i := range chapters {
		w.plan.Progression = append(w.plan.Progression, fmt.Sprintf("Event %d happens.", i+1))
	}
	return w
}

func testChapters(n int) []Chapter {
	var cs []Chapter
	for i := range n {
		cs = append(cs, Chapter{Number: i + 1, ChapterPlan: ChapterPlan{Title: fmt.Sprintf("Title %d", i+1), Summary: fmt.Sprintf("Summary %d.", i+1), Scenes: []ScenePlan{
			{Title: "Arrival", Summary: "Ines arrives.", Characters: []string{"Ines"}, Location: "Harbour Tower"},
			{Title: "Quarrel", Summary: "They quarrel.", Characters: []string{"Ines", "Pell", "Stranger"}, Location: "The Flats"},
		}}})
	}
	return cs
}

// prompts are all prompts of a book.
func prompts(chapters int) []string {
	w := testWorld(chapters)
	cs := testChapters(chapters)
	out := []string{
		planPrompt("mystery", chapters), charactersPrompt("mystery", w.plan), locationsPrompt("mystery", w.plan, w.cast),
		progressionPrompt(w.plan, "mystery", chapters+5, 5), outlinePrompt("mystery", chapters, chapters-chapters/2, w, cs[:chapters/2]),
	}
	for _, s := range w.scenes(cs) {
		out = append(out, structurePrompt(s))
		s.Goal, s.Conflict, s.Outcome = "To wind it.", "No key.", "It stays silent."
		out = append(out, prosePrompt("mystery", 300, s, ""), prosePrompt("mystery", 300, s, "It ended so."),
			briefPrompt("mystery", s, ""), briefPrompt("mystery", s, "It ended so."), editPrompt(300))
	}
	return out
}

func TestPromptsArePure(t *testing.T) {
	first := prompts(4)
	for range 50 {
		require.Equal(t, first, prompts(4))
	}
	for _, p := range first {
		require.NotRegexp(t, regexp.MustCompile(`20\d\d-\d\d|0x[0-9a-f]{6}|%!|map\[`), p)
	}
}

func TestProsePromptTellsTheScene(t *testing.T) {
	w := testWorld(2)
	scenes := w.scenes(testChapters(2))
	require.Len(t, scenes, 4)
	opening := prosePrompt("mystery", 300, scenes[0], "")
	require.True(t, strings.HasPrefix(opening, "Write a scene of a mystery novel in about 300 words."), "the length comes first")
	require.Contains(t, opening, "Characters: Ines\n")
	require.Contains(t, opening, "Location: Harbour Tower\n")
	require.Contains(t, opening, "opens the novel")
	require.Contains(t, opening, "Left-handed")

	second := prosePrompt("mystery", 300, scenes[1], "First.\n\nShe closed the door.")
	require.Contains(t, second, "She closed the door.")
	require.Contains(t, second, "Characters: Ines, Pell, Stranger\n", "an unknown name stays")

	third := prosePrompt("mystery", 300, scenes[2], "")
	require.Contains(t, third, "What happened in the chapter before: Summary 1.")
	require.Empty(t, scenes[3].Before)
	require.Contains(t, prosePrompt("mystery", 300, scenes[3], "x"), "ends the novel")
	require.NotContains(t, third, "ends the novel")
}

func TestOutlineOfABigBookStaysSmall(t *testing.T) {
	w := testWorld(200)
	p := outlinePrompt("mystery", 200, outlineBatch, w, testChapters(190))
	require.Contains(t, p, "chapters 191 to 200")
	require.Contains(t, p, "Chapter 190, Title 190: Summary 190.")
	require.NotContains(t, p, "Summary 180.")
	require.Less(t, words(p), 1000)
	require.Less(t, words(charactersPrompt("mystery", w.plan)), 1000)
	short := testWorld(3) // a plan shorter than the book, as an edit could leave it
	require.NotPanics(t, func() { outlinePrompt("mystery", 200, outlineBatch, short, testChapters(190)) })
}

func TestSceneKeys(t *testing.T) {
	s := Scene{Chapter: 3, Number: 12}
	require.Equal(t, "c03/s12", s.Key())
	require.Equal(t, "c03", s.Lane())
	require.Equal(t, "c200/s01", sceneKey(200, 1))
}

func TestRoster(t *testing.T) {
	w := testWorld(1)
	tests := []struct {
		given, want string
		known       bool
	}{
		{"Ines", "Ines", true}, {" ines ", "Ines", true}, {"Ines  Maria Duarte", "Ines", true}, {"Clock Ines", "Ines", true},
		{"the keeper", "Ines", true}, {"Old Pell", "Pell", true}, {"Nobody\nElse", "Nobody Else", false},
	}
	for _, tt := range tests {
		got, ok := castRoster(w.cast).find(tt.given)
		require.Equal(t, tt.want, got)
		require.Equal(t, tt.known, ok, tt.given)
	}
	got, ok := placeRoster(w.places).find("Flats")
	require.True(t, ok)
	require.Equal(t, "The Flats", got)
}

func TestEnding(t *testing.T) {
	require.Equal(t, "b b\n\nc", ending("a a a\n\nb b\n\nc\n", 4))
	require.Equal(t, "… c d", ending("a b c d", 2))
	require.Equal(t, "a", ending("a", 10))
	require.Empty(t, ending("", 10))
}

func TestBareTitle(t *testing.T) {
	for in, want := range map[string]string{
		"Chapter 3: The Fall": "The Fall", "chapter seven - Dust": "Dust", "The Fall": "The Fall",
		"Chapter 4": "Chapter 4", "A\nB": "A B", "Chapter and Verse": "Chapter and Verse",
	} {
		require.Equal(t, want, bareTitle(in))
	}
}

func TestSampleKeepsFirstAndLast(t *testing.T) {
	list := make([]int, 200)
	for i := range list {
		list[i] = i
	}
	got := sample(list, 30)
	require.Len(t, got, 30)
	require.Equal(t, 0, got[0])
	require.Equal(t, 199, got[29])
}

func TestTypesSurviveJSON(t *testing.T) {
	scene := testWorld(1).scenes(testChapters(1))[0]
	data, err := json.Marshal(scene)
	require.NoError(t, err)
	var back Scene
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, scene, back)
	data, err = json.Marshal(Plan{StoryArc: testWorld(1).plan.StoryArc, Progression: []string{"x"}})
	require.NoError(t, err)
	require.Contains(t, string(data), `"title":"The Salt Clock"`)
	require.NotContains(t, string(data), "StoryArc")
}

func TestParamsCheck(t *testing.T) {
	good := Defaults()
	require.NoError(t, good.Check())
	tests := map[string]struct {
		change func(*Params)
		says   string
	}{
		"no chapters":       {func(p *Params) { p.Chapters = 0 }, "--chapters must be 1 to 200"},
		"negative chapters": {func(p *Params) { p.Chapters = -3 }, "--chapters"},
		"too many chapters": {func(p *Params) { p.Chapters = 201 }, "--chapters"},
		"few words":         {func(p *Params) { p.Words = 49 }, "--words must be 50 to 20000"},
		"many words":        {func(p *Params) { p.Words = 20_001 }, "--words"},
		"no genre":          {func(p *Params) { p.Genre = "  " }, "--genre"},
		"genre of lines":    {func(p *Params) { p.Genre = "a\nb" }, "--genre"},
		"endless genre":     {func(p *Params) { p.Genre = strings.Repeat("x", 201) }, "--genre"},
		"unknown embedder":  {func(p *Params) { p.Embed = "nobody" }, "--embed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := Defaults()
			tt.change(&p)
			require.ErrorContains(t, p.Check(), tt.says)
		})
	}
}

func TestNewBuilds(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	require.NotNil(t, p)
}
