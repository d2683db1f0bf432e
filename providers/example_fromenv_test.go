package providers_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/faulty"
)

func ExampleFromEnv() {
	models, err := providers.FromEnv() // or FromEnv("auto"), or FromEnv("openai", "groq")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.HasPrefix(models.Notice, "This is the offline sample author"))
	// Output: true
}

func ExampleModels_Wrap() {
	models, err := providers.FromEnv()
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg, err := faulty.Parse("rate_limit@1,retry_after=10ms", 42)
	if err != nil {
		fmt.Println(err)
		return
	}
	models, err = models.Wrap(func(p providers.Provider) (providers.Provider, error) {
		m, err := faulty.New(p.LLM, cfg)
		p.LLM = m
		return p, err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := llms.GenerateFromSinglePrompt(context.Background(), models.Default, "One sentence on tides.")
	fmt.Println(len(text) > 20, err)
	// Output: true <nil>
}
