package yw7

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Encode returns the file. Scenes are numbered through the whole book, in reading order.
func (p Project) Encode() []byte {
	var e encoder
	e.b.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	e.group("YWRITER7", true, func() {
		e.group("PROJECT", true, func() {
			e.number("Ver", 7)
			e.text("Title", p.Title)
			e.text("Desc", p.Desc)
			e.text("AuthorName", p.Author)
		})
		e.group("LOCATIONS", len(p.Locations) > 0, func() {
			for i, l := range p.Locations {
				e.location(i+1, l)
			}
		})
		e.group("ITEMS", false, nil)
		e.group("CHARACTERS", len(p.Characters) > 0, func() {
			for i, c := range p.Characters {
				e.character(i+1, c)
			}
		})
		e.scenes(p.Chapters)
		e.chapters(p.Chapters)
	})
	return []byte(e.b.String())
}

// encoder writes indented elements.
type encoder struct {
	b     strings.Builder
	depth int
}

func (e *encoder) location(id int, l Location) {
	e.group("LOCATION", true, func() {
		e.number("ID", id)
		e.text("Title", l.Title)
		e.text("Desc", l.Desc)
		e.optional("AKA", l.AKA)
	})
}

func (e *encoder) character(id int, c Character) {
	e.group("CHARACTER", true, func() {
		e.number("ID", id)
		e.text("Title", c.Title)
		e.text("Desc", c.Desc)
		e.optional("Notes", c.Notes)
		e.optional("AKA", c.AKA)
		e.optional("Bio", c.Bio)
		e.optional("Goals", c.Goals)
		e.optional("FullName", c.FullName)
		if c.Major {
			e.number("Major", -1)
		}
	})
}

func (e *encoder) scenes(chapters []Chapter) {
	id := 0
	e.group("SCENES", count(chapters) > 0, func() {
		for _, c := range chapters {
			for _, s := range c.Scenes {
				id++
				e.group("SCENE", true, func() {
					e.number("ID", id)
					e.text("Title", s.Title)
					e.text("Desc", s.Desc)
					e.text("SceneContent", s.Content)
					e.optional("Goal", s.Goal)
					e.optional("Conflict", s.Conflict)
					e.optional("Outcome", s.Outcome)
				})
			}
		}
	})
}

func (e *encoder) chapters(chapters []Chapter) {
	scene := 0
	e.group("CHAPTERS", len(chapters) > 0, func() {
		for i, c := range chapters {
			e.group("CHAPTER", true, func() {
				e.number("ID", i+1)
				e.text("Title", c.Title)
				e.text("Desc", c.Desc)
				e.number("Type", 0)        // an ordinary chapter
				e.number("ChapterType", 0) // likewise, for older readers of the format
				e.group("Scenes", len(c.Scenes) > 0, func() {
					for range c.Scenes {
						scene++
						e.number("ScID", scene)
					}
				})
			})
		}
	})
}

func (e *encoder) line(s string) {
	for range e.depth {
		e.b.WriteString("  ")
	}
	e.b.WriteString(s)
	e.b.WriteByte('\n')
}

// group writes an element that holds others, or an empty one.
func (e *encoder) group(name string, filled bool, inside func()) {
	if !filled {
		e.line("<" + name + " />")
		return
	}
	e.line("<" + name + ">")
	e.depth++
	inside()
	e.depth--
	e.line("</" + name + ">")
}

func (e *encoder) number(name string, n int) {
	e.line("<" + name + ">" + strconv.Itoa(n) + "</" + name + ">")
}

// text writes a text in CDATA; the end mark of CDATA within it is split over two sections.
func (e *encoder) text(name, s string) {
	s = strings.ReplaceAll(Clean(s), "]]>", "]]]]><![CDATA[>")
	e.line("<" + name + "><![CDATA[" + s + "]]></" + name + ">")
}

// optional is text for an element that stands only where there is something to say.
func (e *encoder) optional(name, s string) {
	if s != "" {
		e.text(name, s)
	}
}

func count(chapters []Chapter) (n int) {
	for _, c := range chapters {
		n += len(c.Scenes)
	}
	return n
}

// Clean removes what XML 1.0 cannot carry and turns each kind of line end into a newline.
func Clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.ReplaceAll(s, "\r", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r < 0x20, r == 0xFFFE, r == 0xFFFF, r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
}
