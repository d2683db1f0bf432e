package book

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/state/filestore"
	"github.com/dogear-go/dogear/workflow"
)

// A novel in a folder of its own, small enough to be written in a moment.
type novel struct {
	t      *testing.T
	dir    string
	config workflow.Config
}

func newNovel(t *testing.T) *novel {
	t.Helper()
	n := &novel{t: t, dir: t.TempDir()}
	store, err := filestore.Open(n.dir)
	require.NoError(t, err)
	n.config = workflow.Config{
		Store: store, Model: offline.New(),
		Params: Params{Genre: "mystery", Chapters: 2, Words: 100, Embed: "offline"},
		Export: func(ctx context.Context) error { return Export(ctx, n.path()) },
	}
	return n
}

func (n *novel) path() string { return filepath.Join(n.dir, "Book") }

func (n *novel) run() (*workflow.Run, error) {
	n.t.Helper()
	p, err := New()
	require.NoError(n.t, err)
	return p.Run(context.Background(), "Book", n.config)
}

func (n *novel) write() *workflow.Run {
	n.t.Helper()
	run, err := n.run()
	require.NoError(n.t, err)
	return run
}

func (n *novel) file(ending string) string {
	n.t.Helper()
	data, err := os.ReadFile(n.path() + ending)
	require.NoError(n.t, err)
	return string(data)
}

// warnings counts the run's warnings by code.
func (n *novel) warnings(run *workflow.Run) map[string]int {
	n.t.Helper()
	st, err := run.State(context.Background())
	require.NoError(n.t, err)
	counts := map[string]int{}
	for _, w := range st.Warnings {
		counts[w.Code] = w.Count
	}
	return counts
}

// author changes what the offline author answers, and counts how often it was asked.
type author struct {
	offline.Author
	change func(prompt, text string) (string, error)

	mu    sync.Mutex // guards calls
	calls int
}

