// Novel writes a novel in eight steps, and goes on where it stopped.
//
//	novel                        ten chapters of science fiction, by the offline author: no key, no network, no cost
//	novel --resume               go on after Ctrl+C, kill -9 or an outage; nothing that was paid for is asked again
//	novel --provider openai      let a real model write it
//	novel --review               wait after the outline for a person: novel approve, novel reject, novel edit chapter_outlining
//	novel --status               how it stands
//	novel export                 write the manuscript and the yWriter project again
//	novel ask "WHO HAS THE KEY"  the passages that answer
//
// The manuscript (output/Ten_Chapter_Novel.md) and the yWriter 7 project (.yw7) are derived from the journal in the folder
// of the same name: after each step, at the end, and on demand. The command line is in internal/app,
// the steps, their prompts and types are in internal/book.
package main

import (
	"fmt"
	"os"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/app"
)

func main() {
	novel, err := app.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(cli.Main(novel))
}
