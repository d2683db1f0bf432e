package index

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/embeddings"

	"github.com/dogear-go/dogear/resilience"
)

// Offline is the name of the embedder that needs no network.
const Offline = "offline"

// Embedder is a named source of vectors.
type Embedder struct {
	embeddings.Embedder
	Name   string // with its model, so that a question months later meets the same one
	Remote bool   // costs money or time, so that its vectors are worth recording
	Note   string // what people should know about it; may be empty
}

// remote is a service that speaks OpenAI's embeddings protocol.
type remote struct {
	name, model, url string
	keyVar, urlVar   string
	urlSuffix        string // the variable holds an address without it
}

// remotes are the services known by name. A function, since package variables can be changed.
func remotes() []remote {
	return []remote{
		{name: "openai", model: "text-embedding-3-small", url: "https://api.openai.com/v1", keyVar: "OPENAI_API_KEY", urlVar: "OPENAI_BASE_URL"},
		{name: "gemini", model: "gemini-embedding-001", url: "https://generativelanguage.googleapis.com/v1beta/openai", keyVar: "GEMINI_API_KEY"},
		{name: "ollama", model: "nomic-embed-text", url: "http://localhost:11434/v1", urlVar: "OLLAMA_BASE_URL", urlSuffix: "/v1"},
	}
}

// Names lists what can be opened.
func Names() []string {
	names := []string{Offline}
	for _, r := range remotes() {
		names = append(names, r.name)
	}
	return names
}

// CheckName says whether a name can be opened, as far as that shows without a key: a provider, or provider:model.
func CheckName(name string) error {
	if name == Offline {
		return nil
	}
	_, _, err := find(name)
	return err
}

// Open returns the embedder of a name as CheckName accepts it. Keys and addresses come from the environment.
func Open(name string) (Embedder, error) {
	if name == Offline {
		return Embedder{Embedder: hashing{}, Name: Offline,
			Note: "the offline index knows only which words a passage shares with the question, not what they mean"}, nil
	}
	r, model, err := find(name)
	if err != nil {
		return Embedder{}, err
	}
	key := "none"
	if r.keyVar != "" {
		if key = os.Getenv(r.keyVar); key == "" {
			return Embedder{}, &resilience.Error{Class: resilience.Auth, Provider: r.name, Hint: "set " + r.keyVar + " in the environment and try again",
				Err: fmt.Errorf("embeddings by %s need a key in %s", r.name, r.keyVar)}
		}
	}
	url := r.url
	if v := os.Getenv(r.urlVar); r.urlVar != "" && v != "" {
		url = strings.TrimSuffix(strings.TrimSuffix(v, "/"), r.urlSuffix) + r.urlSuffix
	}
	e, err := dial(r.name, url, key, model)
	if err != nil {
		return Embedder{}, fmt.Errorf("embeddings by %s: %w", r.name, err)
	}
	return Embedder{Embedder: e, Name: r.name + ":" + model, Remote: true}, nil
}

// find splits provider:model; the model may be missing.
func find(name string) (remote, string, error) {
	provider, model, given := strings.Cut(name, ":")
	all := remotes()
	i := slices.IndexFunc(all, func(r remote) bool { return r.name == provider })
	switch {
	case i < 0:
		return remote{}, "", fmt.Errorf("no embeddings by %q; there is %s, each but the first also as provider:model", provider, strings.Join(Names(), ", "))
	case given && strings.TrimSpace(model) == "":
		return remote{}, "", fmt.Errorf("%q names no model after the colon", name)
	case !given:
		model = all[i].model
	}
	return all[i], model, nil
}
