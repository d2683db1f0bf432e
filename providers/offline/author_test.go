package offline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/require"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/providers/offline"
	"github.com/dogear-go/dogear/resilience"
)

func ask(t testing.TB, ctx context.Context, prompt string, opts ...llms.CallOption) *llms.ContentChoice {
	t.Helper()
	resp, err := offline.New().GenerateContent(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, prompt)}, opts...)
	require.NoError(t, err)
	require.Len(t, resp.Choices, 1)
	return resp.Choices[0]
}

func TestSameRequestSameAnswer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, b := ask(t, ctx, "Write about 300 words on tides."), ask(t, ctx, "Write about 300 words on tides.")
	require.Equal(t, a, b)
	require.NotEqual(t, a.Content, ask(t, ctx, "Write about 300 words on tides!").Content)
	require.NotEqual(t, a.Content, ask(t, ctx, "Write about 300 words on tides.", llms.WithTemperature(0.9)).Content)
}

func TestLengthAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prompt string
		lo, hi int
	}{
		{"Write about 2000 words.", 2000, 2020},
		{"Write the scene in 2,500 words.", 2500, 2520},
		{"A scene of 2000-3000 words.", 2000, 3000},
		{"Between 400 and 600 words, please.", 400, 600},
		{"Use at least 150 words.", 150, 200},
		{"Use at most 90 words.", 40, 90},
		{"In Kipling's 20 words he said much. Now write about 120 words.", 120, 124},
		{"A 500-word scene.", 500, 520},
		{"Tell me a story.", 120, 320},
		{"In a word, tell me a story.", 120, 320},
	} {
		n := len(strings.Fields(ask(t, context.Background(), c.prompt).Content))
		require.GreaterOrEqual(t, n, c.lo, c.prompt)
		require.LessOrEqual(t, n, c.hi, c.prompt)
	}
	two := ask(t, context.Background(), "Two paragraphs on: the moon").Content
	require.Equal(t, 1, strings.Count(two, "\n\n"))
}

func TestProseReadsWell(t *testing.T) {
	t.Parallel()
	prompt := "You are a novelist.\nCharacters: Mirela Voss, Old Tam\nLocation: Gannet Rock\nWrite about 2000 words, third person past tense."
	text := ask(t, context.Background(), prompt).Content
	require.Contains(t, text, "Mirela")
	require.Contains(t, text, "Old Tam")
	require.Contains(t, text, "Gannet Rock")
	require.NotContains(t, text, "{")
	require.NotContains(t, text, "Characters:")
	require.NotContains(t, text, "third person")
	require.Greater(t, strings.Count(text, "\n\n"), 10)
	require.NotContains(t, text, " a empty")
	require.NotContains(t, text, " a ordinary")
	seen := map[string]int{}
	for _, p := range strings.Split(text, "\n\n") {
		seen[p]++
		require.Equal(t, 1, seen[p], "a paragraph twice: %s", p)
		require.Equal(t, 0, strings.Count(p, "\"")%2, "open quote: %s", p)
		require.NotContains(t, p, ",.")
		require.NotContains(t, p, "..")
	}
	for _, check := range []resilience.Check{resilience.NotRefused, resilience.NoPromptEcho, resilience.MinWords(2000)} {
		require.NoError(t, check(resilience.Answer{Text: text, FinishReason: "stop", Prompt: prompt}))
	}
}

func TestMaxTokensCuts(t *testing.T) {
	t.Parallel()
	c := ask(t, context.Background(), "Write about 1000 words.", llms.WithMaxTokens(100))
	require.Equal(t, "length", c.StopReason)
	require.LessOrEqual(t, c.GenerationInfo["CompletionTokens"], 100)
	require.Greater(t, c.GenerationInfo["CompletionTokens"], 90)
	c = ask(t, context.Background(), "Write about 50 words.", llms.WithMaxTokens(100))
	require.Equal(t, "stop", c.StopReason)
	require.Positive(t, c.GenerationInfo["PromptTokens"])
}

func TestStreamsTheAnswer(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	c := ask(t, context.Background(), "Write about 300 words.", llms.WithStreamingFunc(func(_ context.Context, b []byte) error {
		got.Write(b)
		return nil
	}))
	require.Equal(t, c.Content, got.String())
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err := offline.New().Call(ctx, "Write about 900 words.", llms.WithStreamingFunc(func(context.Context, []byte) error {
		calls++
		cancel()
		return nil
	}))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, calls)
	_, err = offline.New().Call(ctx, "Write.")
	require.ErrorIs(t, err, context.Canceled)
}

