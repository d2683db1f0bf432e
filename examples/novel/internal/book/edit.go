package book

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// Revision is a written scene that is to be edited.
type Revision struct {
	Scene Scene  `json:"scene"`
	Text  string `json:"text"`
}

// Key is the scene's.
func (r Revision) Key() string { return r.Scene.Key() }

// Lane is the scene's.
func (r Revision) Lane() string { return r.Scene.Lane() }

// Edit is the seventh step.
var Edit = workflow.NewEach("editorial_refinement", writtenScenes, Revision.Key, editScene, workflow.Lane(Revision.Lane))

// writtenScenes are the scenes that have a text, in reading order.
func writtenScenes(ctx context.Context) ([]Revision, error) {
	scenes, err := Structure.Results(ctx)
	if err != nil {
		return nil, err
	}
	drafts, err := Prose.Results(ctx)
	if err != nil {
		return nil, err
	}
	texts := byKey(drafts)
	var out []Revision
	for _, s := range scenes {
		if text := texts[s.Key()]; text != "" {
			out = append(out, Revision{Scene: s, Text: text})
		}
	}
	return out, nil
}

// byKey is looked up in only.
func byKey(drafts []Draft) map[string]string {
	texts := make(map[string]string, len(drafts))
	for _, d := range drafts {
		texts[d.Key] = d.Text
	}
	return texts
}

func editScene(ctx context.Context, r Revision) (Draft, error) {
	p, err := workflow.Params[struct {
		Genre string `json:"genre"`
	}](ctx)
	if err != nil {
		return Draft{}, err
	}
	before, _, err := workflow.Previous[Draft](ctx)
	if err != nil {
		return Draft{}, err
	}
	text, err := providers.Generate[string](ctx, editor, editPrompt(p.Genre, r, before.Text), longEnough(words(r.Text)))
	if err != nil {
		return Draft{}, err
	}
	return Draft{Key: r.Key(), Text: tidy(text)}, nil
}

func editPrompt(genre string, r Revision, before string) string {
	var p prompt
	p.say("Edit a scene of a %s novel. Keep its length: about %d words.", genre, words(r.Text))
	p.say("Keep what happens, who says it, the viewpoint and the tense. Cut what says a thing twice, worn phrases, adverbs that prop up weak " +
		"verbs, and explanations of what the reader has just seen. Make each speaker sound like nobody else. Mend breaks with the " +
		"scene before and with what is known about the characters and the place. Where the text is fine, leave it alone. Answer with " +
		"the whole edited scene alone: no title, no comment, no list of changes.")
	r.Scene.tell(&p)
	switch {
	case before != "":
		p.say("The scene before ends so:\n%s", ending(before, look))
	case r.Scene.Before != "":
		p.say("What happened in the chapter before: %s", r.Scene.Before)
	}
	p.say("The scene to edit:\n%s", fmt.Sprintf("<scene>\n%s\n</scene>", r.Text))
	return p.String()
}
