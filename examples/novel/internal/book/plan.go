package book

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// StoryArc is the story in outline.
type StoryArc struct {
	Title   string    `json:"title" jsonschema:"the novel's title"`
	Premise string    `json:"premise" jsonschema:"who wants what, what stands in the way, and what is at stake, in two or three sentences"`
	Themes  []string  `json:"themes" jsonschema:"what the novel is about beneath its plot"`
	Acts    []Act     `json:"acts" jsonschema:"setup, confrontation, resolution"`
	Arcs    []RoleArc `json:"character_arcs" jsonschema:"how the people who matter change"`
}

// Act is one of the three acts.
type Act struct {
	Title   string `json:"title"`
	Summary string `json:"summary" jsonschema:"what happens in this act and the turn that ends it"`
}

// RoleArc is the arc of someone who has no name yet.
type RoleArc struct {
	Role string `json:"role" jsonschema:"the part in the story, for example: the reluctant heir"`
	Arc  string `json:"arc" jsonschema:"how this person is at the beginning, what changes them, and how they are at the end"`
}

// Plan is the result of story planning.
type Plan struct {
	StoryArc
	Progression []string `json:"progression"` // what each chapter brings, in order
}

// chapterEvents is what a call for a part of the progression returns.
type chapterEvents struct {
	Events []string `json:"events" jsonschema:"what happens in each chapter, one sentence a chapter"`
}

// progressionBatch is how many chapters one call plans: an answer for 200 would be cut off.
const progressionBatch = 25

// StoryPlan is the first step.
var StoryPlan = workflow.NewTask("story_planning", planStory)

func planStory(ctx context.Context) (Plan, error) {
	p, err := workflow.Params[struct {
		Genre    string `json:"genre"`
		Chapters int    `json:"chapters"`
	}](ctx)
	if err != nil {
		return Plan{}, err
	}
	arc, err := providers.Generate[StoryArc](shaped(ctx, filled("title"), filled("premise"), count(2, 5, "themes"),
		count(3, 3, "acts"), count(3, 5, "character_arcs")), storyPlanner, planPrompt(p.Genre, p.Chapters))
	if err != nil {
		return Plan{}, err
	}
	arc.Title = oneLine(arc.Title)
	plan := Plan{StoryArc: arc}
	for len(plan.Progression) < p.Chapters {
		n := min(progressionBatch, p.Chapters-len(plan.Progression))
		next, err := providers.Generate[chapterEvents](shaped(ctx, count(n, n, "events")), storyPlanner,
			progressionPrompt(plan, p.Genre, p.Chapters, n))
		if err != nil {
			return Plan{}, err
		}
		if len(next.Events) != n {
			return Plan{}, workflow.Reject(fmt.Errorf("%d chapters planned instead of %d", len(next.Events), n))
		}
		plan.Progression = append(plan.Progression, next.Events...)
	}
	return plan, nil
}

func planPrompt(genre string, chapters int) string {
	var p prompt
	p.say("You plan novels. Invent the story of a %s novel of %d chapters.", genre, chapters)
	p.say("Give it a protagonist who wants something badly and has a reason not to get it, an opponent who believes in a cause, and a " +
		"question that only the last chapter answers. Let every turn follow from what somebody decides, never from luck. Prefer the " +
		"particular to the grand: a trade, a place, an object, a debt. Avoid the first idea that the genre suggests.")
	p.say("Give the title, the premise, two to five themes, the three acts with the turn that ends each, and the arcs of the three to " +
		"five people who matter, each called by their part in the story, since names come later.")
	return p.String()
}

func progressionPrompt(plan Plan, genre string, chapters, n int) string {
	done := len(plan.Progression)
	var p prompt
	p.say("Continue the plan of a %s novel of %d chapters: say in one sentence each what happens in chapters %d to %d, in order.",
		genre, chapters, done+1, done+n)
	p.say("Each chapter changes the situation for good, and each follows from the one before. The first act takes about the first quarter " +
		"of all chapters, the third about the last quarter. The last chapter of the novel resolves the premise.")
	plan.tell(&p)
	p.list("What happens before", tail(numbered(plan.Progression, 1), progressionBatch))
	return p.String()
}

// tell adds the story to a prompt.
func (a StoryArc) tell(p *prompt) {
	p.about("Title", a.Title)
	p.about("Premise", a.Premise)
	p.list("Themes", a.Themes)
	var acts, arcs []string
	for i, act := range a.Acts {
		acts = append(acts, fmt.Sprintf("Act %d, %s: %s", i+1, act.Title, act.Summary))
	}
	for _, arc := range a.Arcs {
		arcs = append(arcs, arc.Role+": "+arc.Arc)
	}
	p.list("The three acts", acts)
	p.list("Arcs", arcs)
}

// numbered puts "Chapter 7: " before each line, counting from first.
func numbered(lines []string, first int) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = fmt.Sprintf("Chapter %d: %s", first+i, l)
	}
	return out
}

// tail is the last n of a list.
func tail[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }
