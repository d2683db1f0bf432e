package providers_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

// broken is a provider whose key was revoked.
type broken struct{}

func (broken) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, broken{}, prompt, options...)
}

func (broken) GenerateContent(context.Context, []llms.MessageContent, ...llms.CallOption) (*llms.ContentResponse, error) {
	return nil, &resilience.Error{Class: resilience.Auth, Err: errors.New("the key was revoked")}
}

func ExampleChain() {
	chain, err := providers.NewChain(providers.ChainConfig{},
		providers.Provider{Name: "first", LLM: broken{}},
		providers.Provider{Name: "second", LLM: offline.New()},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := chain.Call(context.Background(), "One sentence on tides.")
	fmt.Println(len(text) > 20, err)
	// Output: true <nil>
}

func ExampleChainError() {
	chain, err := providers.NewChain(providers.ChainConfig{}, providers.Provider{Name: "first", LLM: broken{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = chain.Call(context.Background(), "One sentence on tides.")
	var all *providers.ChainError
	if errors.As(err, &all) {
		for _, f := range all.Failures {
			fmt.Println(f.Provider, f.Class, f.Tries)
		}
	}
	// Output: first auth 1
}