func TestFastEnoughForCrashTests(t *testing.T) {
	best := time.Hour
	for i := range 20 {
		start := time.Now()
		ask(t, context.Background(), fmt.Sprintf("Write about 2000 words on %d.", i))
		best = min(best, time.Since(start))
	}
	require.Less(t, best, 20*time.Millisecond) // about 0.3 ms without the race detector
}

func BenchmarkScene(b *testing.B) {
	for range b.N {
		ask(b, context.Background(), "Characters: A B, C D\nWrite about 2000 words.")
	}
}

type scene struct {
	Title      string   `json:"title"`
	Goal       string   `json:"goal" jsonschema:"about 12 words"`
	Characters []string `json:"characters"`
	Place      string   `json:"place"`
	Number     int      `json:"number"`
}

func TestNovelShape(t *testing.T) {
	t.Parallel()
	s, err := jsonschema.For[struct {
		Chapters []struct {
			Title  string  `json:"title"`
			Scenes []scene `json:"scenes" jsonschema:"2 to 4 scenes"`
		} `json:"chapters"`
	}](nil)
	require.NoError(t, err)
	chapters := s.Properties["chapters"]
	chapters.MinItems, chapters.MaxItems = jsonschema.Ptr(10), jsonschema.Ptr(10)
	sc := chapters.Items.Properties["scenes"].Items
	sc.Properties["characters"].Items.Enum = []any{"Ada", "Bo", "Cy"}
	sc.Properties["place"].Enum = []any{"Here", "There"}
	text := instanceOf(t, s, "Outline the book.")
	var got struct {
		Chapters []struct {
			Title  string
			Scenes []scene
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Len(t, got.Chapters, 10)
	titles := map[string]bool{}
	for _, c := range got.Chapters {
		titles[c.Title] = true
		require.GreaterOrEqual(t, len(c.Scenes), 2)
		require.LessOrEqual(t, len(c.Scenes), 4)
		for i, s := range c.Scenes {
			require.Equal(t, i+1, s.Number)
			require.InDelta(t, 12, len(strings.Fields(s.Goal)), 2)
		}
	}
	require.Len(t, titles, 10)
}

// instanceOf asks for an instance, with the schema in ctx and again in the text, and validates both.
func instanceOf(t testing.TB, s *jsonschema.Schema, prompt string) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	resolved, err := s.Resolve(nil)
	require.NoError(t, err)
	validate := func(text string) {
		var v any
		require.NoError(t, json.Unmarshal([]byte(text), &v), text)
		require.NoError(t, resolved.Validate(v), text)
	}
	text := ask(t, resilience.WithSchema(context.Background(), "answer", raw), prompt).Content
	validate(text)
	validate(ask(t, context.Background(), prompt+"\nAnswer with JSON under this JSON Schema:\n"+string(raw)).Content)
	return text
}

func TestInstancesAreValid(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"lengths":    `{"type":"object","properties":{"a":{"type":"string","minLength":200,"maxLength":220},"title":{"type":"string","maxLength":5},"b":{"type":"string","minLength":3,"maxLength":3}},"required":["a","title","b"]}`,
		"numbers":    `{"type":"array","minItems":20,"items":{"type":"object","properties":{"i":{"type":"integer","minimum":-3,"maximum":3},"n":{"type":"number","exclusiveMinimum":2,"maximum":2.5},"m":{"type":"integer","multipleOf":7,"minimum":10,"maximum":30},"chapter":{"type":"integer","maximum":4,"minimum":1}},"required":["i","n","m","chapter"]}}`,
		"unique":     `{"type":"array","uniqueItems":true,"minItems":12,"maxItems":12,"items":{"type":"string"}}`,
		"enum":       `{"type":"array","uniqueItems":true,"minItems":3,"maxItems":3,"items":{"enum":["x","y","z"]}}`,
		"pattern":    `{"type":"object","properties":{"code":{"type":"string","pattern":"^[A-Z]{3}-\\d{4}$"},"slug":{"type":"string","pattern":"^[a-z]+(-[a-z]+)*$"}},"required":["code","slug"]}`,
		"refs":       `{"$defs":{"n":{"type":"object","properties":{"name":{"type":"string"},"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["name"],"additionalProperties":false}},"$ref":"#/$defs/n"}`,
		"self":       `{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"v":{"type":"integer"}},"required":["next","v"]}`,
		"any":        `{"anyOf":[{"type":"null"},{"type":"object","properties":{"x":{"const":3}},"required":["x"]}]}`,
		"all":        `{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"boolean"}},"required":["b"]}]}`,
		"map":        `{"type":"object","additionalProperties":{"type":"integer"},"minProperties":5}`,
		"tuple":      `{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"minItems":2,"maxItems":2}`,
		"nullable":   `{"type":"object","properties":{"s":{"type":["null","array"],"items":{"type":"string"}}},"required":["s"]}`,
		"many":       `{"type":"array","minItems":100,"maxItems":100,"items":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}`,
		"no type":    `{"minItems":2,"items":{}}`,
		"prim":       `{"type":"integer","minimum":5,"maximum":5}`,
		"max only":   `{"type":"integer","maximum":-5}`,
		"max number": `{"type":"number","exclusiveMaximum":-5}`,
	} {
		var s jsonschema.Schema
		require.NoError(t, json.Unmarshal([]byte(raw), &s), name)
		for i := range 10 {
			instanceOf(t, &s, fmt.Sprintf("%s %d", name, i))
		}
	}
}

