package offline

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"
)

// text makes a string for a field: by format or pattern where the schema has one, else by the field's name.
func (m *maker) text(s *jsonschema.Schema, at place) string {
	if s.Pattern != "" {
		return m.unique(at.path, func() string { return m.matching(s) })
	}
	if v, ok := m.format(s.Format); ok {
		return v
	}
	make := func() string { return fit(m.field(s, at), s, m) }
	if at.inArray || at.depth > 0 {
		return m.unique(at.path, make)
	}
	return make()
}

// unique asks for a value until it is new at this path. A repeated one gets a number where its schema may allow it.
func (m *maker) unique(path string, value func() string) string {
	used := m.used[path]
	if used == nil {
		used = map[string]bool{}
		m.used[path] = used
	}
	v := value()
	for i := 0; used[v] && i < 40; i++ {
		v = value()
	}
	used[v] = true
	return v
}

func (m *maker) format(format string) (string, bool) {
	n := m.r.between(1, 28)
	switch format {
	case "date":
		return fmt.Sprintf("2031-%02d-%02d", m.r.between(1, 12), n), true
	case "date-time":
		return fmt.Sprintf("2031-%02d-%02dT%02d:30:00Z", m.r.between(1, 12), n, m.r.IntN(24)), true
	case "time":
		return fmt.Sprintf("%02d:%02d:00Z", m.r.IntN(24), m.r.IntN(60)), true
	case "email":
		return strings.ToLower(m.r.pick(givenNames)) + "@example.org", true
	case "uri", "url":
		return "https://example.org/" + slug(m.title()), true
	case "uuid":
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", m.r.Uint32(), m.r.IntN(1<<16), m.r.IntN(1<<12), m.r.IntN(1<<12), m.r.Uint64()&(1<<48-1)), true
	}
	return "", false
}

// field makes a value by what the field's name, its path and its description say.
func (m *maker) field(s *jsonschema.Schema, at place) string {
	key := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(at.key))
	if n, ok := asked(s.Description); ok {
		return m.ofSize(n)
	}
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(key, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("description", "summary", "synopsis", "premise", "logline", "arc", "note", "background", "whathappens", "event", "reason", "appearance"):
		return m.w.sentencesFresh(2)
	case has("biography", "bio", "overview", "act"):
		return m.w.sentencesFresh(4)
	case has("title", "heading", "headline"):
		return m.title()
	case has("fullname"):
		return m.fullName(at)
	case has("aka", "alias", "nickname", "epithet"):
		return "the " + capital(m.r.pick(adjectives)) + " " + m.r.pick([]string{"Clerk", "Pilot", "Keeper", "Stranger", "Surveyor", "Captain", "Door", "Corner"})
	case has("goal", "want", "motivation", "objective"):
		return m.w.once("To bring {t} out of {L} before anyone asks about {k}.")
	case has("conflict", "obstacle", "stakes"):
		return m.w.once("{M} will not let {N} pass without an answer to {k}, and {L} is watching.")
	case has("outcome", "result", "resolution", "ending"):
		return m.w.once("{N} leaves {L} with {t}, and without {k}.")
	case has("location", "place", "setting", "where") && !has("name"):
		return m.known(m.p.places, func() string { return placeName(m.r) })
	case has("character", "protagonist", "person", "people", "speaker", "pov", "author", "cast") && !has("name"):
		return m.known(m.p.people, func() string { return personName(m.r) })
	case has("name"):
		return m.name(at)
	case has("theme", "tag", "genre", "keyword", "mood", "tone", "motif", "category", "label"):
		return m.r.pick(genericWords)
	case key == "id", has("slug"), key == "key":
		return fmt.Sprintf("%s-%d", slug(m.title()), at.index+1)
	case has("text", "prose", "content", "body", "story", "manuscript", "scene"):
		return m.w.fresh().paragraphs(2)
	case at.inArray && s.Description == "":
		return capital(m.r.pick(ideas))
	}
	return m.w.sentencesFresh(1)
}

// name is a place's under locations and the like, else a person's; short where the full name has a field of its own.
func (m *maker) name(at place) string {
	path := strings.ToLower(at.path)
	if strings.Contains(path, "location") || strings.Contains(path, "place") || strings.Contains(path, "setting") {
		return placeName(m.r)
	}
	if at.parent != nil && at.parent.schema != nil {
		for k := range at.parent.schema.Properties {
			if k != at.key && strings.Contains(strings.ToLower(k), "full") {
				return m.r.pick(givenNames)
			}
		}
	}
	return personName(m.r)
}

