package yw7

import (
	"encoding/xml"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden file again")

func sample() Project {
	return Project{
		Title: "The Salt Clock", Desc: "A clock that runs on tides stops.", Author: "A. N. Author",
		Locations: []Location{
			{Title: "Harbour Tower", Desc: "Forty steps and a bell", AKA: "The Tower"},
			{Title: "The Flats", Desc: "Mud, twice a day"},
		},
		Characters: []Character{
			{Title: "Ines", Desc: "Keeper of the clock", Notes: "Left-handed", AKA: "The Keeper", Bio: "Born at low water.",
				Goals: "To hear it tick again", FullName: "Ines Maria Duarte", Major: true},
			{Title: "Old Pell", Desc: "Sells bait, knows everybody"},
		},
		Chapters: []Chapter{
			{Title: "Chapter 1: Slack Water", Desc: "The clock stops.", Scenes: []Scene{
				{Title: "The Last Tick", Desc: "Ines hears it stop", Content: "It stopped.\n\n\"Again?\" said Pell.",
					Goal: "Start it", Conflict: "The key is gone", Outcome: "She finds wet footprints"},
				{Title: "Footprints", Desc: "They lead to the flats"},
			}},
			{Title: "Chapter 2: Flood", Desc: "The water returns.", Scenes: []Scene{{Title: "Bell", Desc: "It rings", Content: "It rang."}}},
		},
	}
}

func TestGolden(t *testing.T) {
	const file = "testdata/sample.yw7"
	got := sample().Encode()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestEncodeIsDeterministic(t *testing.T) {
	require.Equal(t, sample().Encode(), sample().Encode())
}

// parsed is the file as a reader of the format sees it.
type parsed struct {
	Ver        int       `xml:"PROJECT>Ver"`
	Title      string    `xml:"PROJECT>Title"`
	Locations  []string  `xml:"LOCATIONS>LOCATION>Title"`
	Items      *struct{} `xml:"ITEMS"`
	Characters []struct {
		ID    int
		Title string
		AKA   string
		Major int
	} `xml:"CHARACTERS>CHARACTER"`
	Scenes []struct {
		ID           int
		Title        string
		SceneContent string
		Goal         string
	} `xml:"SCENES>SCENE"`
	Chapters []struct {
		ID   int
		Type int
		ScID []int `xml:"Scenes>ScID"`
	} `xml:"CHAPTERS>CHAPTER"`
}

func parse(t *testing.T, p Project) parsed {
	t.Helper()
	var got parsed
	d := xml.NewDecoder(strings.NewReader(string(p.Encode())))
	d.Strict = true
	require.NoError(t, d.Decode(&got))
	return got
}

func TestRoundTrip(t *testing.T) {
	got := parse(t, sample())
	require.Equal(t, 7, got.Ver)
	require.Equal(t, []string{"Harbour Tower", "The Flats"}, got.Locations)
	require.NotNil(t, got.Items)
	require.Equal(t, -1, got.Characters[0].Major)
	require.Zero(t, got.Characters[1].Major)
	require.Equal(t, []int{1, 2, 3}, []int{got.Scenes[0].ID, got.Scenes[1].ID, got.Scenes[2].ID})
	require.Equal(t, []int{1, 2}, got.Chapters[0].ScID)
	require.Equal(t, []int{3}, got.Chapters[1].ScID)
	require.Equal(t, "Start it", got.Scenes[0].Goal)
}

func TestRoundTripOfNastyTexts(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"end of CDATA":      {"a ]]> b", "a ]]> b"},
		"many of them":      {"]]>]]>]]]]>>", "]]>]]>]]]]>>"},
		"CDATA within":      {"<![CDATA[x]]>", "<![CDATA[x]]>"},
		"markup":            {`<b class="x">&amp; & < ></b>`, `<b class="x">&amp; & < ></b>`},
		"control":           {"a\x00b\x07c\x1bd\x1f", "abcd"},
		"tab and newline":   {"a\tb\nc", "a\tb\nc"},
		"carriage returns":  {"a\r\nb\rc", "a\nb\nc"},
		"not a character":   {"a\uFFFEb\uFFFFc", "abc"},
		"invalid UTF-8":     {"a\xffb\xc3", "ab"},
		"split by cleaning": {"a ]]\x00> b", "a ]]> b"},
		"other planes":      {"𝔸 – „ünïcode“ 🐙", "𝔸 – „ünïcode“ 🐙"},
		"empty":             {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := parse(t, Project{Title: tt.in, Chapters: []Chapter{{Title: "1", Scenes: []Scene{{Title: tt.in, Content: tt.in}}}}})
			require.Equal(t, tt.want, got.Title)
			require.Equal(t, tt.want, got.Scenes[0].SceneContent)
		})
	}
}

func TestEmptyBook(t *testing.T) {
	got := Project{Title: "Nothing yet"}.Encode()
	require.Contains(t, string(got), "<SCENES />")
	require.Contains(t, string(got), "<CHAPTERS />")
}

func FuzzText(f *testing.F) {
	f.Add("]]>")
	f.Add("a\x00]]\x0b>")
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, Clean(s), parse(t, Project{Title: s}).Title)
	})
}
