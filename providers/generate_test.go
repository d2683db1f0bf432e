package providers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers"
	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

type plan struct {
	Title  string   `json:"title" jsonschema:"at most five words"`
	Themes []string `json:"themes"`
	Acts   int      `json:"acts"`
	Note   string   `json:"note,omitempty"`
}

// Validate wants three acts.
func (p plan) Validate() error {
	if p.Acts != 3 {
		return fmt.Errorf("acts must be 3, not %d", p.Acts)
	}
	return nil
}

const goodPlan = `{"title":"Tides","themes":["water","time"],"acts":3}`

func TestGenerateRepairsWithoutAsking(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":          goodPlan,
		"fence":          "```json\n" + goodPlan + "\n```",
		"fence in prose": "Here is the plan:\n\n```json\n" + goodPlan + "\n```\nI hope it helps! {not json}",
		"prose":          "Sure. " + goodPlan + " Anything else?",
		"trailing comma": `{"title":"Tides","themes":["water","time",],"acts":3,}`,
		"comments":       "{\"title\":\"Tides\", // the title\n\"themes\":[\"water\",\"time\"],/* three */\"acts\":3}",
		"extra field":    `{"title":"Tides","themes":["water","time"],"acts":3,"mood":"calm"}`,
		"thinking":       "<think>{\"title\": maybe}</think>\n" + goodPlan,
		"wrong one too":  `{"example":true} ` + goodPlan,
		"braces in text": `Use {braces} well: ` + goodPlan,
		"bom":            "\ufeff" + goodPlan,
	} {
		m := script(says(text))
		got, err := providers.Generate[plan](context.Background(), chain(t, member("a", m)), "A plan.")
		require.NoError(t, err, name)
		require.Equal(t, plan{Title: "Tides", Themes: []string{"water", "time"}, Acts: 3}, got, name)
		require.Equal(t, 1, m.calls(), name)
	}
}

func TestGenerateAsksAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bad, reason string }{
		"no json":         {"I think a plan with three acts is best.", "no JSON"},
		"cut":             {`{"title":"Tides","themes":["water","ti`, "ends in the middle"},
		"broken":          {`{"title":"Tides" "themes":["water"],"acts":3}`, "malformed"},
		"missing field":   {`{"title":"Tides","acts":3}`, "themes"},
		"wrong type":      {`{"title":"Tides","themes":"water","acts":3}`, "themes"},
		"null list":       {`{"title":"Tides","themes":null,"acts":3}`, "themes"},
		"fails Validate":  {`{"title":"Tides","themes":["water"],"acts":5}`, "acts must be 3, not 5"},
		"refusal":         {"I'm sorry, but I can't help with that request.", ""},
		"a list":          {`[1,2,3,4,5,6]`, "JSON Schema"},
		"fails the check": {`{"title":"Mud","themes":["water"],"acts":3}`, "no mud"},
	} {
		j := newJournal()
		m := script(says(c.bad), says(goodPlan))
		noMud := func(a resilience.Answer) error {
			if strings.Contains(a.Text, "Mud") {
				return errors.New("no mud, please")
			}
			return nil
		}
		got, err := providers.Generate[plan](j.ctx(context.Background()), chain(t, member("a", m)), "A plan.", noMud)
		require.NoError(t, err, name)
		require.Equal(t, 3, got.Acts)
		require.Equal(t, 2, m.calls(), name)
		require.Contains(t, j.log, "wasted a1", name)
		require.NotContains(t, strings.Join(j.log, ","), "rejected")
		last := m.msgs[1][len(m.msgs[1])-1].Parts[0].(llms.TextContent).Text
		require.Contains(t, last, c.reason, name)
	}
}

func TestGenerateGivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		class resilience.Class
	}{
		"malformed": {"{ nothing but trouble", resilience.InvalidResponse},
		"refused":   {"I'm sorry, but I can't help with that request.", resilience.ContentPolicy},
	} {
		j := newJournal()
		m := script(says(c.text))
		_, err := providers.Generate[plan](j.ctx(context.Background()), chain(t, member("a", m)), "A plan.")
		var typed *resilience.Error
		require.ErrorAs(t, err, &typed, name)
		require.Equal(t, c.class, resilience.Classify(err), name)
		require.Equal(t, providers.MaxAsks, m.calls(), name)
		require.Equal(t, "rejected a1 a2 a3", j.log[len(j.log)-1], name)
		require.Equal(t, 3, strings.Count(strings.Join(j.log, ","), "wasted"), name)
	}
}

