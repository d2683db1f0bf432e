package book

import (
	"context"
	"strings"

	"github.com/dogear-go/dogear/examples/novel/internal/yw7"
	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/resilience"
	"github.com/dogear-go/dogear/workflow"
)

// Draft is the text of a scene.
type Draft struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// look is how many words of the scene before a writer and an editor get to see.
const look = 200

// Prose is the sixth step. A chapter's scenes are written in order, since each begins where the one before ended.
var Prose = workflow.NewEach("prose_writing", Structure.Results, Scene.Key, writeScene, workflow.Lane(Scene.Lane))

func writeScene(ctx context.Context, s Scene) (Draft, error) {
	p, err := workflow.Params[struct {
		Genre string `json:"genre"`
		Words int    `json:"words"`
	}](ctx)
	if err != nil {
		return Draft{}, err
	}
	before, _, err := workflow.Previous[Draft](ctx)
	if err != nil {
		return Draft{}, err
	}
	text, err := providers.Generate[string](ctx, writer, prosePrompt(p.Genre, p.Words, s, before.Text), longEnough(p.Words))
	if err != nil {
		return Draft{}, err
	}
	return Draft{Key: s.Key(), Text: tidy(text)}, nil
}

// longEnough asks once more for a text under half of the words, and then takes what comes, with a warning.
func longEnough(words int) resilience.Check {
	return resilience.Soft(resilience.MinWords((words + 1) / 2))
}

func prosePrompt(genre string, words int, s Scene, before string) string {
	var p prompt
	p.say("Write a scene of a %s novel in about %d words.", genre, words)
	p.say("Third person, past tense, through the eyes of one of those present. Show people doing and saying things; let what they feel be " +
		"seen in what they do. Enter late, let the conflict play out in full, and stop when the outcome has happened, without a summary " +
		"or a moral. Use the names exactly as they are written. Separate paragraphs by an empty line. Answer with the text of the " +
		"scene alone: no title, no heading, no comment.")
	s.tell(&p)
	switch {
	case before != "":
		p.say("Go on from the end of the scene before, without repeating it:\n%s", ending(before, look))
	case s.Before != "":
		p.say("This scene opens a chapter. What happened in the chapter before: %s", s.Before)
	default:
		p.say("This scene opens the novel: begin with something happening.")
	}
	if s.Final {
		p.say("This scene ends the novel: answer the question that it began with.")
	}
	return p.String()
}

// tidy is a text as it goes into the book: paragraphs set apart by one empty line, nothing that cannot be printed.
func tidy(text string) string {
	var paragraphs []string
	for par := range strings.SplitSeq(yw7.Clean(text), "\n\n") {
		if par = strings.TrimSpace(par); par != "" {
			paragraphs = append(paragraphs, par)
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
