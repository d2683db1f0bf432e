package book

import (
	"context"

	"github.com/tmc/langchaingo/llms"

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
	text, err := providers.GenerateFrom[string](ctx, editor, editMessages(p.Genre, r, before.Text), longEnough(words(r.Text)))
	if err != nil {
		return Draft{}, err
	}
	return Draft{Key: r.Key(), Text: tidy(text)}, nil
}

// editMessages are a conversation in which the draft is the model's own earlier answer: an edited scene repeats most of it, and
// must not count as one that repeats its prompt.
func editMessages(genre string, r Revision, before string) []llms.MessageContent {
	return []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeHuman, briefPrompt(genre, r.Scene, before)),
		llms.TextParts(llms.ChatMessageTypeAI, r.Text),
		llms.TextParts(llms.ChatMessageTypeHuman, editPrompt(words(r.Text))),
	}
}

func briefPrompt(genre string, s Scene, before string) string {
	var p prompt
	p.say("Write a scene of a %s novel.", genre)
	s.tell(&p)
	switch {
	case before != "":
		p.say("The scene before ends so:\n%s", ending(before, look))
	case s.Before != "":
		p.say("What happened in the chapter before: %s", s.Before)
	}
	return p.String()
}

func editPrompt(length int) string {
	var p prompt
	p.say("Now edit this scene as the book's editor. Keep its length: about %d words.", length)
	p.say("Keep what happens, who says it, the viewpoint and the tense. Cut what says a thing twice, worn phrases, adverbs that prop up weak " +
		"verbs, and explanations of what the reader has just seen. Make each speaker sound like nobody else. Mend breaks with the " +
		"scene before and with what is known about the characters and the place. Where the text is fine, leave it alone. Answer with " +
		"the whole edited scene alone: no title, no comment, no list of changes.")
	return p.String()
}
