package book

import "github.com/dogear-go/dogear/workflow"

// The agents. Which provider stands behind a role is settled where the pipeline is run.
var (
	storyPlanner     = workflow.Model("story_planner")
	characterCreator = workflow.Model("character_creator")
	settingBuilder   = workflow.Model("setting_builder")
	outlineCreator   = workflow.Model("outline_creator")
	writer           = workflow.Model("writer")
	editor           = workflow.Model("editor")
)

// New returns the pipeline, which serves any number of books.
func New() (*workflow.Pipeline, error) {
	return workflow.New("novel", StoryPlan, Characters, Locations, Outline, Structure, Prose, Edit, RagSync)
}

// NewReviewed returns the same with a gate behind the outline, for books whose Params.Review is set.
func NewReviewed() (*workflow.Pipeline, error) {
	return workflow.New("novel", StoryPlan, Characters, Locations, Outline, Review, Structure, Prose, Edit, RagSync)
}
