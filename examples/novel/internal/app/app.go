// Package app is the novel's command line, which its programs share; they differ in the stores that they link.
package app

import (
	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/book"
	"github.com/dogear-go/dogear/workflow"
)

// New returns the program: the pipeline and what the command line needs to know about it.
func New() (cli.App[book.Params], error) {
	novel, err := book.New()
	if err != nil {
		return cli.App[book.Params]{}, err
	}
	reviewed, err := book.NewReviewed()
	if err != nil {
		return cli.App[book.Params]{}, err
	}
	return cli.App[book.Params]{
		Pipeline: novel,
		PipelineOf: func(p book.Params) (*workflow.Pipeline, error) {
			if p.Review {
				return reviewed, nil
			}
			return novel, nil
		},
		Run:      "Ten_Chapter_Novel",
		Params:   book.Defaults(),
		Flags:    flags,
		Check:    book.Params.Check,
		Export:   book.Export,
		Commands: []cli.Verb{askVerb()},
	}, nil
}

func flags(f *pflag.FlagSet, p *book.Params) {
	f.StringVar(&p.Genre, "genre", p.Genre, "what kind of novel")
	f.IntVar(&p.Chapters, "chapters", p.Chapters, "how many chapters, 1 to 200")
	f.IntVar(&p.Words, "words", p.Words, "how many words a scene, about; 50 to 20000")
	f.StringVar(&p.Embed, "embed", p.Embed, "who embeds the book for ask: offline (compares words, not meaning), openai, gemini, ollama,\n"+
		"or one of them with a model, as in openai:text-embedding-3-large")
	f.BoolVar(&p.Review, "review", p.Review, "wait after the outline until a person has approved it")
}