func TestNamesFollowTheField(t *testing.T) {
	t.Parallel()
	s, err := jsonschema.For[struct {
		Characters []struct {
			Name     string `json:"name"`
			FullName string `json:"full_name"`
		} `json:"characters" jsonschema:"4-5 characters"`
		Locations []struct {
			Name string `json:"name"`
		} `json:"locations"`
	}](nil)
	require.NoError(t, err)
	var got struct {
		Characters []struct {
			Name     string
			FullName string `json:"full_name"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(instanceOf(t, s, "People.")), &got))
	require.Len(t, got.Characters, 4)
	seen := map[string]bool{}
	for _, c := range got.Characters {
		require.True(t, strings.HasPrefix(c.FullName, c.Name+" "), c)
		require.False(t, seen[c.Name])
		seen[c.Name] = true
	}
}

func TestCountFromThePrompt(t *testing.T) {
	t.Parallel()
	s, err := jsonschema.For[[]string](nil)
	require.NoError(t, err)
	s.Types, s.Type = nil, "array"
	var got []string
	require.NoError(t, json.Unmarshal([]byte(instanceOf(t, s, "Five things to know about tides.")), &got))
	require.Len(t, got, 5)
}

func FuzzInstance(f *testing.F) {
	f.Add(3, 9, 4, "chapter title")
	f.Add(0, 0, 1, "name")
	f.Fuzz(func(t *testing.T, lo, span, n int, key string) {
		if lo < 0 || lo > 500 || span < 0 || span > 500 || n < 0 || n > 30 || !utf8.ValidString(key) || !json.Valid([]byte(`"`+key+`"`)) {
			t.Skip()
		}
		s := &jsonschema.Schema{Type: "array", MinItems: &n, MaxItems: &n, Items: &jsonschema.Schema{
			Type: "object", Required: []string{key, "count"},
			Properties: map[string]*jsonschema.Schema{
				key:     {Type: "string", MinLength: jsonschema.Ptr(lo), MaxLength: jsonschema.Ptr(lo + span)},
				"count": {Type: "integer", Minimum: jsonschema.Ptr(float64(lo)), Maximum: jsonschema.Ptr(float64(lo + span))},
			},
		}}
		if key == "count" {
			t.Skip()
		}
		instanceOf(t, s, "fuzz")
	})
}

// TestImpossibleSchemasEnd: what no finite value meets must not keep the author writing, or overflow the stack.
func TestImpossibleSchemasEnd(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"type":"object","properties":{"n":{"$ref":"#"}},"required":["n"]}`,
		`{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"},"minItems":1}},"required":["kids"]}`,
		`{"allOf":[{"$ref":"#"}]}`,
		`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`,
		`{"type":"integer","minimum":10,"maximum":5}`, `{"type":"array","items":{"enum":[]},"minItems":2}`,
		`{"type":"array","items":{"type":"boolean"},"minItems":5,"uniqueItems":true}`, `{"type":"string","minLength":5,"maxLength":2}`,
		`{"type":"object","minProperties":5,"additionalProperties":false}`, `{"not":{}}`, `{}`, `true`, `null`, `[]`, `{"type":5}`,
	} {
		ctx := resilience.WithSchema(context.Background(), "x", json.RawMessage(raw))
		require.NotEmpty(t, ask(t, ctx, "Write it.").Content, raw)
	}
}
