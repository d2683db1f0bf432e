package book

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"
)

func TestACharacterWithATakenNameIsDropped(t *testing.T) {
	t.Parallel()
	n := newNovel(t)
	var first string
	n.config.Roles = map[string]llms.Model{"character_creator": &author{change: func(_, text string) (string, error) {
		var cast castList
		if err := json.Unmarshal([]byte(text), &cast); err != nil {
			return "", err
		}
		first = cast.Characters[0].Name
		cast.Characters[2].Name = " The " + first
		data, err := json.Marshal(cast)
		return string(data), err
	}}}
	run := n.write()
	require.Equal(t, map[string]int{"duplicate_name": 1}, n.warnings(run))
	cast, err := Characters.Result(run.Context(context.Background()))
	require.NoError(t, err)
	require.Equal(t, first, cast[0].Name)
	for _, c := range cast[1:] {
		require.NotEqual(t, "The "+first, c.Name)
	}
}
