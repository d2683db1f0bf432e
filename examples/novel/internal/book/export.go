package book

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dogear-go/dogear/examples/novel/internal/yw7"
	"github.com/dogear-go/dogear/state/filestore"
)

// Export writes what a run has so far as path.md, the manuscript, and path.yw7, a yWriter project. Both are derived: the same
// results always give the same bytes. Before the story is planned there is nothing to write, and nothing is written.
//
// While yWriter has the project open, which its lock file tells, the project is left alone and an error names the lock; the
// manuscript is written all the same.
func Export(ctx context.Context, path string) error {
	r, err := read(ctx)
	if err != nil {
		return fmt.Errorf("read the results: %w", err)
	}
	if r.plan == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return errors.Join(
		filestore.WriteFile(path+".md", r.manuscript()),
		writeProject(path+".yw7", r.project().Encode()))
}

func writeProject(file string, data []byte) error {
	lock := file + ".lock"
	switch _, err := os.Lstat(lock); {
	case err == nil:
		return fmt.Errorf("%s is left as it is, since yWriter has it open (%s exists); close it there, or remove the lock if yWriter is not running, and export again", file, lock)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return filestore.WriteFile(file, data)
}

// project is the book as yWriter keeps it.
func (r results) project() yw7.Project {
	p := yw7.Project{Title: r.title(), Author: "Dogear"}
	if r.plan != nil {
		p.Desc = r.plan.Premise
	}
	for _, l := range r.places {
		p.Locations = append(p.Locations, yw7.Location{Title: l.Name, Desc: l.Description, AKA: l.AKA})
	}
	for _, c := range r.cast {
		p.Characters = append(p.Characters, yw7.Character{Title: c.Name, Desc: c.Description, Notes: c.Notes, AKA: c.AKA,
			Bio: c.Biography, Goals: c.Goals, FullName: c.FullName, Major: c.Major})
	}
	for _, c := range r.chapters {
		chapter := yw7.Chapter{Title: fmt.Sprintf("Chapter %d: %s", c.Number, c.Title), Desc: c.Summary}
		for i, s := range c.Scenes {
			key := sceneKey(c.Number, i+1)
			t := r.turns[key]
			chapter.Scenes = append(chapter.Scenes, yw7.Scene{Title: s.Title, Desc: s.Summary, Content: r.text(key),
				Goal: t.Goal, Conflict: t.Conflict, Outcome: t.Outcome})
		}
		p.Chapters = append(p.Chapters, chapter)
	}
	return p
}
