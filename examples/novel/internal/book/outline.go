package book

import (
	"context"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// ChapterPlan is a chapter as a model outlines it.
type ChapterPlan struct {
	Title   string      `json:"title" jsonschema:"the chapter's title, without its number"`
	Summary string      `json:"summary" jsonschema:"what happens in the chapter and how things stand at its end, in three or four sentences"`
	Scenes  []ScenePlan `json:"scenes"`
}

// ScenePlan is a scene as a model outlines it.
type ScenePlan struct {
	Title      string   `json:"title"`
	Summary    string   `json:"summary" jsonschema:"what happens in the scene, in two or three sentences"`
	Characters []string `json:"characters" jsonschema:"names of those who are in the scene, the one whose eyes we see through first"`
	Location   string   `json:"location" jsonschema:"name of the place"`
}

// Chapter is an outlined chapter. Chapters and scenes are numbered from 1, by their order and not by what a model counted.
type Chapter struct {
	Number int `json:"number"`
	ChapterPlan
}

type chapterList struct {
	Chapters []ChapterPlan `json:"chapters"`
}

// outlineBatch is how many chapters one call outlines.
const outlineBatch = 10

// Outline is the fourth step.
var Outline = workflow.NewTask("chapter_outlining", outlineChapters)

func outlineChapters(ctx context.Context) ([]Chapter, error) {
	p, err := workflow.Params[struct {
		Genre    string `json:"genre"`
		Chapters int    `json:"chapters"`
	}](ctx)
	if err != nil {
		return nil, err
	}
	w, err := worldOf(ctx)
	if err != nil {
		return nil, err
	}
	var chapters []Chapter
	for len(chapters) < p.Chapters {
		n := min(outlineBatch, p.Chapters-len(chapters))
		next, err := providers.Generate[chapterList](shaped(ctx, w.outlineShapes(n)...), outlineCreator, outlinePrompt(p.Genre, p.Chapters, n, w, chapters))
		if err != nil {
			return nil, err
		}
		if len(next.Chapters) != n {
			return nil, workflow.Reject(fmt.Errorf("%d chapters outlined instead of %d", len(next.Chapters), n))
		}
		for _, c := range next.Chapters {
			chapters = append(chapters, w.chapter(ctx, len(chapters)+1, c))
		}
	}
	return chapters, nil
}

// world is what the outline builds on.
type world struct {
	plan   Plan
	cast   []Character
	places []Location
}

func worldOf(ctx context.Context) (w world, err error) {
	if w.plan, err = StoryPlan.Result(ctx); err != nil {
		return world{}, err
	}
	if w.cast, err = Characters.Result(ctx); err != nil {
		return world{}, err
	}
	w.places, err = Locations.Result(ctx)
	return w, err
}

func (w world) outlineShapes(n int) []shape {
	return []shape{count(n, n, "chapters"), filled("chapters", "[]", "title"),
		count(2, 4, "chapters", "[]", "scenes"),
		atLeast(1, "chapters", "[]", "scenes", "[]", "characters"),
		named(characterNames(w.cast), "chapters", "[]", "scenes", "[]", "characters", "[]"),
		named(locationNames(w.places), "chapters", "[]", "scenes", "[]", "location"),
	}
}

// chapter numbers a chapter and brings its names into the plan's form. A name that the plan does not know stays.
func (w world) chapter(ctx context.Context, number int, c ChapterPlan) Chapter {
	cast, places := castRoster(w.cast), placeRoster(w.places)
	c.Title = bareTitle(c.Title)
	scenes := make([]ScenePlan, len(c.Scenes))
	for i, s := range c.Scenes {
		at := "scene " + sceneKey(number, i+1)
		s.Title = oneLine(s.Title)
		s.Location = known(ctx, places, s.Location, at, "location")
		var names []string
		seen := map[string]bool{}
		for _, n := range s.Characters {
			if strings.TrimSpace(n) == "" {
				continue
			}
			if n = known(ctx, cast, n, at, "character"); !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
		s.Characters = names
		scenes[i] = s
	}
	c.Scenes = scenes
	return Chapter{Number: number, ChapterPlan: c}
}

func known(ctx context.Context, r roster, name, at, kind string) string {
	n, ok := r.find(name)
	if !ok {
		workflow.Warn(ctx, "unknown_name", fmt.Sprintf("%s: the plan knows no %s %q", at, kind, n))
	}
	return n
}

func outlinePrompt(genre string, chapters, n int, w world, before []Chapter) string {
	first := len(before) + 1
	var p prompt
	p.say("Outline chapters %d to %d of a %s novel of %d chapters, in order: exactly %d of them, each with its title, its summary and "+
		"2 to 4 scenes.", first, first+n-1, genre, chapters, n)
	p.say("A scene is one place, one stretch of time and one turn: somebody comes in wanting something, and leaves with the situation changed. " +
		"Say for each what happens, who is in it and where. Vary places and company from scene to scene, let every character be needed, " +
		"and leave each chapter at a point where the reader must go on. Use these names exactly as they are written, and no others.")
	p.about("Characters", strings.Join(characterNames(w.cast), ", "))
	p.about("Locations", strings.Join(locationNames(w.places), ", "))
	w.plan.tell(&p)
	p.list("Who they are", describe(w.cast))
	p.list("Where it is", placeLines(w.places))
	p.list("What these chapters bring", numbered(part(w.plan.Progression, first-1, n), first))
	p.list("What comes after them, not to be used yet", numbered(part(w.plan.Progression, first-1+n, 3), first+n))
	p.list("What happened before", summaries(tail(before, outlineBatch)))
	return p.String()
}

func placeLines(places []Location) []string {
	lines := make([]string, len(places))
	for i, l := range places {
		lines[i] = l.Name + ": " + l.Description
	}
	return lines
}

// part is n entries of a list, or those that there are.
func part[T any](list []T, from, n int) []T {
	from = min(from, len(list))
	return list[from:min(from+n, len(list))]
}

func summaries(chapters []Chapter) []string {
	lines := make([]string, len(chapters))
	for i, c := range chapters {
		lines[i] = fmt.Sprintf("Chapter %d, %s: %s", c.Number, c.Title, c.Summary)
	}
	return lines
}
