package book

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// Character is a person of the novel. Name is what the prose calls them.
type Character struct {
	Name        string `json:"name" jsonschema:"the name that the prose uses; no two characters share one"`
	FullName    string `json:"full_name"`
	AKA         string `json:"aka" jsonschema:"what others call them; empty if nothing"`
	Description string `json:"description" jsonschema:"looks, manner and voice, in two sentences"`
	Biography   string `json:"biography" jsonschema:"what made them who they are, in three or four sentences"`
	Notes       string `json:"notes" jsonschema:"what the writer must keep in mind: habits, secrets, relations to the others"`
	Goals       string `json:"goals" jsonschema:"what they want, and what they need without knowing it"`
	Major       bool   `json:"major" jsonschema:"true for those who carry the story"`
}

type castList struct {
	Characters []Character `json:"characters"`
}

// Characters is the second step.
var Characters = workflow.NewTask("character_creation", createCharacters)

func createCharacters(ctx context.Context) ([]Character, error) {
	p, err := workflow.Params[struct {
		Genre string `json:"genre"`
	}](ctx)
	if err != nil {
		return nil, err
	}
	plan, err := StoryPlan.Result(ctx)
	if err != nil {
		return nil, err
	}
	cast, err := providers.Generate[castList](shaped(ctx, count(4, 5, "characters"), filled("characters", "[]", "name")),
		characterCreator, charactersPrompt(p.Genre, plan))
	if err != nil {
		return nil, err
	}
	for i, c := range cast.Characters {
		cast.Characters[i].Name, cast.Characters[i].FullName = oneLine(c.Name), oneLine(c.FullName)
	}
	return distinct(ctx, "character", cast.Characters, func(c Character) string { return c.Name }), nil
}

func charactersPrompt(genre string, plan Plan) string {
	var p prompt
	p.say("Create the 4 or 5 characters of a %s novel from its plan: the protagonist, the opponent, and those without whom the plot "+
		"could not turn.", genre)
	p.say("Give each a name that fits the world and sounds unlike the others', a want that collides with somebody else's, a habit that can " +
		"be seen on the page, and something to hide. The opponent is right about something. Mark as major those who carry the story.")
	plan.tell(&p)
	p.list("Chapter by chapter", sample(numbered(plan.Progression, 1), 30))
	return p.String()
}

// sample keeps at most n of a list's entries, evenly spread, the first and the last among them.
func sample[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	out := make([]T, n)
	for i := range n {
		out[i] = list[i*(len(list)-1)/(n-1)]
	}
	return out
}

// distinct drops what has no name or the name of an earlier one, with a warning: names are what everything later refers to.
func distinct[T any](ctx context.Context, kind string, list []T, name func(T) string) []T {
	seen := map[string]bool{}
	kept := make([]T, 0, len(list))
	for i, v := range list {
		n := fold(name(v))
		if n == "" || seen[n] {
			workflow.Warn(ctx, "duplicate_name", fmt.Sprintf("%s %d dropped: its name %q is empty or taken", kind, i+1, name(v)))
			continue
		}
		seen[n] = true
		kept = append(kept, v)
	}
	return kept
}
