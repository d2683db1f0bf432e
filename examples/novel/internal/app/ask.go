package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dogear-go/dogear/controller/cli"
	"github.com/dogear-go/dogear/examples/novel/internal/book"
	"github.com/dogear-go/dogear/examples/novel/internal/index"
	"github.com/dogear-go/dogear/state"
)

const (
	askedFor = 5   // passages
	excerpt  = 600 // characters of each
)

// askVerb is the command that asks the book a question.
func askVerb() cli.Verb {
	return cli.Verb{
		Use:   `ask "QUESTION"`,
		Short: "print the passages of the book that answer a question best",
		Args:  cobra.ExactArgs(1),
		Run: func(ctx context.Context, call cli.Call) error {
			question := strings.TrimSpace(call.Args[0])
			if question == "" {
				return &cli.UsageError{Err: errors.New("the question is empty")}
			}
			a, err := book.Ask(ctx, call.Project, question, askedFor)
			switch {
			case errors.Is(err, index.ErrNoWords):
				return &cli.UsageError{Err: err}
			case err != nil:
				return err
			}
			if call.JSON {
				enc := json.NewEncoder(call.Out)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return enc.Encode(a)
			}
			return printAnswers(call.Out, a)
		},
	}
}

// printAnswers writes the passages for people. Whatever a model wrote is made safe for a terminal.
func printAnswers(w io.Writer, a book.Answers) error {
	var b strings.Builder
	for _, n := range a.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if len(a.Passages) == 0 {
		b.WriteString("nothing in the book has anything to do with that question\n")
	}
	for _, h := range a.Passages {
		fmt.Fprintf(&b, "\n%d. %s: %s (%s, score %.2f)\n%s\n", h.Rank, h.Kind, h.Title, h.Key, h.Score, indent(short(h)))
	}
	_, err := io.WriteString(w, state.Printable(b.String()))
	return err
}

// short is a passage's text, cut at a word.
func short(h index.Hit) string {
	r := []rune(h.Text)
	if len(r) <= excerpt {
		return h.Text
	}
	cut := string(r[:excerpt])
	if i := strings.LastIndexAny(cut, " \n"); i > 0 {
		cut = cut[:i]
	}
	return cut + " …"
}

func indent(text string) string {
	return "   " + strings.ReplaceAll(text, "\n", "\n   ")
}
