package book

import (
	"context"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// Scene is a scene with all that its writer needs, so that a scene depends on its own chapter and cast and on nothing else.
type Scene struct {
	Chapter  int    `json:"chapter"`
	Number   int    `json:"number"` // in its chapter, from 1
	Title    string `json:"title"`
	Summary  string `json:"summary"`
	Premise  string `json:"premise"`            // of the novel
	In       string `json:"in"`                 // title and summary of its chapter
	Before   string `json:"before,omitempty"`   // for a chapter's first scene: the summary of the chapter before
	Final    bool   `json:"final,omitempty"`    // ends the novel
	Cast     []Cast `json:"cast"`               // who is in it
	Location Cast   `json:"location"`           // where it is
	Goal     string `json:"goal,omitempty"`     // from here on: by scene structuring
	Conflict string `json:"conflict,omitempty"` // what stands in the way
	Outcome  string `json:"outcome,omitempty"`  // how it ends
}

// Cast is a name with what the writer should know about it; nothing for a name that the plan does not know.
type Cast struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
}

// Key names the scene: c01/s02.
func (s Scene) Key() string { return sceneKey(s.Chapter, s.Number) }

// Lane is the chapter: its scenes are written one after another.
func (s Scene) Lane() string { return fmt.Sprintf("c%02d", s.Chapter) }

func sceneKey(chapter, scene int) string { return fmt.Sprintf("c%02d/s%02d", chapter, scene) }

// Structure is the fifth step.
var Structure = workflow.NewEach("scene_structuring", outlinedScenes, Scene.Key, structureScene)

// outlinedScenes are the outline's scenes, in reading order.
func outlinedScenes(ctx context.Context) ([]Scene, error) {
	w, err := worldOf(ctx)
	if err != nil {
		return nil, err
	}
	chapters, err := Outline.Result(ctx)
	if err != nil {
		return nil, err
	}
	return w.scenes(chapters), nil
}

func (w world) scenes(chapters []Chapter) []Scene {
	people := make(map[string]string, len(w.cast)) // looked up by name only
	for _, c := range w.cast {
		people[c.Name] = strings.TrimSpace(c.Description + " Wants: " + c.Goals + " Keep in mind: " + c.Notes)
	}
	places := make(map[string]string, len(w.places))
	for _, l := range w.places {
		places[l.Name] = l.Description
	}
	var scenes []Scene
	for i, c := range chapters {
		for j, s := range c.Scenes {
			scene := Scene{Chapter: c.Number, Number: j + 1, Title: s.Title, Summary: s.Summary, Premise: w.plan.Premise,
				In: c.Title + ". " + c.Summary, Location: Cast{s.Location, places[s.Location]}, Cast: []Cast{},
				Final: i == len(chapters)-1 && j == len(c.Scenes)-1}
			for _, name := range s.Characters {
				scene.Cast = append(scene.Cast, Cast{name, people[name]})
			}
			if j == 0 && i > 0 {
				scene.Before = chapters[i-1].Summary
			}
			scenes = append(scenes, scene)
		}
	}
	return scenes
}

// turn is what makes a scene one.
type turn struct {
	Goal     string `json:"goal" jsonschema:"what the viewpoint character wants to get done in this scene"`
	Conflict string `json:"conflict" jsonschema:"who or what stands in the way, and why it cannot be walked around"`
	Outcome  string `json:"outcome" jsonschema:"how it ends and what it costs"`
}

func structureScene(ctx context.Context, s Scene) (Scene, error) {
	t, err := providers.Generate[turn](shaped(ctx, filled("goal"), filled("conflict"), filled("outcome")), outlineCreator, structurePrompt(s))
	if err != nil {
		return Scene{}, err
	}
	s.Goal, s.Conflict, s.Outcome = t.Goal, t.Conflict, t.Outcome
	return s, nil
}

func structurePrompt(s Scene) string {
	var p prompt
	p.say("Give a scene of a novel its spine: the goal, the conflict and the outcome, each in one or two sentences.")
	p.say("The goal is something that one could see being reached. The conflict is with somebody present, or with what the place does to " +
		"them. The outcome is seldom a plain success: yes, but it costs; or no, and it makes things worse. Stay with what the summary says happens.")
	s.tell(&p)
	return p.String()
}

// tell adds the scene to a prompt.
func (s Scene) tell(p *prompt) {
	names := make([]string, len(s.Cast))
	for i, c := range s.Cast {
		names[i] = c.Name
	}
	p.about("Characters", strings.Join(names, ", "))
	p.about("Location", s.Location.Name)
	p.about("Premise of the novel", s.Premise)
	p.about(fmt.Sprintf("Chapter %d", s.Chapter), s.In)
	p.about(fmt.Sprintf("Scene %d of it", s.Number), s.Title+". "+s.Summary)
	p.about("Goal", s.Goal)
	p.about("Conflict", s.Conflict)
	p.about("Outcome", s.Outcome)
	var lines []string
	for _, c := range append(s.Cast[:len(s.Cast):len(s.Cast)], s.Location) {
		if c.About != "" {
			lines = append(lines, c.Name+": "+c.About)
		}
	}
	p.list("What is known about them", lines)
}