func TestGenerateErrorsOfTheModelComeBack(t *testing.T) {
	t.Parallel()
	j := newJournal()
	c := chain(t, member("a", script(says("no json here, sorry"), fails(resilience.Auth, 0))))
	_, err := providers.Generate[plan](j.ctx(context.Background()), c, "A plan.")
	require.Equal(t, resilience.Auth, resilience.Classify(err))
	require.NotContains(t, strings.Join(j.log, ","), "rejected", "it was not about content")
	require.Contains(t, j.log, "wasted a1")
}

func TestGenerateText(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	prompt := "You are a novelist. Write the scene in which the harbour master finds the letter, in the third person and in the past tense."
	m := script(says("I'm sorry, but I can't help with that request."), says("<think>Let me see.</think>\n"+good))
	got, err := providers.Generate[string](ctx, chain(t, member("a", m)), prompt)
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Contains(t, m.msgs[1][0].Parts[0].(llms.TextContent).Text, prompt)
	require.Len(t, m.msgs[1], 1, "a refusal is not shown to the model")

	type prose string
	named, err := providers.Generate[prose](ctx, chain(t, member("a", script(says(good)))), prompt)
	require.NoError(t, err)
	require.Equal(t, prose(good), named)
}

func TestSoftChecksAskOnceMore(t *testing.T) {
	t.Parallel()
	long := good + " " + good
	wish := resilience.Soft(resilience.MinWords(15))
	for name, c := range map[string]struct {
		steps []step
		want  string
		calls int
		log   string
	}{
		"met":               {[]step{says(long)}, long, 1, ""},
		"met at second":     {[]step{says(good), says(long)}, long, 2, "wasted a1"},
		"never met":         {[]step{says(good), says("Again. " + good)}, "Again. " + good, 2, "wasted a1,warn min_words"},
		"first one is best": {[]step{says(good), says("I'm sorry, but I can't help with that request.")}, good, 3, "wasted a2,wasted a3,warn min_words"},
	} {
		j := newJournal()
		m := script(c.steps...)
		got, err := providers.Generate[string](j.ctx(context.Background()), chain(t, member("a", m)), "A scene.", wish)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.calls, m.calls(), name)
		var seen []string
		for _, l := range j.log {
			if strings.HasPrefix(l, "wasted") || strings.HasPrefix(l, "warn") || strings.HasPrefix(l, "rejected") {
				seen = append(seen, l)
			}
		}
		require.Equal(t, c.log, strings.Join(seen, ","), name)
	}
}

func TestGeneratePlainModel(t *testing.T) {
	t.Parallel()
	m := script(says(""), finishes(good, "length"), says(good))
	got, err := providers.Generate[string](context.Background(), m, "A scene.")
	require.NoError(t, err)
	require.Equal(t, good, got)
	require.Equal(t, 3, m.calls(), "without a chain, empty and cut answers are refused here")
}

// TestGenerateReplays: a kill between two asks pays nothing twice, because equal answers lead to equal requests.
func TestGenerateReplays(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]step{
		"repaired": {says("none of this"), says(`{"title":"T","themes":[],"acts":9}`), says(goodPlan)},
		"refused":  {says("none of this is JSON")},
	} {
		first := newJournal()
		a, err := providers.Generate[plan](first.ctx(context.Background()), chain(t, member("a", script(steps...))), "A plan.")
		again := script(says("never asked"))
		b, err2 := providers.Generate[plan](first.resumed().ctx(context.Background()), chain(t, member("a", again)), "A plan.")
		require.Equal(t, a, b, name)
		require.Equal(t, err == nil, err2 == nil, name)
		require.Zero(t, again.calls(), name)
	}
}

type chapter struct {
	Title  string `json:"title"`
	Scenes []struct {
		What string `json:"what"`
		Who  string `json:"who"`
	} `json:"scenes"`
}

