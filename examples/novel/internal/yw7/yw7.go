// Package yw7 writes yWriter 7 projects.
//
// A project is an XML file whose texts stand in CDATA sections, whose ids count from 1 and whose booleans are -1 when
// true and absent when false. [Project.Encode] gives the same bytes for the same project.
package yw7

// Project is a book as yWriter sees it.
type Project struct {
	Title, Desc, Author string
	Locations           []Location
	Characters          []Character
	Chapters            []Chapter
}

// Location is a place of the story.
type Location struct{ Title, Desc, AKA string }

// Character is a person of the story. Title is the name that the book uses.
type Character struct {
	Title, Desc, Notes, AKA, Bio, Goals, FullName string
	Major                                         bool
}

// Chapter is a chapter with its scenes in order.
type Chapter struct {
	Title, Desc string
	Scenes      []Scene
}

// Scene is a scene. Content is its text, empty while it is not written.
type Scene struct{ Title, Desc, Content, Goal, Conflict, Outcome string }
