package book

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dogear-go/dogear/examples/novel/internal/index"
)

// Params are the book's parameters. They belong to a run and do not change after its start.
type Params struct {
	Genre    string `json:"genre"`
	Chapters int    `json:"chapters"`
	Words    int    `json:"words"` // of a scene
	Embed    string `json:"embed"` // the embedder of the index

	// Review lets a person approve the outline. It is recorded like the rest, so that the book has the same steps whenever it
	// goes on.
	Review bool `json:"review,omitempty"`
}

// The limits of the parameters. Beyond 20,000 words no model writes a scene in one answer.
const (
	minChapters, maxChapters = 1, 200
	minWords, maxWords       = 50, 20_000
	maxGenre                 = 200 // characters
)

// Defaults are the parameters of a book of ten chapters.
func Defaults() Params {
	return Params{Genre: "science fiction", Chapters: 10, Words: 2000, Embed: index.Offline}
}

// Check says what is wrong with the parameters, in the words of the command line.
func (p Params) Check() error {
	switch {
	case strings.TrimSpace(p.Genre) == "":
		return fmt.Errorf(`--genre must not be empty; for example --genre "science fiction"`)
	case !utf8.ValidString(p.Genre) || strings.ContainsFunc(p.Genre, unicode.IsControl):
		return fmt.Errorf("--genre must be one line of text")
	case utf8.RuneCountInString(p.Genre) > maxGenre:
		return fmt.Errorf("--genre must have at most %d characters", maxGenre)
	case p.Chapters < minChapters || p.Chapters > maxChapters:
		return fmt.Errorf("--chapters must be %d to %d, not %d", minChapters, maxChapters, p.Chapters)
	case p.Words < minWords || p.Words > maxWords:
		return fmt.Errorf("--words must be %d to %d (for each scene), not %d", minWords, maxWords, p.Words)
	}
	if err := index.CheckName(p.Embed); err != nil {
		return fmt.Errorf("--embed: %w", err)
	}
	return nil
}
