// Package book writes a novel in eight steps, each a few lines of [workflow] around a prompt and its types.
//
//	story_planning        Plan          premise, themes, acts, arcs, what each chapter brings
//	character_creation    []Character
//	location_creation     []Location
//	chapter_outlining     []Chapter     each with its scenes
//	scene_structuring     Scene         goal, conflict, outcome; one item a scene
//	prose_writing         Draft         one item a scene, a chapter's scenes one after another
//	editorial_refinement  Draft         the same scenes, edited
//	rag_sync              index.Entry   vectors of characters, locations and scenes; optional
//
// Prompts are built from recorded results and parameters only. They hold no time, no id and nothing in an order that
// changes, so that a run which is killed and resumed asks the same questions and gets its recorded answers.
//
// What is made from the results (the manuscript, the yWriter project, the index) is derived: see [Export] and [Ask].
package book
