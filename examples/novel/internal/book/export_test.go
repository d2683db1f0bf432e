package book

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func testResults() results {
	w := testWorld(2)
	r := results{plan: &w.plan, cast: w.cast, places: w.places, chapters: testChapters(2), turns: map[string]Scene{}}
	s := w.scenes(r.chapters)[0]
	s.Goal, s.Conflict, s.Outcome = "To wind it.", "No key.", "Silence."
	r.turns[s.Key()] = s
	r.drafts = map[string]string{"c01/s01": "Written.", "c01/s02": "Written too.\n\n# not a heading"}
	r.edited = map[string]string{"c01/s01": "Edited."}
	return r
}

func TestManuscript(t *testing.T) {
	const want = `# The Salt Clock

## Chapter 1: Title 1

### Arrival

Edited.

### Quarrel

Written too.

\# not a heading

## Chapter 2: Title 2

### Arrival

*Missing: scene 1 of chapter 2 is not written yet.*

### Quarrel

*Missing: scene 2 of chapter 2 is not written yet.*
`
	require.Equal(t, want, string(testResults().manuscript()))
	require.Contains(t, string(results{plan: &Plan{}}.manuscript()), "No chapters yet")
}

func TestProject(t *testing.T) {
	p := testResults().project()
	require.Equal(t, "Chapter 1: Title 1", p.Chapters[0].Title)
	require.Equal(t, "Edited.", p.Chapters[0].Scenes[0].Content)
	require.Equal(t, "To wind it.", p.Chapters[0].Scenes[0].Goal)
	require.Equal(t, "Written too.\n\n# not a heading", p.Chapters[0].Scenes[1].Content)
	require.Empty(t, p.Chapters[1].Scenes[0].Content)
	require.True(t, p.Characters[0].Major)
	require.Equal(t, "the Tower", p.Locations[0].AKA)
	require.NoError(t, xml.Unmarshal(p.Encode(), new(struct{})))
	require.Equal(t, p.Encode(), testResults().project().Encode())
}

func TestProjectIsNotWrittenUnderYWriter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Book.yw7")
	require.NoError(t, writeProject(file, []byte("one")))
	require.NoError(t, os.WriteFile(file+".lock", nil, 0o600))
	require.ErrorContains(t, writeProject(file, []byte("two")), file+".lock")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "one", string(data))
	require.NoError(t, os.Remove(file+".lock"))
	require.NoError(t, writeProject(file, []byte("two")))
}

func TestDocuments(t *testing.T) {
	w := testWorld(1)
	docs := w.documents(testChapters(1), map[string]string{"c01/s02": "A text."})
	var keys []string
	for _, d := range docs {
		keys = append(keys, d.Key)
		require.NotEmpty(t, d.Text)
	}
	require.Equal(t, []string{"character/Ines", "character/Pell", "location/Harbour Tower", "location/The Flats", "scene/c01/s02"}, keys)
}
