// Novel writes a novel in eight steps, and goes on where it stopped.
//
//	novel                        ten chapters of science fiction, by the offline author: no key, no network, no cost
//	novel --resume               go on after Ctrl+C, kill -9 or an outage; nothing that was paid for is asked again
//	novel --provider openai      let a real model write it
//	novel --status               how it stands
//	novel export                 write the manuscript and the yWriter project again
//	novel ask "WHO HAS THE KEY"  the passages that answer
//
// The manuscript (output/Ten_Chapter_Novel.md) and the yWriter 7 project (.yw7) are derived from the journal in the folder
// of the same name: after each step, at the end, and on demand. The steps, their prompts and types are in internal/book.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/book"
)

func main() {
	app, err := newApp()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(cli.Main(app))
}

// newApp is the program: the pipeline and what the command line needs to know about it.
func newApp() (cli.App[book.Params], error) {
	novel, err := book.New()
	if err != nil {
		return cli.App[book.Params]{}, err
	}
	return cli.App[book.Params]{
		Pipeline: novel,
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
}