func TestShapeSchema(t *testing.T) {
	t.Parallel()
	ctx := providers.ShapeSchema(context.Background(), func(s *jsonschema.Schema) {
		s.MinItems, s.MaxItems = jsonschema.Ptr(7), jsonschema.Ptr(7)
	})
	ctx = providers.ShapeSchema(ctx, func(s *jsonschema.Schema) {
		s.Items.Properties["scenes"].Items.Properties["who"].Enum = []any{"Ada", "Bo"}
	})
	got, err := providers.Generate[[]chapter](ctx, chain(t, member("offline", offline.New())), "Outline the book.")
	require.NoError(t, err)
	require.Len(t, got, 7)
	for _, c := range got {
		for _, s := range c.Scenes {
			require.Contains(t, []string{"Ada", "Bo"}, s.Who)
		}
	}
	_, err = providers.Generate[[]chapter](ctx, chain(t, member("a", script(says(`[{"title":"One of seven","scenes":[]}]`)))), "Outline the book.")
	require.Error(t, err, "the shape is enforced")
}

func TestSchemaOfTheRequest(t *testing.T) {
	t.Parallel()
	var name string
	var raw json.RawMessage
	m := script(func(ctx context.Context, _ llms.CallOptions) (*llms.ContentResponse, error) {
		name, raw, _ = resilience.SchemaFrom(ctx)
		return content(`{"answer":["one","two"]}`, "stop"), nil
	})
	got, err := providers.Generate[[]string](context.Background(), m, "Two things.")
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, got)
	require.Equal(t, "answer_list", name)
	require.JSONEq(t, `{"type":"object","properties":{"answer":{"type":"array","items":{"type":"string"}}},"required":["answer"],"additionalProperties":false}`, string(raw))
	require.Contains(t, m.msgs[0][0].Parts[0].(llms.TextContent).Text, string(raw))

	got, err = providers.Generate[[]string](context.Background(), script(says(`["three", "four"]`)), "Two things.")
	require.NoError(t, err, "the bare value will do")
	require.Equal(t, []string{"three", "four"}, got)
	n, err := providers.Generate[int](context.Background(), script(says(`{"answer": 42}`)), "A number.")
	require.NoError(t, err)
	require.Equal(t, 42, n)
	_, err = providers.Generate[func()](context.Background(), m, "x")
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
}

func TestGenerateOffline(t *testing.T) {
	t.Parallel()
	models, err := providers.FromEnv()
	require.NoError(t, err)
	got, err := providers.Generate[[]string](context.Background(), models.Default, "Five things to know about tides.")
	require.NoError(t, err)
	require.Len(t, got, 5)
	text, err := providers.Generate[string](context.Background(), models.Default, "Write about 2000 words on tides.", resilience.MinWords(2000))
	require.NoError(t, err)
	require.NotEmpty(t, text)
}

func TestWith(t *testing.T) {
	t.Parallel()
	m := script(says(good))
	w := providers.With(m, llms.WithTemperature(0.9), llms.WithMaxTokens(5))
	_, err := ask(context.Background(), w, llms.WithMaxTokens(7))
	require.NoError(t, err)
	require.Equal(t, 0.9, m.opts[0].Temperature)
	require.Equal(t, 7, m.opts[0].MaxTokens)
	require.False(t, resilience.ReportsTries(w))
	require.True(t, resilience.ReportsTries(providers.With(chain(t, member("a", m)))))
}

func TestGenerateFromAConversation(t *testing.T) {
	t.Parallel()
	m := script(says(goodPlan))
	msgs := []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeSystem, "You plan."), llms.TextParts(llms.ChatMessageTypeHuman, "A plan."),
		llms.TextParts(llms.ChatMessageTypeAI, "Which?"),
	}
	_, err := providers.GenerateFrom[plan](context.Background(), m, msgs)
	require.NoError(t, err)
	require.Len(t, m.msgs[0], 4)
	require.Equal(t, "Which?", msgs[2].Parts[0].(llms.TextContent).Text, "the caller's messages stay as they are")
	_, err = providers.GenerateFrom[plan](context.Background(), m, nil)
	require.Equal(t, resilience.InvalidRequest, resilience.Classify(err))
}
