package offline

import (
	"hash/fnv"
	"strings"
)

// prose writes the text that the prompt asks for.
func prose(p prompt, r *random) string {
	w := newWriter(p, r)
	n, ok := asked(p.last)
	if !ok {
		n, ok = asked(p.text)
	}
	if !ok {
		n = size{words: r.between(180, 260)}
	}
	switch {
	case n.paragraphs > 0:
		return w.paragraphs(n.paragraphs)
	case n.sentences > 0:
		return w.sentencesOf(n.sentences)
	}
	return w.text(n.words)
}

// writer fills templates. Its people and places are the prompt's, or its own when the prompt names none.
type writer struct {
	r                                                  *random
	templates, lines, skies, things, adjectives, ideas *bag
	people, places                                     []string
	focus, other                                       string
	place                                              string
	b                                                  strings.Builder
	words                                              int
}

func newWriter(p prompt, r *random) *writer {
	w := &writer{r: r, people: p.people, places: p.places}
	for len(w.people) < 2 {
		w.people = append(w.people, r.pick(givenNames))
		w.people = unique(w.people)
	}
	if len(w.places) == 0 {
		w.places = []string{placeName(r), placeName(r)}
	}
	w.templates, w.lines, w.skies = r.bag(sentences), r.bag(lines), r.bag(skies)
	w.things, w.adjectives, w.ideas = r.bag(things), r.bag(adjectives), r.bag(ideas)
	w.turn()
	return w
}

// turn changes whom and where the next paragraph is about.
func (w *writer) turn() {
	i := w.r.IntN(len(w.people))
	j := (i + 1 + w.r.IntN(len(w.people)-1)) % len(w.people)
	w.focus, w.other = w.people[i], w.people[j]
	w.place = w.r.pick(w.places)
}

// text writes n words, or a few more.
func (w *writer) text(n int) string {
	w.b.Grow(n * 6)
	w.sentence(w.r.pick(openings), n)
	for left := w.r.between(3, 5); w.words < n; left-- {
		if left == 0 {
			w.b.WriteString("\n\n")
			w.turn()
			left = w.r.between(4, 7)
		} else if w.b.Len() > 0 {
			w.b.WriteByte(' ')
		}
		if n-w.words > 12 && n-w.words < 24 {
			w.sentence(w.r.pick(closings), n)
			continue
		}
		w.sentence(w.templates.next(), n)
	}
	return w.b.String()
}

func (w *writer) paragraphs(n int) string {
	for i := range n {
		if i > 0 {
			w.b.WriteString("\n\n")
			w.turn()
		}
		for j := range w.r.between(4, 6) {
			if j > 0 {
				w.b.WriteByte(' ')
			}
			w.sentence(w.templates.next(), 0)
		}
	}
	return w.b.String()
}

func (w *writer) sentencesOf(n int) string {
	for i := range n {
		if i > 0 {
			w.b.WriteByte(' ')
		}
		w.sentence(w.templates.next(), 0)
	}
	return w.b.String()
}

// sentence writes one sentence. When it would pass the total of n words by more than a little, it ends early, as a
// sentence all the same.
func (w *writer) sentence(template string, n int) {
	s := w.fill(template)
	count := wordCount(s)
	if n > 0 && w.words+count > n+min(n/25, 20) {
		fields := strings.Fields(s)[:max(n-w.words, 3)]
		s = strings.TrimRight(strings.Join(fields, " "), ",;:.?\"") + "."
		if strings.Count(s, "\"")%2 == 1 {
			s = strings.ReplaceAll(s, "\"", "")
		}
		count = len(fields)
	}
	w.b.WriteString(s)
	w.words += count
}

func (w *writer) fill(template string) string {
	var b strings.Builder
	b.Grow(len(template) + 48)
	subj, poss, obj := pronouns(w.focus)
	for {
		i := strings.IndexByte(template, '{')
		if i < 0 || i+2 >= len(template) {
			b.WriteString(template)
			return capital(b.String())
		}
		b.WriteString(template[:i])
		switch template[i+1] {
		case 'N':
			b.WriteString(first(w.focus))
		case 'M':
			b.WriteString(first(w.other))
		case 's':
			b.WriteString(subj)
		case 'S':
			b.WriteString(capital(subj))
		case 'p':
			b.WriteString(poss)
		case 'o':
			b.WriteString(obj)
		case 'L':
			b.WriteString(w.place)
		case 't':
			b.WriteString(w.things.next())
		case 'a':
			adjective(&b, w.adjectives.next())
		case 'k':
			b.WriteString(w.ideas.next())
		case 'c':
			b.WriteString(w.skies.next())
		case 'q':
			b.WriteString(w.lines.next())
		}
		template = template[i+3:]
	}
}

// adjective writes a, after turning "a" before a vowel into "an".
func adjective(b *strings.Builder, a string) {
	s := b.String()
	if strings.ContainsRune("aeiou", rune(a[0])) && (strings.HasSuffix(s, " a ") || s == "A ") {
		rest := s[:len(s)-1] + "n "
		b.Reset()
		b.WriteString(rest)
	}
	b.WriteString(a)
}

// pronouns gives each name the same ones every time.
func pronouns(name string) (subj, poss, obj string) {
	h := fnv.New32a()
	h.Write([]byte(first(name)))
	last := first(name)[len(first(name))-1]
	if last == 'a' || last == 'e' || (last != 'o' && last != 's' && h.Sum32()%2 == 0) {
		return "she", "her", "her"
	}
	return "he", "his", "him"
}

// first is the name by which a person is called in prose.
func first(name string) string {
	f, _, _ := strings.Cut(name, " ")
	switch f {
	case "The", "Dr", "Dr.", "Mr", "Mr.", "Mrs", "Mrs.", "Ms", "Ms.", "Captain", "Old":
		return name
	}
	return f
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func placeName(r *random) string { return r.pick(placeHeads) + " " + r.pick(placeTails) }

func personName(r *random) string { return r.pick(givenNames) + " " + r.pick(familyNames) }
