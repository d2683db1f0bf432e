// Langchain makes a chain of langchaingo durable by swapping its model: kill it and run it again, and it goes on with the
// answers it has. It is a module of its own because langchaingo's chains bring some twenty modules that Dogear itself
// does not need.
//
//	cd examples/langchain && go run .
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/prompts"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/workflow"
)

// newPipeline is one step around a chain that is built once, outside any run: its model finds run and step in the
// context of each call.
func newPipeline() (*workflow.Pipeline, *workflow.Task[string], error) {
	writer := workflow.Model("writer")
	title := chains.NewLLMChain(writer, prompts.NewPromptTemplate("A title for a book about {{.topic}}.", []string{"topic"}))
	blurb := chains.NewLLMChain(writer, prompts.NewPromptTemplate("About 80 words on the back of a book called {{.title}}.", []string{"title"}))
	both, err := chains.NewSimpleSequentialChain([]chains.Chain{title, blurb})
	if err != nil {
		return nil, nil, err
	}
	text := workflow.NewTask("blurb", func(ctx context.Context) (string, error) {
		return chains.Run(ctx, both, "tides")
	})
	p, err := workflow.New("blurb", text)
	return p, text, err
}

func run(ctx context.Context) (string, error) {
	p, text, err := newPipeline()
	if err != nil {
		return "", err
	}
	models, err := providers.FromEnv()
	if err != nil {
		return "", err
	}
	r, err := p.Run(ctx, "tides", workflow.Config{Model: models.Default})
	if err != nil {
		return "", err
	}
	return text.Result(r.Context(ctx))
}

func main() {
	text, err := run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(text)
}