func (a *author) GenerateContent(ctx context.Context, msgs []llms.MessageContent, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	a.mu.Lock()
	a.calls++
	a.mu.Unlock()
	resp, err := a.Author.GenerateContent(ctx, msgs, opts...)
	if err != nil || a.change == nil {
		return resp, err
	}
	var prompt strings.Builder
	for _, m := range msgs {
		for _, p := range m.Parts {
			if text, ok := p.(llms.TextContent); ok {
				prompt.WriteString(text.Text)
			}
		}
	}
	resp.Choices[0].Content, err = a.change(prompt.String(), resp.Choices[0].Content)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func TestTheBookDoesNotDependOnConcurrency(t *testing.T) {
	t.Parallel()
	one, four := newNovel(t), newNovel(t)
	four.config.Concurrency = 4
	one.write()
	run := four.write()
	require.Equal(t, one.file(".md"), four.file(".md"))
	require.Equal(t, one.file(".yw7"), four.file(".yw7"))
	require.NotContains(t, one.file(".md"), "Missing")
	require.Equal(t, 2, strings.Count(one.file(".md"), "\n## Chapter "))
	require.Empty(t, four.warnings(run), "the offline author keeps to the plan")

	scenes, err := Structure.Results(run.Context(context.Background()))
	require.NoError(t, err)
	for _, s := range scenes {
		require.NotEmpty(t, s.Goal)
		require.NotEmpty(t, s.Location.About)
	}
	before := one.file(".yw7")
	require.NoError(t, Export(run.Context(context.Background()), one.path()))
	require.Equal(t, before, one.file(".yw7"), "equal journals give equal products")
}

func TestAShortSceneIsAskedForOnceMore(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	short := &author{change: func(_, text string) (string, error) {
		return strings.Join(strings.Fields(text)[:30], " ") + ".", nil
	}}
	n.config.Roles = map[string]llms.Model{"writer": short}
	run := n.write()
	drafts, err := Prose.Results(run.Context(context.Background()))
	require.NoError(t, err)
	require.Equal(t, 2*len(drafts), short.calls, "each scene twice")
	total := 0
	for _, c := range n.warnings(run) {
		total += c
	}
	require.Equal(t, len(drafts), total, "one warning a scene: %v", n.warnings(run))
}

// An editor who has little to change gives back most of the draft. That is no echo of the prompt.
func TestAnEditThatChangesLittleIsTaken(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	keen := &echo{}
	n.config.Roles = map[string]llms.Model{"editor": keen}
	run := n.write()
	drafts, err := Prose.Results(run.Context(context.Background()))
	require.NoError(t, err)
	edited, err := Edit.Results(run.Context(context.Background()))
	require.NoError(t, err)
	require.Equal(t, drafts, edited)
	require.Empty(t, n.warnings(run))
}

// echo answers with the draft that it was shown.
type echo struct{ offline.Author }

func (e *echo) GenerateContent(ctx context.Context, msgs []llms.MessageContent, opts ...llms.CallOption) (*llms.ContentResponse, error) {
	resp, err := e.Author.GenerateContent(ctx, msgs, opts...)
	if err == nil {
		resp.Choices[0].Content = msgs[1].Parts[0].(llms.TextContent).Text
	}
	return resp, err
}

func TestAnUnknownNameIsKeptWithAWarning(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	renames := 0
	n.config.Roles = map[string]llms.Model{"outline_creator": &author{change: func(prompt, text string) (string, error) {
		if !strings.Contains(prompt, "Outline chapters") {
			return text, nil
		}
		renames++
		i := strings.Index(text, `"location": "`) + len(`"location": "`)
		return text[:i] + "Atlantis" + text[i+strings.IndexByte(text[i:], '"'):], nil
	}}}
	run := n.write()
	require.Equal(t, 1, renames)
	require.Equal(t, map[string]int{"unknown_name": 1}, n.warnings(run))
	scenes, err := Structure.Results(run.Context(context.Background()))
	require.NoError(t, err)
	require.Equal(t, "Atlantis", scenes[0].Location.Name)
}

func TestAnUnfinishedBookIsExportedAsFarAsItIs(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	broken := &author{change: func(prompt, text string) (string, error) {
		if strings.Contains(prompt, "Chapter 2:") {
			return "", errors.New("a most embarrassing failure")
		}
		return text, nil
	}}
	n.config.Roles = map[string]llms.Model{"writer": broken}
	run, err := n.run()
	require.ErrorIs(t, err, workflow.ErrPartial)
	md := n.file(".md")
	require.Contains(t, md, "*Missing: scene 1 of chapter 2 is not written yet.*")
	require.NotContains(t, md, "Missing: scene 1 of chapter 1 ")
	require.NotContains(t, md, "embarrassing")
	_, err = Ask(run.Context(context.Background()), "Book", "Who?", 3)
	require.ErrorIs(t, err, ErrNotIndexed)

	broken.change = nil
	n.write()
	whole := newNovel(t)
	whole.write()
	require.Equal(t, whole.file(".md"), n.file(".md"), "as if nothing had happened")
	require.Equal(t, whole.file(".yw7"), n.file(".yw7"))
}

func TestNothingIsExportedBeforeThePlan(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	n.config.Model = &author{change: func(string, string) (string, error) { return "", errors.New("no") }}
	run, err := n.run()
	require.Error(t, err)
	require.NoError(t, Export(run.Context(context.Background()), n.path()))
	require.NoFileExists(t, n.path()+".md")
	require.NoFileExists(t, n.path()+".yw7")
}

func TestAnExportUnderYWriterIsNotedAndNoMore(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	require.NoError(t, os.WriteFile(n.path()+".yw7.lock", nil, 0o600))
	run := n.write()
	require.NoFileExists(t, n.path()+".yw7")
	require.FileExists(t, n.path()+".md")
	require.NotEmpty(t, n.warnings(run))
	require.ErrorContains(t, Export(run.Context(context.Background()), n.path()), "Book.yw7.lock")
}

func TestAsk(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	run := n.write()
	ctx := run.Context(context.Background())
	cast, err := Characters.Result(ctx)
	require.NoError(t, err)
	a, err := Ask(ctx, "Book", "Who is "+cast[0].FullName+"?", 3)
	require.NoError(t, err)
	require.True(t, a.Complete)
	require.NotEmpty(t, a.Notes, "it says what it can't do")
	require.NotEmpty(t, a.Passages)
	require.Equal(t, "character/"+cast[0].Name, a.Passages[0].Key)
	again, err := Ask(ctx, "Book", "Who is "+cast[0].FullName+"?", 3)
	require.NoError(t, err)
	require.Equal(t, a, again)
}

func TestABookOfManyChaptersIsOutlinedInParts(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	n.config.Params = Params{Genre: "mystery", Chapters: 27, Words: 50, Embed: "offline"}
	outlines, planner := 0, &author{}
	n.config.Roles = map[string]llms.Model{"story_planner": planner, "outline_creator": &author{change: func(prompt, text string) (string, error) {
		if !strings.Contains(prompt, "Outline chapters") {
			return "", &resilience.Error{Class: resilience.Auth, Err: errors.New("far enough")}
		}
		outlines++
		return text, nil
	}}}
	run, err := n.run()
	require.Error(t, err)
	chapters, err := Outline.Result(run.Context(context.Background()))
	require.NoError(t, err)
	require.Len(t, chapters, 27)
	require.Equal(t, 27, chapters[26].Number)
	require.Equal(t, 3, planner.calls, "the arc, 25 chapters, 2 chapters")
	require.Equal(t, 3, outlines, "10, 10 and 7 chapters")
}

func TestStatusShowsAllEightSteps(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	st, err := n.write().State(context.Background())
	require.NoError(t, err)
	var names []string
	for _, s := range st.Steps {
		names = append(names, s.Name)
		require.Equal(t, state.StatusCompleted, s.Status, s.Name)
	}
	require.Equal(t, []string{"story_planning", "character_creation", "location_creation", "chapter_outlining", "scene_structuring",
		"prose_writing", "editorial_refinement", "rag_sync"}, names)
}
