package book

import (
	"context"
	"fmt"
	"strings"

	"github.com/dogear-go/dogear/workflow"
)

// Review lets a person read the outline before the long and dear part begins. It stands behind the outline in a reviewed book.
var Review = workflow.NewGate("outline_review", showOutline)

// showOutline is the outline as one reads it.
func showOutline(ctx context.Context) (string, error) {
	chapters, err := Outline.Result(ctx)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, c := range chapters {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "Chapter %d: %s\n%s\n", c.Number, c.Title, c.Summary)
		for j, s := range c.Scenes {
			fmt.Fprintf(&b, "  %d. %s (%s; %s)\n     %s\n", j+1, s.Title, s.Location, strings.Join(s.Characters, ", "), s.Summary)
		}
	}
	return b.String(), nil
}
