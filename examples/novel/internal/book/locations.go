package book

import (
	"context"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// Location is a place of the novel.
type Location struct {
	Name        string `json:"name" jsonschema:"the name that the prose uses; no two locations share one"`
	AKA         string `json:"aka" jsonschema:"what else it is called; empty if nothing"`
	Description string `json:"description" jsonschema:"what one sees, hears and smells there, and what the place does to people, in three sentences"`
}

type locationList struct {
	Locations []Location `json:"locations"`
}

// Locations is the third step.
var Locations = workflow.NewTask("location_creation", createLocations)

func createLocations(ctx context.Context) ([]Location, error) {
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
	cast, err := Characters.Result(ctx)
	if err != nil {
		return nil, err
	}
	places, err := providers.Generate[locationList](shaped(ctx, count(4, 5, "locations"), filled("locations", "[]", "name")),
		settingBuilder, locationsPrompt(p.Genre, plan, cast))
	if err != nil {
		return nil, err
	}
	for i, l := range places.Locations {
		places.Locations[i].Name = oneLine(l.Name)
	}
	return distinct(ctx, "location", places.Locations, func(l Location) string { return l.Name }), nil
}

func locationsPrompt(genre string, plan Plan, cast []Character) string {
	var p prompt
	p.say("Create the 4 or 5 locations of a %s novel from its plan and its characters.", genre)
	p.say("Choose places that force people to meet: somewhere the protagonist feels safe, somewhere that belongs to the opponent, somewhere " +
		"in between, and the place where it ends. Describe each by what the senses notice and by what people do there, never by " +
		"adjectives of mood. Give each one detail that the plot can use.")
	plan.tell(&p)
	p.list("Who lives in it", describe(cast))
	return p.String()
}

// describe gives a line for each character.
func describe(cast []Character) []string {
	lines := make([]string, len(cast))
	for i, c := range cast {
		lines[i] = c.Name + ": " + c.Description + " Goals: " + c.Goals
	}
	return lines
}
