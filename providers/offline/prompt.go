package offline

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/tmc/langchaingo/llms"

	"github.com/dogear-go/dogear/resilience"
)

// prompt is what the author understood of a request.
type prompt struct {
	text   string // of all messages but the model's own
	last   string // of the last message that asks
	schema *jsonschema.Schema
	people []string
	places []string
}

func readPrompt(ctx context.Context, messages []llms.MessageContent) prompt {
	var p prompt
	var b strings.Builder
	for _, m := range messages {
		if m.Role == llms.ChatMessageTypeAI {
			continue
		}
		var one strings.Builder
		for _, part := range m.Parts {
			if _, ok := part.(llms.BinaryContent); !ok {
				one.WriteString(partText(part))
				one.WriteByte('\n')
			}
		}
		if m.Role != llms.ChatMessageTypeSystem {
			p.last = one.String()
		}
		b.WriteString(one.String())
	}
	p.text = strings.TrimSpace(b.String())
	p.schema = findSchema(ctx, p.text)
	p.people, p.places = names(p.text)
	return p
}

// findSchema takes the schema that the request carries, or else the one written in its text.
func findSchema(ctx context.Context, text string) *jsonschema.Schema {
	if _, raw, ok := resilience.SchemaFrom(ctx); ok {
		if s := parseSchema(raw); s != nil {
			return s
		}
	}
	for _, mark := range []string{"JSON Schema", "JSON schema", "json schema"} {
		if _, after, ok := strings.Cut(text, mark); ok {
			if i := strings.IndexByte(after, '{'); i >= 0 {
				var raw json.RawMessage
				if json.NewDecoder(strings.NewReader(after[i:])).Decode(&raw) == nil {
					if s := parseSchema(raw); s != nil {
						return s
					}
				}
			}
		}
	}
	return nil
}

func parseSchema(raw json.RawMessage) *jsonschema.Schema {
	var s jsonschema.Schema
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	return &s
}

var (
	listLine = regexp.MustCompile(`(?mi)^[\s#>*_-]*((?:main |major |minor )?(?:characters?|cast|people|persons?|locations?|places?|settings?|protagonist|point of view|pov))[*_ ]*:[*_ ]*(\S[^\n]*)$`)
	jsonName = regexp.MustCompile(`"name"\s*:\s*"([^"\n]{2,40})"`)
)

// names finds the people and places that a prompt lists: "Characters: Ada Brandt, Tomas Reyl".
func names(text string) (people, places []string) {
	for _, m := range listLine.FindAllStringSubmatch(text, 8) {
		found := splitNames(m[2])
		switch k := strings.ToLower(m[1]); {
		case strings.HasPrefix(k, "loc"), strings.HasPrefix(k, "place"), strings.HasPrefix(k, "setting"):
			places = append(places, found...)
		default:
			people = append(people, found...)
		}
	}
	if len(people) == 0 {
		for _, m := range jsonName.FindAllStringSubmatch(text, 8) {
			if isName(m[1]) {
				people = append(people, m[1])
			}
		}
	}
	return unique(people), unique(places)
}

func splitNames(list string) []string {
	var found []string
	for _, s := range strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ';' || c == '|' }) {
		s = strings.TrimPrefix(strings.TrimSpace(s), "and ")
		for _, cut := range []string{"(", " - ", " – ", " — ", ":", "."} {
			s, _, _ = strings.Cut(s, cut)
		}
		if s = strings.Trim(s, " *_\"'`"); isName(s) {
			found = append(found, s)
		}
	}
	return found
}

// isName says whether s looks like a name: one to five words, the first with a capital.
func isName(s string) bool {
	words := strings.Fields(s)
	return len(words) >= 1 && len(words) <= 5 && len(s) <= 40 && s[0] >= 'A' && s[0] <= 'Z'
}

func unique(in []string) []string {
	seen := make(map[string]bool, len(in))
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
