// Package sample has a small novel in steps, written by a model that costs nothing and does what it is told: wait, fail,
// answer. The pictures are of its runs, and tests watch them.
package sample

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/state"
	"github.com/dogear-go/dogear/workflow"
)

// Params are the parameters of the book.
type Params struct {
	Genre    string `json:"genre"`
	Chapters int    `json:"chapters"`
	Scenes   int    `json:"scenes"` // of each chapter
	Words    int    `json:"words"`  // of each scene
}

// Plan is the result of the first step.
type Plan struct {
	Title   string   `json:"title"`
	Premise string   `json:"premise"`
	Setting string   `json:"setting"`
	Themes  []string `json:"themes"`
}

// Character is one of the cast.
type Character struct {
	Name  string `json:"name"`
	Part  string `json:"part"`
	About string `json:"about"`
}

// Scene is an item.
type Scene struct {
	Chapter int    `json:"chapter"`
	Number  int    `json:"number"`
	Title   string `json:"title"`
}

// Key names a scene.
func (s Scene) Key() string { return fmt.Sprintf("ch%02d/sc%02d %s", s.Chapter, s.Number, s.Title) }

// Lane is its chapter.
func (s Scene) Lane() string { return fmt.Sprint(s.Chapter) }

// Draft is the text of a scene.
type Draft struct {
	Title string `json:"title"`
	Point string `json:"point_of_view"`
	Text  string `json:"text"`
}

var titles = []string{"The tide table", "A lamp in the window", "What the harbour keeps", "Salt on the glass", "The second bell", "Low water",
	"The keeper's ledger", "Fog signal", "The drowned road", "A letter unopened", "Slack water", "The far light"}

// New makes the pipeline. At its gate a person decides about the plan.
func New() (*workflow.Pipeline, error) {
	writer := workflow.Model("writer")
	editor := workflow.Model("editor")
	plan := workflow.NewTask("story_planning", func(ctx context.Context) (Plan, error) {
		if _, err := ask(ctx, writer, "Plan the story. Two paragraphs, about 200 words."); err != nil {
			return Plan{}, err
		}
		return Plan{
			Title:   "The Keeper of Low Water",
			Premise: "A lighthouse keeper finds, at the lowest tide in ninety years, a road that leads out to sea, and on it the footprints of somebody who walked it this morning.",
			Setting: "An island of forty houses in the North Sea, in the autumn of 1911.",
			Themes:  []string{"what a place remembers", "duty and its price", "letters that come too late"},
		}, nil
	})
	cast := workflow.NewTask("character_design", func(ctx context.Context) ([]Character, error) {
		if _, err := ask(ctx, writer, "Describe the people. Three paragraphs, about 300 words."); err != nil {
			return nil, err
		}
		return []Character{
			{"Ingrid Vale", "keeper of the light", "Fifty-one, exact, left-handed. Writes down what she sees and nothing that she thinks."},
			{"Tomas Reed", "harbour pilot", "Has brought four hundred ships in and lost one. Nobody asks him which."},
			{"Edda Vale", "her niece", "Seventeen. Came for a summer and has not said when she will leave."},
		}, nil
	})
	gate := workflow.NewGate("outline_review", func(ctx context.Context) (string, error) {
		p, err := plan.Result(ctx)
		if err != nil {
			return "", err
		}
		return p.Title + "\n\n" + p.Premise + "\n\nSetting: " + p.Setting + "\n\nThemes: " + strings.Join(p.Themes, "; ") + ".", nil
	})
	prose := workflow.NewEach("prose_writing", scenes, Scene.Key, func(ctx context.Context, s Scene) (Draft, error) {
		text, err := ask(ctx, writer, fmt.Sprintf("Write scene %s. About 260 words, four paragraphs. Ingrid Vale and Tomas Reed meet at the lighthouse.", s.Key()))
		return Draft{Title: s.Title, Point: "Ingrid Vale", Text: text}, err
	}, workflow.Lane(Scene.Lane))
	edit := workflow.NewEach("editing", scenes, Scene.Key, func(ctx context.Context, s Scene) (string, error) {
		return ask(ctx, editor, "Edit scene "+s.Key()+". About 120 words, two paragraphs.")
	})
	index := workflow.NewTask("index", func(context.Context) (int, error) { return 1, nil })
	return workflow.New("novel", plan, cast, gate, prose, edit, index)
}

func scenes(ctx context.Context) ([]Scene, error) {
	p, err := workflow.Params[Params](ctx)
	if err != nil {
		return nil, err
	}
	var list []Scene
	for c := range p.Chapters {
		for s := range p.Scenes {
			list = append(list, Scene{c + 1, s + 1, titles[(c*p.Scenes+s)%len(titles)]})
		}
	}
	return list, nil
}

func ask(ctx context.Context, m llms.Model, prompt string) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt)
}

// Model answers like the offline author. Before may wait, or fail the request; nil does neither.
type Model struct {
	Before func(ctx context.Context, provider, prompt string) error
	Name   string
}

// Call implements llms.Model.
func (m Model) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, m, prompt, options...)
}

// GenerateContent implements llms.Model.
func (m Model) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if m.Before != nil {
		text, _ := messages[len(messages)-1].Parts[0].(llms.TextContent)
		if err := m.Before(ctx, m.Name, text.Text); err != nil {
			return nil, err
		}
	}
	return offline.New().GenerateContent(ctx, messages, options...)
}

// Config is what a run of the pipeline needs, but for its store: two providers behind one chain.
func Config(p Params, before func(ctx context.Context, provider, prompt string) error) (workflow.Config, error) {
	chain, err := providers.NewChain(providers.ChainConfig{},
		providers.Provider{Name: "groq", Model: "llama-3.3-70b", LLM: Model{before, "groq"}},
		providers.Provider{Name: "gemini", Model: "gemini-2.5-flash", LLM: Model{before, "gemini"}})
	if err != nil {
		return workflow.Config{}, err
	}
	return workflow.Config{Params: p, Model: chain, Concurrency: 4, Price: price, Settings: map[string]string{"chapters": fmt.Sprint(p.Chapters), "genre": p.Genre}}, nil
}

// price makes the figures of a sample look like those of a book, in micro-dollars.
func price(provider, _ string, u state.Usage) (int64, bool) {
	if provider == "gemini" {
		return u.Input*3/10 + u.Output*25/10, true
	}
	return u.Input*59/100 + u.Output*79/100, true
}
