package book

import "strings"

// roster finds the name that the plan uses for a name that a model used.
type roster map[string]string

// rosterOf collects names with their other forms. The names themselves win over other forms, earlier ones over later ones.
func rosterOf(names []string, others func(i int) []string) roster {
	r := roster{}
	for _, n := range names {
		r.add(n, n)
	}
	for i, n := range names {
		for _, o := range others(i) {
			r.add(o, n)
		}
	}
	return r
}

func (r roster) add(form, name string) {
	if form = fold(form); form != "" && r[form] == "" {
		r[form] = name
	}
}

// find returns the plan's name, or the name as it is and false.
func (r roster) find(name string) (string, bool) {
	if known, ok := r[fold(name)]; ok {
		return known, true
	}
	return oneLine(name), false
}

// fold makes names comparable: case, spaces and a leading article do not count.
func fold(name string) string {
	return strings.TrimPrefix(strings.ToLower(strings.Join(strings.Fields(name), " ")), "the ")
}

// aliases splits "Old Pell, the Bait Man / Pelly".
func aliases(aka string) []string {
	return strings.FieldsFunc(aka, func(r rune) bool { return r == ',' || r == ';' || r == '/' })
}

func castRoster(cast []Character) roster {
	return rosterOf(characterNames(cast), func(i int) []string { return append(aliases(cast[i].AKA), cast[i].FullName) })
}

func placeRoster(places []Location) roster {
	return rosterOf(locationNames(places), func(i int) []string { return aliases(places[i].AKA) })
}

func characterNames(cast []Character) []string {
	names := make([]string, len(cast))
	for i, c := range cast {
		names[i] = c.Name
	}
	return names
}

func locationNames(places []Location) []string {
	names := make([]string, len(places))
	for i, l := range places {
		names[i] = l.Name
	}
	return names
}