func (m *maker) fullName(at place) string {
	if at.parent != nil {
		if n, ok := at.parent.values["name"].(string); ok && n != "" {
			return n + " " + m.r.pick(familyNames)
		}
	}
	return personName(m.r)
}

// known takes one of the names that the prompt lists, if it lists any.
func (m *maker) known(names []string, other func() string) string {
	if len(names) > 0 {
		return m.r.pick(names)
	}
	return other()
}

func (m *maker) title() string { return m.r.pick(titleHeads) + " " + m.r.pick(titleTails) }

func (m *maker) ofSize(n size) string {
	w := m.w.fresh()
	switch {
	case n.paragraphs > 0:
		return w.paragraphs(n.paragraphs)
	case n.sentences > 0:
		return w.sentencesOf(n.sentences)
	}
	return w.text(n.words)
}

// fresh returns a writer with the same people and banks, and an empty page.
func (w *writer) fresh() *writer {
	return &writer{
		r: w.r, people: w.people, places: w.places, focus: w.focus, other: w.other, place: w.place,
		templates: w.templates, lines: w.lines, skies: w.skies, things: w.things, adjectives: w.adjectives, ideas: w.ideas,
	}
}

func (w *writer) sentencesFresh(n int) string {
	f := w.fresh()
	f.turn()
	return f.sentencesOf(n)
}

func (w *writer) once(template string) string {
	f := w.fresh()
	f.turn()
	return f.fill(template)
}

// fit brings a text within the schema's lengths, which count characters.
func fit(text string, s *jsonschema.Schema, m *maker) string {
	least, most := min(orElse(s.MinLength, 0), maxText), orElse(s.MaxLength, -1)
	for utf8.RuneCountInString(text) < least {
		text = strings.TrimSpace(text + " " + m.w.sentencesFresh(1))
	}
	if most < 0 || utf8.RuneCountInString(text) <= most {
		return text
	}
	text = string([]rune(text)[:most])
	if i := strings.LastIndexByte(text, ' '); i > 0 && utf8.RuneCountInString(text[:i]) >= max(least, most/2) {
		text = text[:i]
	}
	return text
}

// matching makes a string for a simple pattern; one that it can't meet is left to the asker's validation.
func (m *maker) matching(s *jsonschema.Schema) string {
	re, err := syntax.Parse(s.Pattern, syntax.Perl)
	if err != nil {
		return m.title()
	}
	want, err := regexp.Compile(s.Pattern)
	if err != nil {
		return m.title()
	}
	for range 20 {
		var b strings.Builder
		m.expand(&b, re.Simplify())
		n := utf8.RuneCountInString(b.String())
		if want.MatchString(b.String()) && n >= orElse(s.MinLength, 0) && n <= orElse(s.MaxLength, n) {
			return b.String()
		}
	}
	return m.title()
}

func (m *maker) expand(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			b.WriteRune(c)
		}
	case syntax.OpCharClass:
		b.WriteRune(m.oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte("abcdefghijklmnopqrstuvwxyz"[m.r.IntN(26)])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			m.expand(b, sub)
		}
	case syntax.OpAlternate:
		m.expand(b, re.Sub[m.r.IntN(len(re.Sub))])
	case syntax.OpStar:
		m.times(b, re.Sub[0], m.r.IntN(6))
	case syntax.OpPlus:
		m.times(b, re.Sub[0], m.r.between(1, 8))
	case syntax.OpQuest:
		m.times(b, re.Sub[0], m.r.IntN(2))
	case syntax.OpRepeat:
		hi := re.Max
		if hi < 0 {
			hi = re.Min + 4
		}
		m.times(b, re.Sub[0], m.r.between(re.Min, hi))
	}
}

func (m *maker) times(b *strings.Builder, re *syntax.Regexp, n int) {
	for range n {
		m.expand(b, re)
	}
}

// oneOf takes a character of a class, a printable ASCII one where there is one.
func (m *maker) oneOf(ranges []rune) rune {
	var all []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		for c := max(ranges[i], ' '); c <= min(ranges[i+1], '~'); c++ {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return ranges[0]
	}
	return all[m.r.IntN(len(all))]
}

func slug(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }
